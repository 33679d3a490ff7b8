"""What an answer from the cache costs: the puck beside unbound, dnsmasq, knot-resolver, pdns-recursor and an echo.

    ./build.sh bench dns [--seconds N] [--rounds N] [--json FILE]

All of them forward to the same upstream and hold 10,000 names when they are measured; each has one thread and one
processor, the load has the other. The echo does nothing but receive and send: the least that any server can take. Rounds
take turns, and of each figure the best round counts, because everything else that runs on a machine only ever adds.
The puck is the whole daemon with its journal on. Exit 1 names each bar that was missed.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from resolvers import servers, zone
from resolvers.load import dnsperf, percentile

RELEASE = Path(__file__).resolve().parents[2] / "target/release"
FIRST_PORT = 5300
RATE = 10_000
# The server has a processor of its own where there are two.
SERVER_CPU, LOAD_CPU = (1, 0) if (os.cpu_count() or 1) > 1 else (0, 0)
BARS = [
    ("CPU of an answer, of unbound's", lambda f: ratio(f, "cpu_us", "unbound"), 0.88),
    ("CPU of an answer, of the echo's", lambda f: ratio(f, "cpu_us", "echo"), 1.15),
    ("p99 at 10k q/s, of unbound's", lambda f: ratio(f, "p99_us", "unbound"), 2.0),
    ("resident with 10,000 names, MiB", lambda f: f["nanogate"]["resident_mib"], 25.0),
]


def ratio(figures, key, peer):
    return figures["nanogate"][key] / figures[peer][key] if peer in figures else None


def open_all(folder):
    """Every server that this machine has, running and warm; the upstream last."""
    ports = iter(range(FIRST_PORT, FIRST_PORT + 1000, 10))
    upstream_port = next(ports)
    upstream = servers.Server("upstream", zone.upstream(folder, upstream_port), upstream_port).start(folder, LOAD_CPU)
    ours = [
        servers.echo(folder, RELEASE / "gate-test-echo", next(ports)),
        servers.nanogate(folder, RELEASE / "nanogate", next(ports), upstream_port),
    ]
    for name, (program, make) in servers.PEERS.items():
        if binary := servers.binary_of(program):
            (folder / name).mkdir()
            ours.append(make(folder / name, binary, next(ports), upstream_port))
        else:
            print(f"{name}: not packaged here, left out")
    return [server.start(folder, SERVER_CPU) for server in ours], upstream


def warm(server, questions):
    """Asks for every name until all are answered from the cache; twice more, for what is kept only when asked again."""
    for _ in range(4):
        run = dnsperf(server.port, questions, LOAD_CPU, times=1, outstanding=50)
    if run.answered < run.sent:
        raise RuntimeError(f"{server.name} answered {run.answered} of {run.sent} names when it was warm")


def measure(server, questions, seconds):
    before = server.cpu_seconds()
    full = dnsperf(server.port, questions, LOAD_CPU, seconds=seconds)
    cpu = (server.cpu_seconds() - before) / full.answered * 1e6
    before = server.cpu_seconds()
    paced = dnsperf(server.port, questions, LOAD_CPU, seconds=seconds, rate=RATE, latencies=True)
    paced_cpu = (server.cpu_seconds() - before) / paced.answered * 1e6
    return {
        "per_second": full.per_second,
        "cpu_us": cpu,
        "paced_cpu_us": paced_cpu,
        "p50_us": percentile(paced.latencies, 50),
        "p99_us": percentile(paced.latencies, 99),
        "lost": full.sent - full.answered + paced.sent - paced.answered,
    }


def best(rounds):
    """Of each figure the best round; what was lost is lost."""
    pick = {"per_second": max, "lost": sum}
    return {key: pick.get(key, min)(one[key] for one in rounds) for key in rounds[0]}


def show(figures):
    print(f"\n{'':16}{'q/s':>9}{'CPU µs':>8}{'at 10k':>8}{'p50 µs':>8}{'p99 µs':>8}{'RSS MiB':>9}{'lost':>6}")
    for name, row in figures.items():
        cells = f"{row['per_second']:9.0f}{row['cpu_us']:8.2f}{row['paced_cpu_us']:8.2f}{row['p50_us']:8.0f}"
        print(f"{name:16}{cells}{row['p99_us']:8.0f}{row['resident_mib']:9.1f}{row['lost']:6d}")
    print()
    missed = []
    for title, of, most in BARS:
        value = of(figures)
        held = value is not None and value <= most
        shown = "not measured" if value is None else f"{value:.2f}"
        print(f"{title:34} {shown:>12}   (at most {most:.2f}){'' if held else '   MISSED'}")
        missed += [] if held else [title]
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3, help="of each single run (default 3)")
    parser.add_argument("--rounds", type=int, default=4, help="of turns (default 4)")
    parser.add_argument("--json", type=Path, help="also write all numbers to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("OFFICE_SCRATCH")) as name:
        folder = Path(name)
        # The puck's processes have users of their own.
        folder.chmod(0o755)
        running, upstream = open_all(folder)
        ordered, shuffled = zone.questions(folder)
        for server in running:
            warm(server, ordered)
            warm(server, shuffled)
        resident = {server.name: server.resident_mib() for server in running}
        rounds = [
            {server.name: measure(server, shuffled, arguments.seconds) for server in running}
            for _ in range(arguments.rounds)
        ]
        for server in [*running, upstream]:
            server.stop()
    figures = {
        name: {**best([one[name] for one in rounds]), "resident_mib": resident[name]} for name in rounds[0]
    }
    missed = show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({"figures": figures, "rounds": rounds}, indent=2) + "\n")
    print("\nall bars held" if not missed else "\nmissed:\n  " + "\n  ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
