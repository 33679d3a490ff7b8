"""Gateway mode, as an office wants it: every way around the puck that a client has ends at the puck, or nowhere."""

import json
import re
import subprocess
import sys
import time

import plan
import planted
import pytest

CLIENT = "client-inspected"
BOTH = [plan.RESOLVER4, plan.RESOLVER6]
CHAT = "https://api.openai.com/v1/chat/completions"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"to {planted.EMAIL.value}"}]})

# A resolver for DNS over TLS (RFC 7858): each question goes on to the pretend internet's, which takes few connections.
DOT = f"""
import asyncio, socket, ssl, sys

def ask(question):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as behind:
        behind.settimeout(3)
        behind.sendto(question, ("{plan.DNS}", 53))
        return behind.recv(4096)

async def answer(question, writer):
    found = await asyncio.to_thread(ask, question)
    writer.write(len(found).to_bytes(2) + found)

async def serve(reader, writer):
    tasks = []
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(2))
            tasks.append(asyncio.create_task(answer(await reader.readexactly(length), writer)))
    except (asyncio.IncompleteReadError, OSError):
        writer.close()

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server = await asyncio.start_server(serve, "{plan.RESOLVER4}", 853, ssl=context)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

# What becomes of one datagram that looks like the first of QUIC: refused at once, answered, or lost without a word.
QUIC = (
    "import socket,sys\n"
    "address, port = sys.argv[1], int(sys.argv[2])\n"
    "s=socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)\n"
    "s.connect((address, port)); s.send(b'\\xc0'*1200)\n"
    "try: s.recv(1); print('answered')\n"
    "except ConnectionRefusedError: print('refused')\n"
    "except TimeoutError: print('silence')"
)


@pytest.fixture(scope="module")
def office():
    from office import Office

    with Office(gateway=True) as office:
        folder = office.folder / "dot"
        folder.mkdir()
        pem, roots = folder / "dot.pem", folder / "roots.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName=DNS:{plan.RESOLVER}"]
        subject = ["-subj", f"/CN={plan.RESOLVER}", *leaf]
        provider = office.hosts["provider"]
        # Beside the puck's own extra roots there is one file for both: the providers' authority and the resolver.
        provider.run([*make, *subject, "-keyout", folder / "key", "-out", folder / "cert"])
        pem.write_text((folder / "key").read_text() + (folder / "cert").read_text())
        roots.write_text(office.internet.ca.read_text() + (folder / "cert").read_text())
        server = provider.popen([sys.executable, "-c", DOT, pem], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "ready\n"
        office.install_puck(
            config={
                "mode": "gateway",
                "identity": {"addresses": [plan.PUCK, plan.PUCK6]},
                # The puck's own way out is one that its clients must not take.
                "dns": {
                    "listen": [f"{plan.PUCK}:53", f"[{plan.PUCK6}]:53"],
                    "upstreams": [f"tls://{plan.RESOLVER4}#{plan.RESOLVER}"],
                },
                "proxy": {
                    "listen": ["0.0.0.0:8443", "[::]:8443"],
                    "http_listen": ["0.0.0.0:8088", "[::]:8088"],
                    "extra_roots": str(roots),
                },
                "steer": {"capture_dns": True},
            }
        )
        for provider in (10, 11):
            for address in (plan.v4(provider), plan.v6(provider)):
                await_redirect(office, address)
        yield office


def await_redirect(office, address):
    deadline = time.monotonic() + 10
    while not re.search(rf"[\s,{{]{re.escape(address)}[\s,}}]", office.puck.command("steer", "show").stdout):
        assert time.monotonic() < deadline, f"{address} never reached the kernel"
        time.sleep(0.1)


def curl(office, *words, client=CLIENT, check=True):
    command = ["curl", "-sS", "--max-time", "10", *words]
    return office.hosts[client].run(command, check=check)


def prompt(office, *words, client=CLIENT):
    """Sends a prompt; the one that arrived."""
    before = len(office.internet.requests())
    headers = ["-H", "authorization: Bearer k", "-H", "content-type: application/json"]
    curl(office, "-o", "/dev/null", *words, *headers, "-d", BODY, CHAT, client=client)
    [request] = office.internet.requests(before)
    return request["bytes"].decode()


REDACTED = BODY.replace(planted.EMAIL.value, planted.EMAIL.placeholder)


def connections(office, wanted):
    found = office.puck.await_records(lambda record: wanted(record["event"].get("connection") or {}))
    return [record["event"]["connection"] for record in found]


@pytest.mark.parametrize("resolver", [plan.DNS, *BOTH])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_hard_coded_dns_is_answered_here(office, resolver, transport):
    dig = ["dig", "+short", transport, f"@{resolver}"]
    # Only the puck knows its own name.
    assert office.hosts[CLIENT].run([*dig, f"nanogate.{plan.DOMAIN}", "A"]).stdout.split() == [plan.PUCK]
    [address] = office.hosts[CLIENT].run([*dig, "api.openai.com"]).stdout.split()
    assert address == plan.v4(10)
    assert prompt(office, "--resolve", f"api.openai.com:443:{address}") == REDACTED


@pytest.mark.parametrize("address", [plan.v4(10), plan.v6(10)])
def test_a_literal_address_of_a_provider_is_caught(office, address):
    shown = f"[{address}]" if ":" in address else address
    # With the provider's name in the hello, and with none.
    assert prompt(office, "--resolve", f"api.openai.com:443:{shown}") == REDACTED
    before = len(office.internet.connections())
    assert curl(office, "-k", f"https://{shown}/v1/models", check=False).returncode == 35
    assert office.internet.connections(before) == []
    assert connections(office, lambda seen: seen.get("reason") == "no_sni" and seen["dst"] == f"{shown}:443")


@pytest.fixture
def v6_only(office):
    """A client that has no IPv4 address at all."""
    client = office.hosts[CLIENT]
    client.run(["ip", "-4", "address", "flush", "dev", "eth0"])
    office._point_dns(CLIENT, plan.PUCK6)
    yield CLIENT
    office._point_dns(CLIENT, plan.PUCK)
    client.ip(f"address add {plan.LAN}.11/24 dev eth0", f"route add default via {plan.PUCK}")


def test_a_client_of_ipv6_alone_is_inspected_and_kept_from_ways_around(office, v6_only):
    assert prompt(office) == REDACTED
    assert connections(office, lambda seen: seen.get("client", "").startswith(f"[{plan.LAN6}:11]") and seen["mode"] == "inspected")
    for way in ([f"https://[{plan.RESOLVER6}]/dns-query"], ["--doh-url", f"https://[{plan.RESOLVER6}]/dns-query", CHAT]):
        assert curl(office, "-k", *way, check=False).returncode != 0
    assert curl(office, "-o", "/dev/null", "-w", "%{http_code}", "https://www.example.com/").stdout == "200"


@pytest.mark.parametrize("address", [plan.v4(10), plan.v6(10), *BOTH])
def test_quic_first_falls_back_at_once(office, address):
    """The refusal comes as an ICMP error, which a client need not wait for."""
    assert office.python(CLIENT, QUIC, address, "443").strip() == "refused"
    assert prompt(office) == REDACTED


@pytest.mark.parametrize("address", [*BOTH, plan.DNS, plan.v6(80)])
def test_dns_over_tls_and_over_quic_is_refused(office, address):
    shown = f"[{address}]" if ":" in address else address
    # 7: the connection was refused; a listener of the pretend internet waits at one of them.
    assert curl(office, f"telnet://{shown}:853", check=False).returncode == 7
    assert office.python(CLIENT, QUIC, address, "853").strip() == "refused"


@pytest.mark.parametrize("address", BOTH)
def test_dns_over_https_to_a_known_resolver_ends_at_the_puck_with_a_record(office, address):
    shown = f"[{address}]" if ":" in address else address
    before = len(office.internet.connections())
    rows = [
        # By address, with no name in the hello, then with its own, then with one that no list has.
        ([f"https://{shown}/dns-query"], None),
        (["--resolve", f"{plan.RESOLVER}:443:{shown}", f"https://{plan.RESOLVER}/dns-query"], plan.RESOLVER),
        (["--resolve", f"harmless.example:443:{shown}", "https://harmless.example/dns-query"], "harmless.example"),
    ]
    for words, host in rows:
        assert curl(office, "-k", *words, check=False).returncode == 35
        [seen, *_] = connections(
            office, lambda seen, host=host: seen.get("dst") == f"{shown}:443" and seen["host"] == host
        )
        assert (seen["mode"], seen["reason"], seen["vendor"]) == ("refused", "encrypted_dns", "encrypted-dns")
    assert office.internet.connections(before) == []


def test_names_of_known_resolvers_do_not_exist_here_and_the_answer_says_why(office):
    answer = office.hosts[CLIENT].run(["dig", f"@{plan.PUCK}", plan.RESOLVER]).stdout
    assert "status: NXDOMAIN" in answer and "EDE: 15 (Blocked)" in answer and "resolves for itself" in answer, answer
    # A program that would ask it finds no way.
    assert curl(office, "--doh-url", f"https://{plan.RESOLVER}/dns-query", CHAT, check=False).returncode != 0
    asked = office.puck.await_records(lambda record: (record["event"].get("dns") or {}).get("name") == plan.RESOLVER)
    assert asked[0]["event"]["dns"]["outcome"] == {"refused": "encrypted_dns"}

    def told(record):
        device = record["event"].get("dns_device") or {}
        return any(one["name"] == plan.RESOLVER for one in device.get("bypass", []))

    assert office.puck.await_records(told, timeout=10), "the device is told of"
    assert "public resolvers for encrypted DNS  refused" in office.puck.command("status").stdout
    assert json.loads(office.puck.command("status", "--json").stdout)["dns"]["encrypted_dns"] == "refuse"


def test_the_puck_itself_goes_on_asking_the_resolver_that_its_clients_may_not(office):
    """All that was resolved here was: its only upstream is the public resolver, over TLS."""
    status = json.loads(office.puck.command("status", "--json").stdout)
    [upstream] = status["dns"]["upstreams"]
    assert upstream["upstream"].startswith(f"tls://{plan.RESOLVER4}") and upstream["working"]
    fresh = office.hosts[CLIENT].run(["dig", "+short", f"@{plan.PUCK}", "shop.example.net"]).stdout.split()
    assert fresh == [plan.v4(80)]


def test_where_they_are_only_reported_they_are_reached(new_office):
    """The control: without the setting all of it goes past, and only the question for the name is told."""
    office = new_office(gateway=True)
    office.install_puck(config={"mode": "gateway", "dns": {"encrypted_dns": "report"}})
    before = len(office.internet.connections())
    curl(office, "-o", "/dev/null", f"https://{plan.RESOLVER}/dns-query")
    by_address = ["--resolve", f"{plan.RESOLVER}:443:[{plan.RESOLVER6}]"]
    curl(office, "-o", "/dev/null", *by_address, f"https://{plan.RESOLVER}/dns-query")
    assert len(office.internet.connections(before)) == 2
    assert "reported, NOT REFUSED" in office.puck.command("status").stdout


def test_in_dns_mode_the_names_are_refused_where_the_owner_wants_that(new_office):
    office = new_office()
    office.install_puck(config={"dns": {"encrypted_dns": "refuse"}})
    answer = office.hosts[CLIENT].run(["dig", f"@{plan.PUCK}", plan.RESOLVER]).stdout
    assert "status: NXDOMAIN" in answer and "EDE: 15 (Blocked)" in answer, answer
    proxy = ["--proxy", f"http://{plan.PUCK}:8080", "--proxytunnel", "-w", "%{http_connect}"]
    assert curl(office, *proxy, f"https://{plan.RESOLVER}/", check=False).stdout == "403"
