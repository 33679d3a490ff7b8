import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pytest_office import new_office, office  # noqa: E402, F401
