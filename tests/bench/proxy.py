"""What the puck costs as a proxy, beside haproxy, nginx, sniproxy, squid, mitmproxy and a program made of hudsucker.

    ./build.sh bench proxy [PART…] [--quick] [--seconds N] [--rounds N] [--json FILE]

    memory      of the process that inspects: idle, 200 connections, after 100,000 requests
    splice      watched: CPU of a new connection and of a gigabyte
    inspected   requests/s, CPU and p99 of prompts of 8 KiB over 1 to 200 kept connections
    handshakes  CPU of a new inspected connection
    decisions   of the inspection API, and how many are late
    stream      64 events 20 ms apart, 20 streams at once
    added       what a person waits longer, with a model that thinks

Every proxy has one processor, the load and what it asks have the other; clients, proxies and the origin are in the virtual
office. Ours is the whole daemon with all rules and the journal on; its processor time is that of its `proxy` process. Rounds
take turns, and of each figure the best round counts. Exit 1 names each bar that was missed.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ["NANOGATE"] = str(ROOT / "target/release/nanogate")
sys.path.insert(0, str(ROOT / "tests/support"))

from proxies import added, decisions, handshakes, inspected, memory, splice, stream  # noqa: E402
from proxies.stage import Effort, open_stage  # noqa: E402

# The first one wants a puck that has done nothing yet.
PARTS = {
    "memory": memory,
    "splice": splice,
    "inspected": inspected,
    "handshakes": handshakes,
    "decisions": decisions,
    "stream": stream,
    "added": added,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure (default all): {' '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="one short round, fewer concurrencies")
    parser.add_argument("--seconds", type=int, help="of each single run (default 3, quick 1)")
    parser.add_argument("--rounds", type=int, help="of turns (default 2, quick 1)")
    parser.add_argument("--json", type=Path, help="also write all numbers to a file")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are: {' '.join(PARTS)}")
    quick = arguments.quick
    effort = Effort(
        seconds=arguments.seconds or (1 if quick else 3),
        rounds=arguments.rounds or (1 if quick else 2),
        bulk_bytes=(1 << 28) if quick else (1 << 30),
        quick=quick,
    )
    begun = time.monotonic()
    figures, bars = {}, []
    with open_stage(effort) as stage:
        for name, part in PARTS.items():
            if arguments.parts and name not in arguments.parts:
                continue
            figures[name] = part.measure(stage)
            part.show(figures[name])
            bars += part.bars(figures[name])
    print()
    for bar in bars:
        print(bar)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    missed = [bar.title for bar in bars if not bar.held]
    print("\nall bars held" if not missed else "\nmissed:\n  " + "\n  ".join(missed))
    print(f"{time.monotonic() - begun:.0f} s in all")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
