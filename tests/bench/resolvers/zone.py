"""The names that are asked for, the upstream that knows them, and the questions in dnsperf's form."""

import random

ZONE = "bench.example"
NAMES = 10_000


def names():
    """Of different lengths, as names are."""
    return [f"{'h' * (1 + number % 12)}{number}.{ZONE}" for number in range(NAMES)]


def upstream(folder, port):
    """The configuration of an unbound that answers for the zone by itself."""
    data = "\n".join(
        f'    local-data: "{name}. 3600 IN A 203.0.113.{number % 250 + 1}"' for number, name in enumerate(names())
    )
    path = folder / "upstream.conf"
    path.write_text(f"""server:
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    module-config: "iterator"
    local-zone: "{ZONE}." static
{data}
remote-control:
    control-enable: no
""")
    return ["unbound", "-d", "-c", path]


def questions(folder):
    """Every name once in order, to warm a cache, and all of them shuffled, to ask for."""
    ordered, shuffled = folder / "warm.txt", folder / "ask.txt"
    lines = [f"{name} A\n" for name in names()]
    ordered.write_text("".join(lines))
    random.Random(1).shuffle(lines)
    shuffled.write_text("".join(lines))
    return ordered, shuffled
