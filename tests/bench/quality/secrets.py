"""Rows of secrets: tokens in many carriers, credentials and keys in their own."""

from . import carriers, credentials, keys, tokens
from .rows import row, span


def token_rows(draw, each):
    """`each` carriers for every token type, none twice for one type, all of them in turn over the types."""
    order = list(range(len(carriers.CARRIERS)))
    position = len(order)
    for kind, (make, vendor, thing) in tokens.makers().items():
        name = carriers.Name(vendor, thing)
        used = set()
        while len(used) < each:
            if position == len(order):
                draw.shuffle(order)
                position = 0
            index = order[position]
            position += 1
            value = make(draw)
            if index in used or not carriers.fits(carriers.CARRIERS[index][1], value):
                continue
            used.add(index)
            category, text, written = carriers.fill(carriers.CARRIERS[index], name, value)
            yield row(text, [span(text, written, kind)], f"token:{category}")


def own_rows(draw, count):
    for kind, make in {**credentials.CREDENTIALS, **keys.KEYS}.items():
        for turn in range(count):
            text, value = make(draw, turn)
            yield row(text, [span(text, value, kind)], "credential")


def positives(draw, each):
    yield from token_rows(draw, each)
    # What only its surroundings give away deserves more of them.
    yield from own_rows(draw, 2 * each)
