"""Inspected requests: prompts of 8 KiB over kept connections, the scanner with all rules and the journal on."""

from proxies import peers
from proxies.bars import Bar, ratio, table
from proxies.turns import taking_turns

# haproxy only ends TLS on both sides: the bound. hudsucker does no more; with "+scan" it searches for forty patterns.
PEERS = [peers.haproxy_http, peers.hudsucker, peers.hudsucker_scan, peers.squid, peers.mitmproxy]
CLIENT = "client-inspected"
CONCURRENCIES = [1, 10, 50, 200]
TIE = 0.85


def measure(stage):
    concurrencies = [10, 50] if stage.effort.quick else CONCURRENCIES

    def one(subject):
        figures = {}
        for concurrency in concurrencies:
            run = stage.generate(subject, "requests", concurrency)
            figures[f"per_second_{concurrency}"] = run["per_second"]
            figures[f"cpu_us_{concurrency}"] = run["cpu_us"]
            # Some answer nobody in that time.
            figures[f"p99_ms_{concurrency}"] = run["p99"] / 1000 if run["count"] else float("inf")
        return figures

    return taking_turns(stage, PEERS, CLIENT, one, most=[f"per_second_{at}" for at in CONCURRENCIES], direct=True)


def show(figures):
    for key, title, digits in [
        ("per_second", "inspected requests of 8 KiB a second", 0),
        ("cpu_us", "CPU of the proxy for each, µs", 0),
        ("p99_ms", "p99, ms", 2),
    ]:
        table(title, figures, [(f"c={at}", f"{key}_{at}", digits) for at in CONCURRENCIES])


def bars(figures):
    measured = [at for at in CONCURRENCIES if f"cpu_us_{at}" in figures["nanogate"]]
    scan = "hudsucker+scan"
    result = [
        Bar("inspect, CPU at c=50, of haproxy's", ratio(figures, "cpu_us_50", "haproxy"), most=1.75),
        # Where the load's processor is the narrow place, requests a second tell no fast proxy from another.
        Bar(f"inspect, CPU at c=50, of {scan}'s", ratio(figures, "cpu_us_50", scan), most=1 / TIE),
    ]
    for at in measured:
        key, what = f"per_second_{at}", f"inspect, requests/s at c={at}"
        result.append(Bar(f"{what}, of {scan}'s", ratio(figures, key, scan), least=TIE))
        result.append(Bar(f"{what}, of squid's", ratio(figures, key, "squid"), least=1.0))
    result.append(Bar("inspect, p99 at c=50, of hudsucker's", ratio(figures, "p99_ms_50", "hudsucker"), most=2.0))
    return result
