"""What the peers share: rows in and findings out, or the speed over a corpus."""

import json
import sys
import time
from pathlib import Path


def finding(rule, base, start, end):
    return {"rule": rule, "kb": base, "start": start, "end": end}


def main(findings):
    """`rows`: standard input to standard output. `speed FILE SECONDS`: prints `{"mbs": …}`."""
    if sys.argv[1:] == ["rows"]:
        for line in sys.stdin:
            row = json.loads(line)
            print(json.dumps({"id": row["id"], "findings": findings(row["text"])}))
        return 0
    _, verb, corpus, seconds = sys.argv
    assert verb == "speed"
    texts = [json.loads(line)["text"] for line in Path(corpus).read_text().splitlines()]
    print(json.dumps({"mbs": speed(findings, texts, float(seconds))}))
    return 0


def speed(scan, texts, seconds):
    """Megabytes a second of processor time, over as many texts as fit into the time, from the first one again and again."""
    scan(texts[0][:1000])
    size, spent, turn = 0, 0.0, 0
    while spent < seconds:
        text = texts[turn % len(texts)]
        begun = time.process_time()
        scan(text)
        spent += time.process_time() - begun
        size += len(text.encode())
        turn += 1
    return size / spent / 1e6
