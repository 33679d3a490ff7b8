"""Streams: 64 events 20 ms apart, 20 streams at once on open connections, against going directly."""

import statistics

from proxies.bars import Bar, percentile, table

STREAMS = 20
CLIENT = "client-inspected"
# One stream lasts 64 events of 20 ms.
SECONDS = 4


def measure(stage):
    """All rounds together: what one event needed from the origin's hand to the client's, and what was added between two."""
    figures = {}
    rounds = {"direct": [], "nanogate": []}
    for _ in range(stage.effort.rounds):
        for subject in (stage.direct(CLIENT), stage.ours(CLIENT)):
            run = stage.generate(subject, "events", STREAMS, seconds=SECONDS, pause_ms=20)
            rounds[subject.name].append(run)
    for name, runs in rounds.items():
        first = sorted(sample / 1000 for run in runs for sample in run["samples"])
        streams = [stream for run in runs for stream in run["events"]]
        ways = sorted(way / 1000 for stream in streams for way in stream)
        gaps = sorted((now - before) / 1000 for stream in streams for before, now in zip(stream, stream[1:]))
        figures[name] = {
            "first_p50_ms": statistics.median(first),
            "first_p99_ms": percentile(first, 99),
            "way_p50_ms": statistics.median(ways),
            "way_p99_ms": percentile(ways, 99),
            "gap_p99_ms": percentile(gaps, 99),
            "gap_max_ms": gaps[-1],
        }
    return figures


def show(figures):
    columns = [("first p50 ms", "first_p50_ms", 2), ("first p99 ms", "first_p99_ms", 2), ("event p50 ms", "way_p50_ms", 3)]
    columns += [("event p99 ms", "way_p99_ms", 2), ("gap p99 ms", "gap_p99_ms", 2), ("gap max ms", "gap_max_ms", 2)]
    table("streams: first event, the way of each event, what is added between two", figures, columns)


def bars(figures):
    ours, direct = figures["nanogate"], figures["direct"]
    return [
        Bar("stream, added to the first event, median, ms", ours["first_p50_ms"] - direct["first_p50_ms"], most=0.5),
        Bar("stream, added to every event, median, ms", ours["way_p50_ms"] - direct["way_p50_ms"], most=0.5),
        # What the machine itself adds is in the direct one's.
        Bar("stream, largest added gap, ms", ours["gap_max_ms"] - max(direct["gap_max_ms"], 0), most=5.0),
    ]
