"""Memory of the process that inspects, without the rules: idle, with 200 connections, and after 100,000 requests."""

import contextlib
import json
import subprocess
import time

from proxies import stage as stages
from proxies.bars import Bar, table

CLIENT = "client-inspected"
CONNECTIONS = 200
REQUESTS = 100_000
# Rules are read from the file as they are used, so that idle means: has done something.
WARM_SECONDS = 2
# Freed memory goes back to the kernel some time later.
CALM_SECONDS = 5


def measure(stage):
    """On a puck that has just been started: the other parts leave nothing behind."""
    rules = rules_mib()
    ours = stage.ours(CLIENT)

    def resident():
        return stage.resident_mib(ours.pid)[0]

    stage.generate(ours, "requests", 2, seconds=WARM_SECONDS)
    time.sleep(CALM_SECONDS)
    figures = {"rules": rules, "idle": resident() - rules}
    busy = stage.start(ours, "requests", CONNECTIONS, seconds=WARM_SECONDS + 2)
    most = 0.0
    while busy.poll() is None:
        most = max(most, resident())
        with contextlib.suppress(subprocess.TimeoutExpired):
            busy.communicate(timeout=0.1)
    if busy.returncode:
        raise RuntimeError("the load of 200 connections broke")
    figures["connections"] = most - rules
    asked = 0
    while asked < (REQUESTS // 10 if stage.effort.quick else REQUESTS):
        asked += stage.generate(ours, "requests", 50, seconds=5)["all"]
    time.sleep(CALM_SECONDS)
    figures |= {"requests": asked, "after": resident() - rules, "resident": resident()}
    return {"nanogate": figures}


def rules_mib():
    """What the compiled rules take by themselves, in a program that has nothing else."""
    done = subprocess.run([stages.RELEASE / "examples/speed", "--quick", "--json"], capture_output=True, text=True)
    return json.loads(done.stdout)["loaded_bytes"] / 2**20


def show(figures):
    columns = [("rules", "rules", 1), ("idle", "idle", 1), ("200 open", "connections", 1)]
    columns += [("requests", "requests", 0), ("after them", "after", 1), ("all resident", "resident", 1)]
    table("memory of the proxy process without its rules, MiB", figures, columns)


def bars(figures):
    ours = figures["nanogate"]
    whole = ours["rules"] + ours["idle"]
    return [
        Bar("memory, idle, MB", megabytes(ours["idle"]), most=40.0),
        Bar("memory, 200 connections, MB", megabytes(ours["connections"]), most=120.0),
        Bar("memory, after the requests, of idle", ours["resident"] / whole, most=1.1),
    ]


def megabytes(mib):
    return mib * 2**20 / 1e6
