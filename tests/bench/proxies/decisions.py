"""The inspection API: texts of 4 KiB, each judged within its deadline or denied. No peer of ours has one."""

import plan
from proxies.bars import Bar, best, table
from proxies.stage import LOAD_CPU, PROXY_CPU, Subject, pin

CLIENT = "client-inspected"
HOST = f"nanogate.{plan.DOMAIN}"
# As many as are judged at once; more would wait for each other inside their deadline.
CONCURRENCY = 4
TEXT_BYTES = 4096
DEADLINE_MS = 15


def measure(stage):
    puck = stage.office.puck
    pid = puck.processes()["admin"]
    subject = Subject("nanogate", CLIENT, f"{plan.PUCK}:9443", pid=pid)
    token = puck.command("token", "add", "bench").stdout.strip()
    # The page's process makes the decisions, and has the processor for it here.
    pin(pid, PROXY_CPU)
    try:
        rounds = [one(stage, subject, token) for _ in range(stage.effort.rounds)]
    finally:
        pin(pid, LOAD_CPU)
    return {"nanogate": best(rounds, ("per_second",))}


def one(stage, subject, token):
    options = {"host": HOST, "bearer": token, "prompt_bytes": TEXT_BYTES}
    run = stage.generate(subject, "decisions", CONCURRENCY, **options)
    return {
        "per_second": run["per_second"],
        "cpu_us": run["cpu_us"],
        "p99_ms": run["p99"] / 1000,
        "late_of_thousand": run["denied"] / max(run["all"], 1) * 1000,
    }


def show(figures):
    columns = [("a second", "per_second", 0), ("CPU µs each", "cpu_us", 0), ("p99, ms", "p99_ms", 2)]
    table("decisions of 4 KiB", figures, [*columns, ("late of 1,000", "late_of_thousand", 2)])


def bars(figures):
    ours = figures["nanogate"]
    return [
        Bar("decisions of 4 KiB a second on one core", ours["per_second"], least=2000),
        Bar("decisions, p99, ms", ours["p99_ms"], most=DEADLINE_MS),
        Bar("decisions denied for being late, of 1,000", ours["late_of_thousand"], most=1.0),
    ]
