"""The scanners' side: rows in, findings out, in the same order."""

import json
import subprocess


# Stands where a finding has its knowledge base.
REFUSED = "refused"


class ScannerFailed(Exception):
    """A scanner ended early or answered out of order."""


def run(command, rows):
    """Feeds rows of `{"id", "text"}` to a scanner that answers each with one line; exit 1 only says that it found some."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([str(part) for part in command], input=lines.encode(), capture_output=True, check=False)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if done.returncode not in (0, 1) or [a["id"] for a in answers] != [r["id"] for r in rows]:
        last = done.stderr.decode().strip().rpartition("\n")[2]
        raise ScannerFailed(
            f"{command[0]} ended with {done.returncode} after {len(answers)} of {len(rows)} rows: {last}"
        )
    return [judged(answer) for answer in answers]


def judged(answer):
    """Its findings; a text that was refused unread would be denied, which is as good as an alarm and covers nothing."""
    if "refused" in answer:
        return [{"rule": "refused", "kb": REFUSED, "start": 0, "end": 0}]
    return answer["findings"]


class NanoGate:
    """`nanogate scan --jsonl` for whole texts, the example `rows` of gate-scrub for texts in pieces."""

    name = "nanogate"

    def __init__(self, whole, pieces):
        self.whole, self.pieces = whole, pieces

    def scan(self, texts):
        return run(self.whole, [{"id": str(index), "text": text} for index, text in enumerate(texts)])

    def scan_cut(self, texts, cuts):
        rows = [
            {"id": str(i), "text": text, "cuts": cut} for i, (text, cut) in enumerate(zip(texts, cuts, strict=True))
        ]
        return run(self.pieces, rows)
