"""A port scan: which doors of the puck a host of the office, or of the internet, finds open."""

import json
import sys

# Runs on the host. A closed port says so at once; only one that says nothing is waited for.
SCRIPT = r"""
import json, select, socket, sys

QUESTION = bytes.fromhex("000701000001000000000000") + b"\x03www\x07example\x03com\x00" + bytes.fromhex("00010001")


def knock(kind, address, port):
    wanted = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    # Of a link-local address this also finds the number of its interface.
    [(family, _, _, _, place)] = socket.getaddrinfo(address, port, type=wanted, flags=socket.AI_NUMERICHOST)
    door = socket.socket(family, wanted)
    door.setblocking(False)
    door.connect_ex(place)
    if kind == "udp":
        door.send(QUESTION)
    return door


def open_ones(doors, patience):
    poll, waiting = select.epoll(), {}
    for door in doors:
        knocking = knock(*door)
        waiting[knocking.fileno()] = (knocking, door)
        poll.register(knocking.fileno(), select.EPOLLOUT if door[0] == "tcp" else select.EPOLLIN)
    while waiting and (ready := poll.poll(patience)):
        for number, _ in ready:
            knocking, door = waiting.pop(number)
            error = knocking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            knocking.close()
            if error == 0:
                yield door


doors, patience = json.load(sys.stdin), float(sys.argv[1])
print(json.dumps([door for at in range(0, len(doors), 500) for door in open_ones(doors[at : at + 500], patience)]))
"""


def listening(host):
    """What waits on a host for whoever comes: protocol and port of each of its sockets (ss(8))."""
    found = set()
    for kind in ("tcp", "udp"):
        lines = host.run(["ss", "-Hnl", f"--{kind}"]).stdout.splitlines()
        found |= {(kind, int(line.split()[3].rpartition(":")[2])) for line in lines}
    return found


def scan(host, addresses, ports, patience=1):
    """The doors, as (protocol, address, port), that a host finds open; `ports` are pairs of protocol and port."""
    doors = [(kind, address, port) for address in addresses for kind, port in sorted(ports)]
    done = host.run([sys.executable, "-c", SCRIPT, patience], input=json.dumps(doors), timeout=240)
    return {tuple(door) for door in json.loads(done.stdout)}


def is_reached(host, address, closed_port=7):
    """Whether a host's packets get to an address at all: a port that nobody listens on refuses, instead of saying nothing."""
    script = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
except ConnectionRefusedError:
    print("refused")
"""
    return "refused" in host.run([sys.executable, "-c", script, address, closed_port], check=False).stdout
