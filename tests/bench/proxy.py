"""What the puck costs: direct, spliced and inspected beside each other, in one run.

    ./build.sh bench proxy [--seconds N] [--rounds N] [--json FILE]

All three go from a client in the virtual office to the same fake provider: directly, through the puck by a client
that is watched, through the puck by one that is inspected. Rounds take turns, so that a busy minute of the machine
hurts all three alike. Everything shares this machine's processors: the load generator and the provider, too.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "target/release"
os.environ.setdefault("NANOGATE", str(RELEASE / "nanogate"))
os.environ.setdefault("OFFICE_PROVIDER", str(RELEASE / "gate-test-provider"))
sys.path.insert(0, str(ROOT / "tests/support"))

import plan  # noqa: E402
import trust  # noqa: E402
from office import Office  # noqa: E402

GENERATOR = RELEASE / "gate-test-bench"
PATHS = ["direct", "splice", "inspect"]
ROUTES = {
    "direct": ("client-watched", plan.v4(10)),
    "splice": ("client-watched", plan.PUCK),
    "inspect": ("client-inspected", plan.PUCK),
}
CONCURRENCIES = [1, 10, 50]
# A model takes its time: with an answer in no time, the queue for two processors would be all there is to see.
THINKING_MS = 100
# Before each request, on average: clients do not ask in step.
PAUSE_MS = 25
TICKS = os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, office, seconds, rounds):
        self.office = office
        self.seconds = seconds
        self.rounds = rounds

    def generate(self, path, work, concurrency, fake="", pause_ms=0):
        """One run of the load generator; its summary, with the CPU time the proxy spent on each request."""
        client, address = ROUTES[path]
        roots = self.office.folder / f"etc/{client}/certs/{trust.BUNDLE}"
        command = [
            GENERATOR,
            "--work",
            work,
            "--address",
            f"{address}:443",
            "--roots",
            roots,
            "--concurrency",
            concurrency,
            "--seconds",
            self.seconds,
            "--pause-ms",
            pause_ms,
            "--fake",
            fake,
        ]
        before = self.proxy_seconds()
        done = self.office.hosts[client].run(command, timeout=self.seconds + 60)
        summary = json.loads(done.stdout)
        # The warming second is in the CPU time and not in the count.
        summary["cpu_seconds"] = (self.proxy_seconds() - before) * self.seconds / (self.seconds + 1)
        return summary

    def proxy_seconds(self):
        stat = Path(f"/proc/{self.office.puck.processes()['proxy']}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / TICKS

    def taking_turns(self, work, concurrency, fake="", pause_ms=0):
        """All paths in turn, round after round; the samples of each path together."""
        merged = {path: {"samples": [], "cpu_seconds": 0.0, "per_second": []} for path in PATHS}
        for _ in range(self.rounds):
            for path in PATHS:
                summary = self.generate(path, work, concurrency, fake, pause_ms)
                merged[path]["samples"] += summary["samples"]
                merged[path]["cpu_seconds"] += summary["cpu_seconds"]
                merged[path]["per_second"].append(summary["per_second"])
        for result in merged.values():
            result["samples"].sort()
        return merged

    def resident(self):
        """Resident memory of each process, in MiB, and how much of it is its own."""
        sizes = {}
        for name, pid in self.office.puck.processes().items():
            rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            kib = {row.split(":")[0]: int(row.split()[1]) for row in rows}
            private = kib["Private_Clean"] + kib["Private_Dirty"]
            sizes[name] = (kib["Rss"] / 1024, private / 1024)
        return sizes


def percentile(samples, percent):
    """Nearest rank, in milliseconds."""
    rank = -(-len(samples) * percent // 100)
    return samples[max(rank - 1, 0)] / 1000


def row(label, values, unit, *, added=False, digits=2):
    """One line: each path's value, and beside it how it compares with going directly."""
    cells = []
    for path in PATHS:
        cell = f"{values[path]:.{digits}f}"
        if path != "direct" and values["direct"]:
            difference, ratio = values[path] - values["direct"], values[path] / values["direct"]
            change = f"{difference:+.{digits}f}" if added else f"×{ratio:.2f}"
            cell += f" ({change})"
        cells.append(cell.rjust(20))
    print(f"{label.ljust(34)}{unit.rjust(6)}{''.join(cells)}", flush=True)


def latency(bench, results):
    for concurrency in CONCURRENCIES:
        merged = bench.taking_turns("requests", concurrency, f"slow-head={THINKING_MS}", PAUSE_MS)
        for percent in (50, 99):
            values = {path: percentile(merged[path]["samples"], percent) for path in PATHS}
            row(f"request, c={concurrency}, p{percent}", values, "ms", added=True)
            results[f"request_c{concurrency}_p{percent}_ms"] = values


def throughput(bench, results):
    merged = bench.taking_turns("requests", 10)
    values = {path: statistics.mean(merged[path]["per_second"]) for path in PATHS}
    row("requests at full load, c=10", values, "/s", digits=0)
    results["requests_per_second"] = values
    cpu = {path: merged[path]["cpu_seconds"] / len(merged[path]["samples"]) * 1e6 for path in PATHS}
    cpu["direct"] = 0.0
    row("CPU of the proxy, each request", cpu, "µs", digits=0)
    results["cpu_per_request_us"] = cpu


def connections(bench, results):
    merged = bench.taking_turns("connections", 8)
    values = {path: statistics.mean(merged[path]["per_second"]) for path in PATHS}
    row("new connections, full handshake", values, "/s", digits=0)
    results["connections_per_second"] = values
    cpu = {path: merged[path]["cpu_seconds"] / len(merged[path]["samples"]) * 1e6 for path in PATHS}
    cpu["direct"] = 0.0
    row("CPU of the proxy, each connection", cpu, "µs", digits=0)
    results["cpu_per_connection_us"] = cpu


def streams(bench, results):
    merged = bench.taking_turns("streams", 10, f"slow-head={THINKING_MS},pace=5,words=40", PAUSE_MS)
    for percent in (50, 99):
        values = {path: percentile(merged[path]["samples"], percent) for path in PATHS}
        row(f"first event of a stream, p{percent}", values, "ms", added=True)
        results[f"first_event_p{percent}_ms"] = values


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4, help="of each single run (default 4)")
    parser.add_argument("--rounds", type=int, default=2, help="of turns (default 2)")
    parser.add_argument("--json", type=Path, help="also write all numbers to a file")
    arguments = parser.parse_args()
    results = {}
    with Office(record=False) as office:
        office.install_puck()
        bench = Bench(office, arguments.seconds, arguments.rounds)
        begun = time.monotonic()
        print(
            f"{os.cpu_count()} processors; prompts of 8 KiB;"
            f" the model thinks for {THINKING_MS} ms, at full load not at all\n"
        )
        print(" " * 40 + "".join(path.rjust(20) for path in PATHS))
        for measure in (latency, throughput, connections, streams):
            measure(bench, results)
        print(
            "\nresident memory (of it private), MiB: "
            + ", ".join(f"{name} {rss:.1f} ({private:.1f})" for name, (rss, private) in bench.resident().items())
        )
        results["resident_mib"] = bench.resident()
        added = results["request_c50_p99_ms"]["inspect"] - results["request_c50_p99_ms"]["direct"]
        print(
            f"added p99 at c=50, inspected: {added:.2f} ms (the promise is under 10);"
            f" {time.monotonic() - begun:.0f} s in all"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if added < 10 else 1


if __name__ == "__main__":
    sys.exit(main())
