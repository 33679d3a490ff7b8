"""Who is asked: SNI, Host, authority and address have to agree, and lead only to the provider."""

import contextlib
import time

import plan
import planted
import pytest
from attacker import API, H2, PATH, Attacker, Refused, h1_request, h2_headers

BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
OTHERS = [
    "api.anthropic.com",
    "www.example.com",
    "api.openai.com.evil.example",
    "office.openai.azure.com",
    f"nanogate.{plan.DOMAIN}",
    plan.PUCK,
    "203.0.113.10",
    "",
]


@pytest.fixture
def attacker(office):
    return Attacker(office)


@pytest.mark.parametrize("host", OTHERS)
def test_another_host_than_the_sni_over_h1(attacker, arrived, host):
    status, _ = attacker.tls().exchange(h1_request(BODY, host=host))
    assert status in (400, 421)
    assert arrived.requests == []


@pytest.mark.parametrize("authority", OTHERS)
def test_another_authority_than_the_sni_over_h2(attacker, arrived, authority):
    h2 = H2(attacker.tls(alpn=("h2",)))
    outcome, _ = h2.outcome(h2.request(h2_headers(authority=authority), BODY))
    assert outcome in (400, 421, "reset", "goaway")
    assert arrived.requests == []


def test_authority_and_host_that_differ_over_h2(attacker, arrived):
    for host in ("www.example.com", "api.anthropic.com"):
        h2 = H2(attacker.tls(alpn=("h2",)))
        outcome, _ = h2.outcome(h2.request(h2_headers(extra=[("host", host)]), BODY))
        assert outcome in (400, 421, "reset", "goaway")
    assert arrived.requests == []


H1_GAMES = {
    "two hosts": ["host: www.example.com"],
    "two equal hosts": ["host: api.openai.com"],
    "host after a space": ["host : www.example.com"],
    "a folded header": ["x-a: b", " host: www.example.com"],
}


@pytest.mark.parametrize("label", H1_GAMES)
def test_host_games_over_h1(attacker, arrived, label):
    status, _ = attacker.tls().exchange(h1_request(BODY, headers=H1_GAMES[label]))
    assert status in (400, 421, None)
    assert arrived.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "http://www.example.com/v1/chat/completions",
        "https://api.anthropic.com/v1/messages",
        "https://user@www.example.com/",
        "www.example.com:443",
        "//www.example.com/",
    ],
)
def test_targets_that_name_another_server(attacker, arrived, target):
    status, _ = attacker.tls().exchange(h1_request(BODY, path=target))
    for request in arrived.requests:
        assert request["host"] == API, "it went to another host"
    if not target.startswith("//"):
        assert status in (400, 403, 405, 421, None)
        assert arrived.requests == []


@pytest.mark.parametrize("host", ["API.OPENAI.COM", "api.openai.com:443", "api.openai.com."])
def test_the_same_host_in_another_form_is_not_a_way_around(attacker, arrived, host):
    """Served or refused, both are right; an unredacted prompt is not."""
    body = BODY.replace(b"hello", planted.EMAIL.value.encode())
    attacker.tls().exchange(h1_request(body, host=host))
    assert planted.leaks(arrived.wire) == []


def test_the_second_request_on_a_connection_is_judged_as_well(attacker, arrived):
    tls = attacker.tls()
    assert tls.exchange(h1_request(BODY))[0] == 200
    assert tls.exchange(h1_request(BODY, host="www.example.com"))[0] in (400, 421, None)
    assert [request["host"] for request in arrived.requests] == [API]


@pytest.mark.parametrize("name", plan.TRAPS)
@pytest.mark.parametrize("client", ["client-watched", "client-inspected"])
def test_a_name_that_leads_inside_is_never_dialled(office, arrived, client, name):
    """What a hostile DNS answer would say; the puck's own address among it would be a loop."""
    with pytest.raises(Refused):
        Attacker(office, client).tls(name)
    assert arrived.connections == []
    records = office.puck.await_records(lambda record: (record["event"].get("connection") or {}).get("host") == name)
    assert records and records[-1]["event"]["connection"]["reason"] in ("ssrf_guard", "unresolvable")


def test_a_name_that_moves_inside_is_not_followed(office, arrived):
    """Rebinding: public when it is looked at first, private when it counts."""
    name = "moving.openai.azure.com"
    office.internet.move(name, plan.v4(12))
    deadline = time.monotonic() + 5
    while True:
        try:
            assert Attacker(office).tls(name).exchange(h1_request(BODY, host=name))[0] == 200
            break
        except Refused:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    office.internet.move(name, "10.0.0.5")
    ended = []
    while not any((one.get("host"), one.get("reason")) == (name, "ssrf_guard") for one in ended):
        assert time.monotonic() < deadline + 5
        with contextlib.suppress(Refused):
            Attacker(office).tls(name)
        ended = [(row["event"].get("connection") or {}) for row in office.puck.journal()]
    assert all(connection["local"].startswith(f"{plan.NET}.") for connection in arrived.connections)


@pytest.mark.parametrize("fault", ["expired", "wrong-name", "unknown-ca", "self-signed"])
@pytest.mark.parametrize("alpn", [("http/1.1",), ("h2", "http/1.1")], ids=["h1", "h2"])
def test_a_wrong_upstream_certificate_fails_before_a_word_is_said(office, attacker, arrived, fault, alpn):
    """Even to a client that would not check: nothing may be typed into a connection that is not the provider's."""
    with pytest.raises(Refused):
        attacker.tls(f"{fault}.openai.azure.com", alpn).exchange(h1_request(BODY, host=f"{fault}.openai.azure.com"))
    assert arrived.requests == [] and arrived.wire == b""


@pytest.mark.parametrize("path", ["/v1/%63hat/completions", "/v1/%2E%2e/x", "/openai/%64eployments/a/chat/completions"])
@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_a_path_hides_no_letters(attacker, arrived, alpn, path):
    """A provider reads them as they are meant, and the rules would not."""
    tls = attacker.tls(alpn=(alpn,))
    if alpn == "h2":
        h2 = H2(tls)
        status, _ = h2.outcome(h2.request(h2_headers(path=path), BODY))
    else:
        status, _ = tls.exchange(h1_request(BODY, path=path))
    assert status == 400
    assert arrived.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/chat/completions",
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1/chat/completions;x",
        "/v1%2Fchat/completions",
        "/V1/CHAT/COMPLETIONS",
        PATH + "?x=" + "y" * 4000,
        "/unknown/api/of/tomorrow",
    ],
)
def test_no_path_is_a_way_around_the_scanner(attacker, arrived, path):
    body = BODY.replace(b"hello", planted.CHAT.encode())
    attacker.tls().exchange(h1_request(body, path=path))
    assert planted.leaks(arrived.wire) == []
