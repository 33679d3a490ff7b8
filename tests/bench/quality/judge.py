"""A whole judgement: four files through a scanner, plainly and disguised."""

from . import evade, report
from .draw import Draw
from .score import caught, is_core, score

SEED = 11


def plain(rows, scanner):
    """Findings and scores of all files that have rows."""
    results, scores = {}, {}
    for name, table in rows.items():
        if table:
            results[name] = scanner.scan([row["text"] for row in table])
            scores[name] = score(name, table, results[name])
    return results, scores


def evasions(rows, results, scanner):
    """Each disguise: how many of the plainly found are still found; and how many texts change when cut."""
    table, differing = {}, 0
    for name in ("secrets", "pii", "injection"):
        found = [
            (row, findings)
            for row, findings in zip(rows.get(name, []), results.get(name, []), strict=True)
            if row["label"] == "positive" and row["spans"] and is_core(row) and caught(name, row, findings)
        ]
        if not found:
            continue
        versions = {}
        for row, _ in found:
            for disguise, version in evade.disguised(row, SEED).items():
                versions.setdefault(disguise, []).append(version)
        versions["base64 of the value"] = [evade.value_base64(row) for row in self_sufficient(name, found, scanner)]
        for disguise, disguised in versions.items():
            if disguised:
                kept = [
                    caught(name, *pair)
                    for pair in zip(disguised, scanner.scan([row["text"] for row in disguised]), strict=True)
                ]
                table.setdefault(disguise, {})[name] = (sum(kept), len(kept))
        differing += in_pieces(name, found, scanner, table)
    return table, differing


def self_sufficient(name, found, scanner):
    """Rows whose value is found with nothing around it; for others an encoded value lacks what gave it away."""
    bare = [evade.bare(row) for row, _ in found]
    results = scanner.scan([row["text"] for row in bare])
    return [
        row
        for (row, _), alone, found_alone in zip(found, bare, results, strict=True)
        if caught(name, alone, found_alone)
    ]


def in_pieces(name, found, scanner, table):
    draw = Draw(SEED)
    texts = [row["text"] for row, _ in found]
    results = scanner.scan_cut(texts, [evade.cuts(draw, text) for text in texts])
    kept = [caught(name, row, pieces) for (row, _), pieces in zip(found, results, strict=True)]
    table.setdefault("cut into pieces", {})[name] = (sum(kept), len(kept))
    return sum(place(whole) != place(pieces) for (_, whole), pieces in zip(found, results, strict=True))


def place(findings):
    return [(finding["rule"], finding["start"], finding["end"]) for finding in findings]


def failures(scores, table, differing):
    out = [failure for name, total in scores.items() for failure in report.failures(name, total)]
    return out + report.evasion_failures(table, differing)
