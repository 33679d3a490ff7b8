"""Scores a folder of labelled rows: what is covered, what is a false alarm, and what survives a disguise."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from .engine import REFUSED

FILES = ("secrets", "pii", "injection", "benign")
# The knowledge bases that a file is about; benign rows must be clean of all.
BASES = {
    "secrets": {"kb1-secrets"},
    "pii": {"kb2-personal", "kb3-payment", "kb5-health", "kb6-legal"},
    "injection": {"kb7-attacks"},
}


def load(folder):
    """Rows of the four files, each with an id; those that are not there are empty."""
    rows = {}
    for name in FILES:
        path = Path(folder) / f"{name}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        rows[name] = [json.loads(line) for line in lines if line]
    return rows


def is_core(row):
    return row.get("tier", "core") == "core"


@dataclass
class Score:
    """What one file came to; `covered` and its like count spans, for attacks whole documents."""

    spans: int = 0
    covered: int = 0
    found: int = 0
    documents: int = 0
    hit: int = 0
    negatives: int = 0
    alarms: Counter = field(default_factory=Counter)
    alarmed: list = field(default_factory=list)
    missed: Counter = field(default_factory=Counter)
    partly: Counter = field(default_factory=Counter)
    types: Counter = field(default_factory=Counter)
    missed_rows: list = field(default_factory=list)

    def recall(self):
        return self.covered / self.spans if self.spans else 1.0

    def overlap(self):
        return self.found / self.spans if self.spans else 1.0

    def documents_found(self):
        return self.hit / self.documents if self.documents else 1.0

    def false_alarms(self):
        return len(self.alarmed) / self.negatives if self.negatives else 0.0


def cover(span, findings):
    """How many bytes of a span all findings cover together, and how many the best one."""
    pieces = sorted((max(f["start"], span["start"]), min(f["end"], span["end"])) for f in findings)
    total, reached, best = 0, span["start"], 0
    for start, end in pieces:
        best = max(best, end - start)
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total, best


def counted(name, findings):
    bases = BASES.get(name)
    return [finding for finding in findings if bases is None or finding["kb"] in bases | {REFUSED}]


def read(findings):
    """Those of a text that was read at all."""
    return [finding for finding in findings if finding["kb"] != REFUSED]


def score(name, rows, results):
    """Only core rows count; `results` are findings, row by row."""
    total = Score()
    for row, found in zip(rows, results, strict=True):
        if not is_core(row):
            continue
        findings = counted(name, found)
        if row["label"] == "negative":
            total.negatives += 1
            if findings:
                total.alarmed.append((row["id"], row.get("category", ""), sorted({f["rule"] for f in findings})))
                total.alarms.update({f["kb"] for f in findings})
            continue
        findings = read(findings)
        total.documents += 1
        total.hit += bool(findings)
        for span in row["spans"]:
            add(total, row, span, findings, whole=name == "injection")
    return total


def add(total, row, span, findings, whole):
    kind, size = span["type"], span["end"] - span["start"]
    covered, best = cover(span, findings)
    done = bool(findings) if whole else covered == size
    total.spans += 1
    total.types[kind] += 1
    total.covered += done
    total.found += bool(findings) if whole else best * 2 >= size
    if not done:
        total.missed[kind] += 1
        total.partly[kind] += covered > 0
        total.missed_rows.append((row["id"], kind, row.get("category", ""), covered > 0))


def caught(name, row, findings):
    """Whether a positive row counts as found as it stands: the base for its disguises."""
    findings = read(counted(name, findings))
    if name == "injection":
        return bool(findings)
    return bool(row["spans"]) and all(cover(s, findings)[0] == s["end"] - s["start"] for s in row["spans"])


def by_category(total):
    """False alarms and misses by category of row."""
    table = defaultdict(Counter)
    for _, _, category, _ in total.missed_rows:
        table[category]["missed"] += 1
    for _, category, _ in total.alarmed:
        table[category]["alarm"] += 1
    return table
