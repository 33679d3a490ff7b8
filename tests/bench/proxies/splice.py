"""Watched connections: what a new one and a gigabyte take, beside proxies that route by SNI."""

from proxies import peers
from proxies.bars import Bar, ratio, table
from proxies.turns import taking_turns

PEERS = [peers.haproxy_tcp, peers.nginx, peers.sniproxy]
CLIENT = "client-watched"
GIB = 1 << 30


def measure(stage):
    def one(subject):
        # A question of a line: the way is measured, not what goes over it.
        new = stage.generate(subject, "connections", 8, prompt_bytes=64)
        bulk = stage.generate(subject, "bulk", 1, bytes=stage.effort.bulk_bytes)
        return {
            "connection_us": new["cpu_us"],
            "per_second": new["per_second"],
            "gib_seconds": bulk["cpu_seconds"] * GIB / stage.effort.bulk_bytes,
            "mib_per_second": stage.effort.bulk_bytes / 2**20 / (bulk["max"] / 1e6),
        }

    return taking_turns(stage, PEERS, CLIENT, one, most=("per_second", "mib_per_second"))


def show(figures):
    columns = [("CPU µs/conn", "connection_us", 0), ("conn/s", "per_second", 0)]
    columns += [("CPU s/GiB", "gib_seconds", 2), ("MiB/s", "mib_per_second", 0)]
    table("splice: new connections, TLS end to end, and bulk", figures, columns)


def bars(figures):
    return [
        Bar("splice, CPU of a connection, of nginx's", ratio(figures, "connection_us", "nginx"), most=1.0),
        Bar("splice, CPU of a GiB, of haproxy's", ratio(figures, "gib_seconds", "haproxy"), most=1.0),
        Bar("splice, CPU of a GiB, of nginx's", ratio(figures, "gib_seconds", "nginx"), most=1.0),
    ]
