"""The office itself, without a puck: what the other tests hold can be broken, and they would see it."""

import json

import plan
import planted
import pytest


@pytest.fixture(scope="module")
def bare():
    from office import Office

    with Office() as office:
        yield office


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node", "curl"])
def test_without_a_puck_everything_planted_arrives(bare, program):
    before = len(bare.internet.requests())
    result = bare.chat("client-inspected", program, {"prompt": planted.CHAT, "system": planted.SYSTEM})
    assert result["error"] is None and result["text"]
    body = bare.internet.requests(before)[0]["bytes"]
    assert planted.leaks(body) == [secret.value for secret in planted.EVERY]
    assert set(planted.leaks(bare.internet.wire())) >= {secret.value for secret in planted.EVERY}


@pytest.mark.parametrize("fault", ["expired", "wrong-name", "unknown-ca", "self-signed"])
def test_clients_refuse_a_broken_certificate(bare, fault):
    base = f"https://{fault}.openai.azure.com/openai/v1"
    for program in ("openai-python", "openai-node", "curl"):
        result = bare.chat("client-watched", program, {"base_url": base})
        assert result["error"], f"{program} accepted a certificate that is {fault}"


def test_clients_trust_the_pretend_internet_and_nothing_else(bare):
    listed = bare.hosts["client-watched"].run(["sh", "-c", "ls /etc/ssl/certs/*.pem"]).stdout.split()
    assert listed == ["/etc/ssl/certs/pretend-internet.pem"]


def test_the_names_resolve_as_on_the_internet(bare):
    client = bare.hosts["client-watched"]
    for name in plan.NAMES:
        assert client.run(["dig", "+short", name.host]).stdout.split() == [plan.v4(name.at)]
    https = client.run(["dig", "+short", "api.openai.com", "TYPE65"]).stdout
    assert "h3" in https, "the upstream must offer what the puck has to hide"


def test_the_provider_refuses_what_the_real_one_refuses(bare):
    client = bare.hosts["client-watched"]
    url = "https://api.openai.com/v1/chat/completions"
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
    assert client.run([*ask, "-d", "{}"]).stdout == "401"
    assert client.run([*ask, "-d", "{", "-H", "authorization: Bearer sk-test"]).stdout == "400"
    assert client.run([*ask, "-d", json.dumps({"model": "m"}), "-H", "authorization: Bearer sk-test"]).stdout == "400"
    assert client.run([*ask, "-X", "PUT", "-H", "x-fake: sleepy"]).stdout == "400"


def test_streams_are_paced_one_event_each(bare):
    result = bare.chat("client-watched", "curl", {"stream": True})
    gaps = [b - a for a, b in zip(result["events_ms"], result["events_ms"][1:])]
    assert len(gaps) > 20 and sum(gap > 15 for gap in gaps) > 0.8 * len(gaps)
