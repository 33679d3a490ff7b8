"""Gateway mode: clients route through the puck, names resolve truly, and hard-coded ways out are caught."""

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
                "proxy": {
                    "listen": ["0.0.0.0:8443", "[::]:8443"],
                    "http_listen": ["0.0.0.0:8088", "[::]:8088"],
                },
            }
        )
        learn(office)
        yield office


def learn(office):
    """The puck learns addresses from the answers it gives; a first question brings each vendor in."""
    import time

    for name in ("api.openai.com", "api.anthropic.com", "office.openai.azure.com"):
        for kind in ("A", "AAAA"):
            office.hosts[INSPECTED].run(["dig", "+short", name, kind])
    deadline = time.monotonic() + 5
    while plan.v4(10) not in office.puck.command("steer", "show").stdout:
        assert time.monotonic() < deadline, "the learnt addresses never reached the kernel"
        time.sleep(0.1)


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


def test_quic_to_a_learnt_address_is_refused(gateway):
    probe = (
        "import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3)\n"
        "s.connect((sys.argv[1],443)); s.send(b'\\xc0'*1200)\n"
        "try: s.recv(1); print('answered')\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except TimeoutError: print('silence')"
    )
    assert gateway.python(INSPECTED, probe, plan.v4(10)).strip() == "refused"
