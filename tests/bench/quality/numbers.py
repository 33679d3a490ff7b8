"""What the makers of national numbers share."""

from .digits import weighted


def day(draw):
    return draw.randint(1945, 2005), draw.randint(1, 12), draw.randint(1, 28)


def until(draw, make):
    """Draws again where a check digit would have to be 10."""
    while True:
        text = make(draw)
        if text is not None:
            return text


def retry(make):
    return lambda draw: until(draw, make)


def grouped(text, sizes, by):
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return by.join(parts)


def two_mod11(body, first, second):
    for weights in (first, second):
        rest = weighted(body, weights) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return body
