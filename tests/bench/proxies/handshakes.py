"""New inspected connections: a handshake with the client, and one with the provider unless its connection is used again."""

from proxies import peers
from proxies.bars import Bar, best, ratio, table
from proxies.turns import taking_turns

PEERS = [peers.haproxy_fresh, peers.hudsucker, peers.squid, peers.mitmproxy]
CLIENT = "client-inspected"
# Of these hudsucker uses a provider's connection again, too.
KEEPS = "nanogate, kept"


def measure(stage):
    def one(subject):
        run = stage.generate(subject, "connections", 8, prompt_bytes=64)
        return {"connection_us": run["cpu_us"], "per_second": run["per_second"]}

    figures = taking_turns(stage, PEERS, CLIENT, one, most=("per_second",))
    with stage.keeping(15):
        rounds = [one(stage.ours(CLIENT)) for _ in range(stage.effort.rounds)]
        return {"nanogate": figures.pop("nanogate"), KEEPS: best(rounds, ("per_second",)), **figures}


def show(figures):
    table("new inspected connections", figures, [("CPU µs/conn", "connection_us", 0), ("conn/s", "per_second", 0)])


def bars(figures):
    again = ratio(figures, "connection_us", "hudsucker", ours=KEEPS)
    return [
        Bar("inspect, CPU of a new connection, of haproxy's", ratio(figures, "connection_us", "haproxy"), most=1.0),
        Bar("inspect, CPU of one whose provider's is used again, of hudsucker's", again, most=2.0),
    ]
