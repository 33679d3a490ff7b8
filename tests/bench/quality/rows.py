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


def surrounded(row, before, after):
    """The row in the middle of a longer document; its spans move along."""
    by = len(before.encode())
    spans = [{**one, "start": one["start"] + by, "end": one["end"] + by} for one in row["spans"]]
    return {**row, "text": before + row["text"] + after, "spans": spans, "category": row["category"] + "+document"}
