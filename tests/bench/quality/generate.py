"""Writes the four files: `python3 -m quality.generate FOLDER [--seed N] [--scale N]` from tests/bench."""

import argparse
import json
from pathlib import Path

from . import attacks, benign, code, negatives, personal, secrets, words
from .draw import Draw
from .rows import surrounded

SEED = 20260703


def in_documents(draw, rows):
    """Every sixth row in the midst of code or prose, as people paste it."""
    for index, row in enumerate(rows):
        if index % 6:
            yield row
            continue
        make = draw.choice([code.source, lambda d: words.prose(d, 8), lambda d: words.prose(d, 6, "de")])
        yield surrounded(row, make(draw) + "\n\n", "\n\n" + words.prose(draw, 2))


def secret_rows(seed, scale):
    draw = Draw(seed)
    yield from in_documents(draw, secrets.positives(draw, max(5, round(8 * scale))))
    yield from negatives.secrets(draw, round(1200 * scale))


def personal_rows(seed, scale):
    draw = Draw(seed + 1)
    yield from in_documents(draw, personal.rows(draw, max(5, round(10 * scale))))
    yield from personal.together(draw, round(120 * scale))
    yield from negatives.personal(draw, round(900 * scale))


def attack_rows(seed, scale):
    return attacks.rows(Draw(seed + 2), scale)


def benign_rows(seed, scale):
    return benign.rows(Draw(seed + 3), scale)


FILES = {"secrets": secret_rows, "pii": personal_rows, "injection": attack_rows, "benign": benign_rows}


def labelled(name, seed=SEED, scale=1.0):
    """The rows of one file, each with its id; the same seed and scale give the same rows."""
    return [{"id": f"{name[:3]}-{index:05d}", **row} for index, row in enumerate(FILES[name](seed, scale))]


def write(folder, seed=SEED, scale=1.0):
    """All four files, the same bytes for the same seed and scale."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in labelled(name, seed, scale))
        (folder / f"{name}.jsonl").write_text("".join(lines))
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
