"""Rows in the format of the labelled sets: byte offsets into the UTF-8 of `text`, end exclusive."""


def span(text, value, kind, after=0):
    """The first place of `value`; a carrier that does not hold it is a defect of the generator."""
    at = text.index(value, after)
    start = len(text[:at].encode())
    return {"start": start, "end": start + len(value.encode()), "type": kind, "value": value}


def row(text, spans=(), category="", label=None, tier="core"):
    return {
        "text": text,
        "spans": list(spans),
        "label": label or ("positive" if spans else "negative"),
        "source": "nano-gate quality data (generated)",
        "licence": "Apache-2.0",
        "category": category,
        "tier": tier,
    }
