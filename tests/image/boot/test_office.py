"""The booted image does what the office is promised: promises 4 to 6, 38 and 74 of image/README.md."""

import json
import re
import socket
import struct
import time

import knock
import plan
import planted
import pytest
import trust

CLIENT = "client-inspected"


def test_the_first_prompt_from_claim_code_to_redaction(site):
    site.await_page()
    client = site.hosts[CLIENT]
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    page = f"https://{plan.PUCK}:9443"
    code = site.claim_code()
    claim = json.dumps({"code": code, "password": "correct horse battery staple"})
    headers = ["-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    done = client.run(["curl", "-sk", "-w", "%{http_code}", "-o", "/dev/null", *headers, "-d", claim, f"{page}/api/v1/claim"])
    assert done.stdout == "204"
    authority = client.run(["curl", "-sk", f"{page}/ca/nanogate.pem"]).stdout
    authorities = {"pretend-internet": site.internet.ca.read_text(), "nanogate": authority}
    trust.write_store(site.folder / f"etc/{CLIENT}/certs", authorities)

    before = len(site.internet.requests())
    result = site.chat(CLIENT, "openai-python", {"prompt": planted.CHAT})
    assert result["error"] is None and result["text"].startswith("Certainly.")
    body = site.internet.requests(before)[0]["bytes"]
    assert planted.leaks(body) == []


def test_a_client_without_the_authority_is_watched(site):
    site.await_page()
    assert site.reach_provider() == "401", "the provider's own answer"


# 80 and 443 are the steered ones, which lead to 8081 and 8443; 8080 is the explicit proxy, 9443 the page.
MEANT = {("tcp", port) for port in (53, 80, 443, 8080, 8081, 8443, 9443)} | {("udp", 53)}
# What a device could listen on: all of TCP that is not for clients' own use, and of UDP names, DHCP, time and mDNS.
PORTS = {("tcp", port) for port in range(1, 10_001)} | {("udp", port) for port in (53, 67, 68, 123, 443, 546, 5353)}
# What is lost on the way is sent again after a second.
PATIENCE = 3


def test_nothing_listens_but_what_is_meant_to(site):
    site.await_page()
    client = site.hosts["client-watched"]
    found = {(kind, port) for kind, _, port in knock.scan(client, [plan.PUCK], PORTS, PATIENCE)}
    assert {("tcp", 53), ("udp", 53), ("tcp", 443), ("tcp", 9443)} <= found <= MEANT
    # By IPv6 it is reached at the address that it made from its own number (RFC 4862).
    found = {(kind, port) for kind, _, port in knock.scan(client, [f"{site.link_local()}%eth0"], PORTS, PATIENCE)}
    assert {("tcp", 53), ("tcp", 9443)} <= found <= MEANT


def test_nothing_listens_to_the_internet(site):
    """From beyond the router, which lets everything through here."""
    site.await_page()
    provider = site.hosts["provider"]
    assert knock.is_reached(provider, plan.PUCK)
    assert knock.scan(provider, [plan.PUCK], PORTS, PATIENCE) == set()


def test_the_root_is_read_only(site):
    """And no module is loaded any more: the kernel has this in such a way that it is never taken back (sysctl/kernel.rst)."""
    site.await_line("the root is read-only")
    site.await_line("bench: ready")
    site.board.type("read /proc/sys/kernel/modules_disabled")
    site.await_line("bench: /proc/sys/kernel/modules_disabled is 1\n")


# capabilities(7), by number: port 68, the network, packets below IP; the clock.
ADDRESS, CLOCK, RULES = 1 << 10 | 1 << 12 | 1 << 13, 1 << 25, 1 << 12


def test_hardly_anything_is_root(site):
    """Who runs, and what of root's each may. The shell is the test bench's own."""
    site.await_line("bench: ready")
    site.await_page()
    # The time daemon comes last.
    deadline = time.monotonic() + 60
    while "bench: who" not in site.board.log():
        assert time.monotonic() < deadline
        site.board.type("who ntp-daemon")
        time.sleep(1)
    words = re.search(r"bench: who (.*)", site.board.log())[1].split()
    # A worker is started by the path /proc/self/exe, and the kernel calls it by the last part of that.
    named = lambda name: "nanogate" if name == "exe" else name  # noqa: E731
    running = [(named(name), int(user), int(may, 16)) for name, user, may in (word.split("/") for word in words)]
    assert sorted(name for name, user, _ in running if user == 0) == ["busybox", "init"]
    others = sorted((name, may) for name, user, may in running if user != 0)
    *workers, supervisor = [may for name, may in others if name == "nanogate"]
    assert workers == [0, 0, 0, RULES] and supervisor.bit_count() <= 10
    assert [other for other in others if other[0] != "nanogate"] == [("beacon", 0), ("busybox", ADDRESS), ("ntp-daemon", CLOCK)]
    users = [user for _, user, _ in running if user != 0]
    assert len(set(users)) == len(users), "each has a user of its own"


@pytest.mark.parametrize("host", [plan.PUCK, "nanogate.local"])
def test_who_types_the_address_or_the_local_name_is_told_where_to_go(site, host):
    """Without TLS; what the page says to whom is `tests/system/test_landing.py`."""
    words = ["curl", "-s", "-w", "\n%{http_code}", "--max-time", "5", "--resolve", f"nanogate.local:80:{plan.PUCK}"]
    client = site.hosts["client-watched"]

    def told():
        text, _, status = client.run([*words, f"http://{host}/"], check=False).stdout.rpartition("\n")
        return status == "200" and f"https://{host}/" in text

    site.wait_for(told, 60, f"a page at http://{host}/")


# A program that speaks multicast DNS hears what everybody hears; one that only asks is told alone (RFC 6762, section 6.7).
@pytest.mark.parametrize("port", [5353, 0], ids=["everybody", "alone"])
def test_the_local_name_is_told_by_multicast(site, port):
    """To a host that asks nobody's DNS server."""
    name = b"\x08nanogate\x05local\0"
    group, own = ("224.0.0.251", 5353), socket.inet_aton(f"{plan.LAN}.{plan.CLIENTS[CLIENT]}")
    with site.hosts[CLIENT].network(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("", port))
        asker.settimeout(1)
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group[0]) + own)

        def told():
            # One question, for an address (A) of the internet (IN).
            asker.sendto(struct.pack("!HHHHHH", 0, 0, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1), group)
            sender = None
            # Who asks the group is of the group, and hears the question.
            while sender != (plan.PUCK, 5353):
                try:
                    heard, sender = asker.recvfrom(1500)
                except TimeoutError:
                    return False
            return name in heard and heard.endswith(socket.inet_aton(plan.PUCK))

        site.wait_for(told, 60, "an answer by multicast")
