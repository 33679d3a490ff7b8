"""What a person waits longer: a model that thinks, clients that do not ask in step; direct, watched and inspected."""

from proxies.bars import Bar, percentile, table

CONCURRENCIES = [1, 10, 50]
# With an answer in no time, the queue for two processors would be all there is to see.
THINKING_MS = 100
# Before each request, on average.
PAUSE_MS = 25


def measure(stage):
    paths = {"direct": stage.direct(), "watched": stage.ours("client-watched"), "inspected": stage.ours("client-inspected")}
    samples = {name: {at: [] for at in CONCURRENCIES} for name in paths}
    for _ in range(stage.effort.rounds):
        for at in CONCURRENCIES:
            for name, subject in paths.items():
                run = stage.generate(subject, "requests", at, fake=f"slow-head={THINKING_MS}", pause_ms=PAUSE_MS)
                samples[name][at] += run["samples"]
    return {
        name: {
            f"p{percent}_{at}_ms": percentile(sorted(taken[at]), percent) / 1000
            for at in CONCURRENCIES
            for percent in (50, 99)
        }
        for name, taken in samples.items()
    }


def show(figures):
    columns = [(f"c={at} p{percent}", f"p{percent}_{at}_ms", 2) for at in CONCURRENCIES for percent in (50, 99)]
    table(f"a request of 8 KiB to a model that thinks for {THINKING_MS} ms, ms", figures, columns)


def bars(figures):
    added = figures["inspected"]["p99_50_ms"] - figures["direct"]["p99_50_ms"]
    return [Bar("inspect, added p99 at c=50, ms", added, most=10.0)]
