import os
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "board/qemu-aarch64"), str(Path(__file__).parent)]

from site_with_puck import Site  # noqa: E402

if "OFFICE_SCRATCH" not in os.environ:
    pytest.exit("run inside the office: tests/support/enter tests/.venv/bin/python -m pytest …", returncode=2)


@pytest.fixture(scope="session")
def site():
    """One office with a booted puck, for all tests that leave it as it was."""
    with Site() as site:
        site.boot()
        yield site


@pytest.fixture
def new_site():
    """Makes offices of a test's own, with a card of their own."""
    sites = []

    def make(**options):
        site = Site(**options)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()
