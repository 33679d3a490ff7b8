"""The booted image does what the office is promised: promises 4 to 6 of image/README.md."""

import json
import re
import time

import knock
import plan
import planted
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


def test_the_root_is_read_only(site):
    site.await_line("the root is read-only")
