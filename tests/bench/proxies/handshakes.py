"""New inspected connections: a handshake with the client and, of all but hudsucker, one with the provider."""

from proxies import peers
from proxies.bars import Bar, ratio, table
from proxies.turns import taking_turns

PEERS = [peers.haproxy_fresh, peers.hudsucker, peers.squid, peers.mitmproxy]
CLIENT = "client-inspected"


def measure(stage):
    def one(subject):
        run = stage.generate(subject, "connections", 8, prompt_bytes=64)
        return {"connection_us": run["cpu_us"], "per_second": run["per_second"]}

    return taking_turns(stage, PEERS, CLIENT, one, most=("per_second",))


def show(figures):
    table("new inspected connections", figures, [("CPU µs/conn", "connection_us", 0), ("conn/s", "per_second", 0)])


def bars(figures):
    return [Bar("inspect, CPU of a new connection, of haproxy's", ratio(figures, "connection_us", "haproxy"), most=1.0)]
