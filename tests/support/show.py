"""How the demo looks: a hundred columns, colour where somebody watches."""

import os
import re
import sys
import textwrap

WIDTH = 100
COLUMN = (WIDTH - 7) // 2
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def colourful():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(style, text):
    return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if colourful() else text


def title(text):
    print(f"\n{paint('bold', text)}\n{paint('dim', '─' * WIDTH)}")


def line(text=""):
    print(f"  {text}", flush=True)


def note(text):
    for row in textwrap.wrap(text, WIDTH - 4):
        line(paint("dim", row))


def verdict(held, text):
    mark = paint("green", "✓") if held else paint("red", "✗ NOT HELD:")
    rows = textwrap.wrap(text, WIDTH - 6) or [""]
    line(f"{mark} {rows[0]}")
    for row in rows[1:]:
        line(f"  {row}")


def side_by_side(left_title, left, right_title, right, marks):
    """Two texts next to each other; `marks` are (style, word) pairs to make visible."""
    line(f"{paint('cyan', left_title.ljust(COLUMN))} │ {paint('cyan', right_title)}")
    rows_left, rows_right = wrap(left), wrap(right)
    for index in range(max(len(rows_left), len(rows_right))):
        one = rows_left[index] if index < len(rows_left) else ""
        two = rows_right[index] if index < len(rows_right) else ""
        padding = " " * (COLUMN - len(one))
        line(f"{marked(one, marks)}{padding} │ {marked(two, marks)}")


def wrap(text):
    rows = []
    for paragraph in shortened(text).splitlines():
        rows += textwrap.wrap(paragraph, COLUMN, break_on_hyphens=False) or [""]
    return rows


def shortened(text):
    """Long runs without a space, such as keys, by their two ends."""
    return re.sub(r"\S{60,}", lambda found: f"{found[0][:20]}…{found[0][-8:]}", text)


def marked(row, marks):
    for style, word in marks:
        for part in {word, shortened(word)}:
            row = row.replace(part, paint(style, part))
    return row


def journal(record):
    """One record as one line that a person can read."""
    kind, fields = next(iter(record["event"].items()))
    fields = {key: value for key, value in fields.items() if value not in (None, [], "")}
    if not fields.get("more_attachments"):
        fields.pop("more_attachments", None)
    shown = " ".join(f"{key}={compact(value)}" for key, value in fields.items())
    for index, row in enumerate(textwrap.wrap(f"{kind} {shown}", WIDTH - 13, break_on_hyphens=False)):
        line(paint("dim", f"{'journal' if index == 0 else '       '}  {row}"))


def compact(value):
    if isinstance(value, list):
        return ",".join(compact(part) for part in value)
    if isinstance(value, dict) and "rule" in value:
        return f"{value['count']}×{value['kind']}→{value['action']}"
    if isinstance(value, dict):
        return "/".join(f"{key}:{compact(part)}" for key, part in value.items() if part not in (0, False))
    return str(value)
