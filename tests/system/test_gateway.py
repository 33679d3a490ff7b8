"""Gateway mode: clients route through the puck, names resolve truly, and hard-coded ways out are caught."""

import json
import re
import time
from pathlib import Path

import knock
import plan
import planted
import pytest

INSPECTED = "client-inspected"


@pytest.fixture(scope="module")
def gateway():
    from office import Office

    with Office(gateway=True) as office:
        office.install_puck(
            config={
                "mode": "gateway",
                "identity": {"addresses": [plan.PUCK, plan.PUCK6]},
                "dns": {"listen": [f"{plan.PUCK}:53", f"[{plan.PUCK6}]:53"], "never_asks_seconds": 1},
                "proxy": {
                    "listen": ["0.0.0.0:8443", "[::]:8443"],
                    "http_listen": ["0.0.0.0:8088", "[::]:8088"],
                },
            }
        )
        # No client has asked for anything: the puck resolves what its catalogue names.
        for provider in (10, 11):
            for address in (plan.v4(provider), plan.v6(provider)):
                await_redirect(office, address)
        assert asked(office) == []
        yield office


def asked(office):
    """The steered names that clients asked the puck for."""
    names = [(record["event"].get("dns") or {}).get("name", "") for record in office.puck.journal(10_000)]
    return [name for name in names if name.endswith(("openai.com", "anthropic.com"))]


def is_redirected(office, address):
    return re.search(rf"[\s,{{]{re.escape(address)}[\s,}}]", office.puck.command("steer", "show").stdout) is not None


def await_redirect(office, address):
    deadline = time.monotonic() + 10
    while not is_redirected(office, address):
        assert time.monotonic() < deadline, f"{address} never reached the kernel"
        time.sleep(0.1)


def test_a_device_that_only_passes_through_is_told_of(gateway):
    """It asks another resolver, and so never this one; that its packets go through the puck is enough to be seen. This test
    comes first: in others the device asks."""
    dig = ["dig", "+short", f"@{plan.DNS}", "www.example.com"]
    assert gateway.hosts["client-denied"].run(dig).stdout.split() == [plan.v4(80)]
    silent = f"{plan.LAN}.12"

    def device(record):
        return record["event"].get("dns_device") or {}

    is_silent = lambda record: device(record).get("client") == silent and device(record)["never_asks"]  # noqa: E731
    assert gateway.puck.await_records(is_silent, timeout=20)
    deadline = time.monotonic() + 10
    while silent not in json.loads(gateway.puck.command("status", "--json").stdout)["dns"]["silent_devices"]:
        assert time.monotonic() < deadline, "the status does not name it"
        time.sleep(0.2)


def test_nothing_listens_to_the_internet(gateway):
    """A scan of the puck from beyond the router, which lets everything through here, by IPv4 and by IPv6: every TCP port,
    and every UDP port that is in use."""
    doors = knock.listening(gateway.hosts["puck"]) | {("tcp", 80), ("tcp", 443)}
    addresses = (plan.PUCK, plan.PUCK6)
    # The scan finds what the office is meant to find: else it would prove nothing.
    found = knock.scan(gateway.hosts[INSPECTED], addresses, doors)
    meant = {("tcp", 53), ("udp", 53), ("tcp", 80), ("tcp", 443), ("tcp", 8088), ("tcp", 8443)}
    only_v4 = {("tcp", plan.PUCK, port) for port in (8080, 9443)}
    assert found == {(kind, address, port) for kind, port in meant for address in addresses} | only_v4
    provider = gateway.hosts["provider"]
    assert all(knock.is_reached(provider, address) for address in addresses)
    assert knock.scan(provider, addresses, doors | {("tcp", port) for port in range(1, 65536)}) == set()
    # What it knocked at was dropped before a worker heard of it: there is no record.
    strangers = (f'"{plan.NET}.', f'"{plan.NET6}:')
    connections = [json.dumps(record["event"].get("connection")) for record in gateway.puck.journal(10_000)]
    assert not [seen for seen in connections if f'"client": {strangers[0]}' in seen or f'"client": {strangers[1]}' in seen]


