"""Disguises that must not help: each true positive again, written so that a plain search would miss it."""

import base64
import json

from .draw import Draw

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
LATIN = "aceopxyABCEHKMOPTX"
CYRILLIC = "асеорхуАВСЕНКМОРТХ"


def zero_width(draw, text):
    """An invisible character after every second to fourth one, none at the ends."""
    out, left = [], draw.randint(2, 4)
    for index, char in enumerate(text):
        out.append(char)
        left -= 1
        if left == 0 and index + 1 < len(text):
            out.append(draw.choice(ZERO_WIDTH))
            left = draw.randint(2, 4)
    return "".join(out)


def full_width(_, text):
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def homoglyphs(_, text):
    """Half of the letters that have a Cyrillic twin, every second one: a word of both scripts."""
    out, turn = [], 0
    for char in text:
        at = LATIN.find(char)
        turn += at >= 0
        out.append(CYRILLIC[at] if at >= 0 and turn % 2 else char)
    return "".join(out)


IN_PLACE = {"zero-width": zero_width, "full-width": full_width, "homoglyphs": homoglyphs}


def parts(row):
    """The text around and in the spans: (plain, value, plain, value, …, plain)."""
    data, at, pieces = row["text"].encode(), 0, []
    for span in sorted(row["spans"], key=lambda span: span["start"]):
        if span["start"] < at:
            continue
        pieces += [data[at : span["start"]].decode(), data[span["start"] : span["end"]].decode()]
        at = span["end"]
    return pieces + [data[at:].decode()]


def joined(pieces, spans_type):
    """Pieces put together again, with spans around every second one."""
    text, spans = "", []
    for index, piece in enumerate(pieces):
        start = len(text.encode())
        text += piece
        if index % 2:
            spans.append({"start": start, "end": len(text.encode()), "type": spans_type})
    return text, spans


def in_place(row, change, draw):
    """The row with its values disguised, or None where that changes nothing."""
    pieces = parts(row)
    new = [change(draw, piece) if index % 2 else piece for index, piece in enumerate(pieces)]
    if new == pieces:
        return None
    text, spans = joined(new, row["spans"][0]["type"])
    return {**row, "text": text, "spans": spans}


def unicode_escapes(row):
    """The text as a string of JSON in which each character of a value is a `\\u` escape."""
    pieces = parts(row)
    new = []
    for index, piece in enumerate(pieces):
        escaped = json.dumps(piece, ensure_ascii=False)[1:-1]
        if index % 2:
            units = piece.encode("utf-16-be")
            escaped = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
        new.append(escaped)
    new[0] = '{"role":"user","content":"' + new[0]
    new[-1] += '"}'
    text, spans = joined(new, row["spans"][0]["type"])
    return {**row, "text": text, "spans": spans}


def whole_base64(row):
    """The whole text encoded; the span is the run, because a byte of it is no byte of the value."""
    run = base64.b64encode(row["text"].encode()).decode()
    text, spans = joined(["attachment: ", run, "\n"], row["spans"][0]["type"])
    return {**row, "text": text, "spans": spans}


def value_base64(row):
    """Each value encoded where it stands."""
    return in_place(row, lambda _, piece: base64.b64encode(piece.encode()).decode(), None)


def bare(row):
    """The first value with nothing around it: what its base64 has to be measured by."""
    value = parts(row)[1]
    text, spans = joined(["", value, ""], row["spans"][0]["type"])
    return {**row, "text": text, "spans": spans}


def cuts(draw, text):
    """Places at which a stream would be cut: mostly small pieces, some large ones."""
    places, at, size = [], 0, len(text.encode())
    while at < size:
        at += draw.randint(1, draw.choice([3, 17, 64, 400]))
        places.append(min(at, size))
    return places


def disguised(row, seed):
    """All disguises of a row that change it."""
    draw = Draw(f"{seed}:{row['id']}")
    versions = {name: in_place(row, change, draw) for name, change in IN_PLACE.items()}
    versions["\\u escapes"] = unicode_escapes(row)
    versions["base64 of the text"] = whole_base64(row)
    return {name: version for name, version in versions.items() if version}
