"""The scanner beside its peers: how fast it is, and what it finds.

    ./build.sh bench scan [--no-instructions] [--json FILE]
    ./build.sh bench scan --quality DIR|own [--show-misses] [--no-peers] [--json FILE]

Without `--quality`: speed on clean text, code and JSON chat, beside Vectorscan with the same literals and patterns,
detect-secrets and Presidio, on the same bytes. With it: the rows of DIR (secrets, pii, injection, benign `.jsonl`)
through `nanogate scan --jsonl`, then every true positive in disguise; `own` stands for the project's own data, generated
on the spot. Exit 1 when a bar is missed. No value and no text is ever printed.
"""

import argparse
import json
import sys
from pathlib import Path

import speed
from quality import generate, judge, report
from quality.draw import Draw
from quality.engine import NanoGate, run
from quality.score import load, score

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "target/release"
PYTHON = ROOT / "out/peers/bin/python"
PEERS = {
    "detect-secrets": ("detect.py", ("secrets", "benign")),
    "presidio-analyzer": ("presidio.py", ("pii", "benign")),
}
# Peers look at some ten kilobytes a second: of more rows than this they get a sample.
PEER_ROWS = 800


def quality(arguments):
    own = arguments.quality == "own"
    rows = {name: generate.labelled(name) for name in generate.FILES} if own else load(arguments.quality)
    if not any(rows.values()):
        sys.exit(f"bench scan: {arguments.quality} holds none of secrets, pii, injection, benign .jsonl")
    scanner = NanoGate([RELEASE / "nanogate", "scan", "--jsonl"], [RELEASE / "examples/rows"])
    results, scores = judge.plain(rows, scanner)
    report.summary(scores)
    for name, total in scores.items():
        report.misses(name, total, arguments.show_misses)
    table, differing = judge.evasions(rows, results, scanner)
    report.evasions(table, differing)
    if not arguments.no_peers:
        peers(rows)
    failed = judge.failures(scores, table, differing)
    return failed, {
        "scores": {name: figures(total) for name, total in scores.items()},
        "evasions": table,
        "differing_in_pieces": differing,
    }


def figures(total):
    return {
        "spans": total.spans,
        "covered": total.recall(),
        "overlap": total.overlap(),
        "documents": total.documents_found(),
        "negatives": total.negatives,
        "with_a_finding": len(total.alarmed),
        "missed": dict(total.missed),
    }


def peers(rows):
    """The same rows through what others use, each on what it is made for."""
    print("\nbeside them, on the same rows:")
    for peer, (script, names) in PEERS.items():
        for name in names:
            table = rows.get(name)
            if not table:
                continue
            if len(table) > PEER_ROWS:
                table = Draw(1).sample(table, PEER_ROWS)
            texts = [{"id": row["id"], "text": row["text"]} for row in table]
            total = score(name, table, run([PYTHON, Path(__file__).parent / "peers" / script, "rows"], texts))
            found = f"covered {total.recall():.3f}, overlap {total.overlap():.3f}, " if total.spans else ""
            print(f"  {peer:18} {report.WHAT[name]:34} {found}negatives with a finding {total.false_alarms():.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", metavar="DIR", help="score labelled rows; `own`: the project's own")
    parser.add_argument("--show-misses", action="store_true", help="numbers and types of the rows that were missed")
    parser.add_argument("--no-peers", action="store_true", help="with --quality: leave the peers out")
    parser.add_argument(
        "--no-instructions", action="store_true", help="do not count instructions, which takes a minute"
    )
    parser.add_argument("--json", type=Path, help="also write all numbers to a file")
    arguments = parser.parse_args()
    if arguments.quality:
        failed, numbers = quality(arguments)
    else:
        bench = speed.Speed(RELEASE / "examples/speed", PYTHON, ROOT / "firmware/packs")
        numbers = bench.measure(not arguments.no_instructions)
        speed.report(numbers)
        failed = speed.failures(numbers)
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=2) + "\n")
    print("\nall bars held" if not failed else "\nmissed:\n  " + "\n  ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