def test_names_resolve_truly(gateway):
    dig = ["dig", "+short", f"@{plan.PUCK}", "api.openai.com"]
    assert gateway.hosts[INSPECTED].run(dig).stdout.split() == [plan.v4(10)]


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_prompt_is_redacted_on_its_way_to_the_true_address(gateway, family):
    before = len(gateway.internet.requests())
    curl = [
        "curl",
        family,
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{remote_ip} %{http_code}",
        "-H",
        "authorization: Bearer k",
    ]
    curl += [
        "-H",
        "content-type: application/json",
        "--data-binary",
        "@-",
        "https://api.openai.com/v1/chat/completions",
    ]
    body = '{"model":"m","messages":[{"role":"user","content":"to anna.meyer@example.org"}]}'
    address, status = gateway.hosts[INSPECTED].run(curl, input=body).stdout.split()
    assert (address, status) == (plan.v4(10) if family == "-4" else plan.v6(10), "200")
    [request] = gateway.internet.requests(before)
    assert request["bytes"].decode() == body.replace(planted.EMAIL.value, planted.EMAIL.placeholder)


@pytest.mark.parametrize("client", ["client-watched", INSPECTED])
def test_sdks_notice_nothing(gateway, client):
    for program in ("openai-python", "anthropic-python", "openai-node"):
        assert gateway.chat(client, program, {"prompt": "hello", "stream": True})["error"] is None


def test_a_client_with_another_resolver_is_caught(gateway):
    """It asks the resolver of the internet itself, through the puck, and gets the true address."""
    dig = ["dig", "+short", f"@{plan.DNS}", "claude.ai"]
    [address] = gateway.hosts[INSPECTED].run(dig).stdout.split()
    before = len(gateway.internet.requests())
    curl = ["curl", "-sS", "--resolve", f"claude.ai:443:{address}", "-H", "content-type: application/json"]
    body = '{"prompt":"to anna.meyer@example.org"}'
    gateway.hosts[INSPECTED].run([*curl, "-d", body, "https://claude.ai/api/append_message"])
    seen = gateway.internet.requests(before)
    assert all(planted.leaks(request["bytes"]) == [] for request in seen)
    found = gateway.puck.await_records(
        lambda record: (record["event"].get("connection") or {}).get("host") == "claude.ai"
    )
    assert found, "the connection went past the puck"


def test_a_hard_coded_address_is_caught(gateway):
    """The client asks no DNS at all."""
    curl = ["curl", "-sS", "--resolve", f"api.openai.com:443:{plan.v4(10)}", "-H", "authorization: Bearer k"]
    before = len(gateway.internet.requests())
    body = '{"model":"m","messages":[{"role":"user","content":"to anna.meyer@example.org"}]}'
    gateway.hosts[INSPECTED].run([*curl, "-d", body, "https://api.openai.com/v1/chat/completions"])
    [request] = gateway.internet.requests(before)
    assert planted.leaks(request["bytes"]) == []


def test_no_sni_towards_a_steered_address_is_refused(gateway):
    before = len(gateway.internet.connections())
    curl = ["curl", "-sk", "--max-time", "5", f"https://{plan.v4(10)}/"]
    assert gateway.hosts[INSPECTED].run(curl, check=False).returncode == 35
    assert gateway.internet.connections(before) == []


def test_a_name_outside_the_catalogue_on_a_shared_address_passes(gateway):
    """AI hosts share addresses with others in content networks: those are not ours to break."""
    curl = ["curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", f"www.example.com:443:{plan.v4(10)}"]
    assert gateway.hosts[INSPECTED].run([*curl, "https://www.example.com/"]).stdout == "200"
    records = gateway.puck.await_records(
        lambda record: (record["event"].get("connection") or {}).get("mode") == "passed"
    )
    assert records and records[-1]["event"]["connection"]["host"] == "www.example.com"


def test_other_sites_pass_unseen(gateway):
    before = len(gateway.internet.requests())
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://www.example.com/"]
    assert gateway.hosts[INSPECTED].run(curl).stdout == "200"
    [request] = gateway.internet.requests(before)
    assert request["peer"].startswith((f"{plan.LAN}.11:", f"[{plan.LAN6}:11]:"))


@pytest.mark.parametrize("address", [plan.v4(10), plan.v6(10)])
def test_quic_to_a_learnt_address_is_refused(gateway, address):
    probe = (
        "import socket,sys; s=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET,socket.SOCK_DGRAM)\n"
        "s.settimeout(3)\n"
        "s.connect((sys.argv[1],443)); s.send(b'\\xc0'*1200)\n"
        "try: s.recv(1); print('answered')\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except TimeoutError: print('silence')"
    )
    assert gateway.python(INSPECTED, probe, address).strip() == "refused"


