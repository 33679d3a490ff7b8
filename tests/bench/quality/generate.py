"""Writes the files: `python3 -m quality.generate FOLDER [--seed N] [--scale N]` from tests/bench."""

import argparse
import json
from pathlib import Path

from . import negatives, personal, secrets
from .draw import Draw

SEED = 20260703


def secret_rows(seed, scale):
    draw = Draw(seed)
    yield from secrets.positives(draw, max(5, round(8 * scale)))
    yield from negatives.secrets(draw, round(1200 * scale))


def personal_rows(seed, scale):
    draw = Draw(seed + 1)
    yield from personal.rows(draw, max(5, round(10 * scale)))
    yield from negatives.personal(draw, round(900 * scale))


FILES = {"secrets": secret_rows, "pii": personal_rows}


def write(folder, seed=SEED, scale=1.0):
    """All files; the same seed and scale give the same bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        with (folder / f"{name}.jsonl").open("w") as file:
            for index, row in enumerate(make(seed, scale)):
                file.write(json.dumps({"id": f"{name[:3]}-{index:05d}", **row}, ensure_ascii=False) + "\n")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer rows (default 1)")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.seed, arguments.scale)


if __name__ == "__main__":
    main()
