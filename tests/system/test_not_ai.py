"""Everything that is not AI goes its own way, and port 80 of what is AI goes nowhere."""

import plan
import planted
import pytest

CLIENTS = list(plan.CLIENTS)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("url", ["https://www.example.com/", "http://www.example.com/", "https://shop.example.net/"])
def test_other_sites_are_reached_directly(office, arrived, client, url):
    curl = ["curl", "-sS", "-w", "\\n%{remote_ip} %{http_code}", "-d", planted.CHAT, url]
    body, _, facts = office.hosts[client].run(curl).stdout.rpartition("\n")
    address, status = facts.split()
    request = arrived.only_request()
    assert status == "200" and "received" in body
    assert address in (plan.v4(80), plan.v6(80))
    own = (f"{plan.LAN}.{plan.CLIENTS[client]}:", f"[{plan.LAN6}:{plan.CLIENTS[client]}]:")
    assert request["peer"].startswith(own), "the client's own address: nothing stands in between"
    assert request["bytes"].decode() == planted.CHAT


def test_they_are_reached_over_ipv6_too(office):
    curl = ["curl", "-6", "-sS", "-o", "/dev/null", "-w", "%{remote_ip}", "https://www.example.com/"]
    assert office.hosts["client-inspected"].run(curl).stdout == plan.v6(80)


def test_plain_http_to_an_ai_name_is_redirected_and_never_forwarded(office, arrived):
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-d", planted.CHAT]
    done = office.hosts["client-inspected"].run([*curl, "http://api.openai.com/v1/chat/completions?x=1"])
    status, location = done.stdout.split()
    assert status in ("307", "308") and location == "https://api.openai.com/v1/chat/completions?x=1"
    assert arrived.requests == [] and arrived.connections == []


def test_quic_to_an_ai_name_is_refused_at_once(office):
    """An immediate refusal lets a browser fall back without waiting for its timer."""
    probe = (
        "import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3);"
        "s.connect(('api.openai.com',443)); begun=time.monotonic(); s.send(b'\\xc0'*1200)\n"
        "try: s.recv(1); print('answered')\n"
        "except ConnectionRefusedError: print('refused' if time.monotonic()-begun<1 else 'late')\n"
        "except TimeoutError: print('silence')"
    )
    assert office.python("client-watched", probe).strip() == "refused"