WILD = "office.openai.azure.com"


@pytest.fixture
def learnt(gateway):
    """An address that only a client's question brings in: no catalogue spells the name out."""
    gateway.hosts[INSPECTED].run(["dig", "+short", f"@{plan.PUCK}", WILD])
    await_redirect(gateway, plan.v4(12))
    return plan.v4(12)


def test_whoever_has_an_answer_is_redirected_already(gateway):
    """Nothing but the puck answers at these addresses: who connects the moment that it has one meets the puck."""
    probe = (
        "import socket,struct,sys\n"
        "for name in sys.argv[2:]:\n"
        "    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))\n"
        "    ask = struct.pack('!6H', 1, 0x100, 1, 0, 0, 0) + labels + b'\\0' + struct.pack('!2H', 1, 1)\n"
        "    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    client.settimeout(5)\n"
        "    client.connect((sys.argv[1], 53))\n"
        "    client.send(ask)\n"
        "    address = socket.inet_ntoa(client.recv(1500)[-4:])\n"
        "    try:\n"
        "        with socket.create_connection((address, 443), 2): print(name, address)\n"
        "    except OSError as error: print(name, address, error)\n"
    )
    met = gateway.python(INSPECTED, probe, plan.PUCK, *plan.FRESH).splitlines()
    assert met == [f"{name} {address}" for name, address in plan.FRESH.items()]


def stays_redirected(office, address, seconds):
    """Whether the kernel redirects the address all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_redirected(office, address):
            return False
        time.sleep(0.05)
    return True


def destinations(office):
    return Path(office.puck.settings["data"]) / "state/dns/destinations.json"


def test_a_new_resolver_takes_over_what_was_learnt(gateway, learnt):
    victims = gateway.puck.kill("dns")
    gateway.puck.await_restart(victims)
    gateway.puck.await_ready()
    assert stays_redirected(gateway, learnt, 3)
    # Something new makes the new process write its set: the old one is in it.
    gateway.hosts[INSPECTED].run(["dig", "+short", f"@{plan.PUCK}", "cgnat.openai.azure.com", "A"])
    await_redirect(gateway, "100.64.0.1")
    assert WILD in json.loads(destinations(gateway).read_text())["addresses"][learnt], "with its name"
    assert stays_redirected(gateway, learnt, 1)


@pytest.mark.parametrize("content", [None, "", "[" + " " * 1_000_000 + "]"], ids=["missing", "broken", "too-long"])
def test_a_file_that_cannot_be_read_ends_no_redirect(gateway, learnt, content):
    file = destinations(gateway)
    good = file.read_text()
    try:
        if content is None:
            file.unlink()
        else:
            file.write_text(content)
        assert stays_redirected(gateway, learnt, 1), "while it runs"
        gateway.puck.await_restart(gateway.puck.kill("steer"))
        assert stays_redirected(gateway, learnt, 2), "when it starts again"
        assert "cannot be read; keeping" in gateway.puck.tail_log()
    finally:
        file.write_text(good)


def test_questions_to_other_resolvers_are_answered_here_where_the_owner_wants_that(new_office):
    office = new_office(gateway=True)
    addresses = [plan.PUCK, plan.PUCK6]
    office.install_puck(
        config={
            "mode": "gateway",
            "identity": {"addresses": addresses},
            "dns": {"listen": [f"{plan.PUCK}:53", f"[{plan.PUCK6}]:53"]},
            "steer": {"capture_dns": True},
        }
    )
    for other in (plan.DNS, plan.v6(80)):
        for transport in ("+notcp", "+tcp"):
            # Only the puck knows this name, and nobody answers at the other address.
            dig = ["dig", "+short", transport, f"@{other}", f"nanogate.{plan.DOMAIN}", "A"]
            assert office.hosts[INSPECTED].run(dig).stdout.split() == [plan.PUCK], (other, transport)
    rules = office.puck.command("steer", "show").stdout
    for rule in ("tcp dport 853 reject with tcp reset", "udp dport 853 reject"):
        assert f"ip daddr != @own4 {rule}" in rules and f"ip6 daddr != @own6 {rule}" in rules
