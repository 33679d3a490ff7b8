"""Refusals: in the provider's own words, before anything leaves, and the session lives on."""

import json

import planted
import pytest

INSPECTED, DENIED = "client-inspected", "client-denied"
URL = "https://api.openai.com/v1/chat/completions"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node"])
def test_a_private_key_raises_the_sdks_normal_exception(office, arrived, program, stream):
    key = planted.private_key()
    result = office.chat(INSPECTED, program, {"prompt": f"Why does this fail?\n{key}", "stream": stream})
    error = result["error"]
    assert error["class"] == "PermissionDeniedError" and error["status"] == 403
    assert "private key" in error["message"].lower()
    assert key.splitlines()[1][:20] not in json.dumps(result)
    assert arrived.requests == [] and arrived.wire == b""


def test_the_denial_has_the_providers_shape(office):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.private_key()}]})
    curl = ["curl", "-s", "-H", "content-type: application/json", "--data-binary", "@-"]
    client = office.hosts[INSPECTED]
    openai = json.loads(client.run([*curl, "-H", "authorization: Bearer k", URL], input=body).stdout)
    assert openai["error"]["code"] == "nanogate_blocked" and "private key" in openai["error"]["message"].lower()
    anthropic_url = "https://api.anthropic.com/v1/messages"
    anthropic = json.loads(client.run([*curl, "-H", "x-api-key: k", anthropic_url], input=body).stdout)
    assert anthropic["type"] == "error" and anthropic["error"]["type"] == "permission_error"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_connection_survives_a_denial(office, arrived, version):
    """Two requests on one connection: the second is answered on it."""
    denied = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.private_key()}]})
    clean = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    one = ["-s", version, "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\\n"]
    one += ["-H", "authorization: Bearer k", "-H", "content-type: application/json"]
    curl = ["curl", *one, "--data-raw", denied, URL, "--next", *one, "--data-raw", clean, URL]
    lines = office.hosts[INSPECTED].run(curl).stdout.splitlines()
    assert lines == ["403 1", "200 0"]
    assert json.loads(arrived.only_request()["bytes"])["messages"][0]["content"] == "hello"


def test_a_denied_secret_is_redacted_when_it_comes_back_as_history(office, arrived):
    """The SDK keeps the refused message in its list: the next turn must not be refused for it, nor leak it."""
    key = planted.private_key()
    first = [{"role": "user", "content": f"Look: {key}"}]
    assert office.chat(INSPECTED, "openai-python", {"messages": first})["error"]["status"] == 403
    assert office.chat(INSPECTED, "openai-python", {"messages": first})["error"]["status"] == 403
    turned = [
        *first,
        {"role": "assistant", "content": "I cannot see it."},
        {"role": "user", "content": "Never mind. Hello?"},
    ]
    result = office.chat(INSPECTED, "openai-python", {"messages": turned})
    assert result["error"] is None
    body = arrived.only_request()["bytes"].decode()
    assert "REDACTED" in body and "Never mind. Hello?" in body
    for line in key.splitlines()[1:-1]:
        assert line not in body


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node", "curl"])
def test_a_client_that_policy_denies_gets_no_further_than_tls(office, arrived, program):
    result = office.chat(DENIED, program, {"prompt": "hello"})
    assert result["error"] and result["error"]["status"] is None
    assert arrived.connections == []


def test_the_alert_says_access_denied_and_the_journal_says_why(office):
    done = office.hosts[DENIED].run(["curl", "-sS", "https://api.openai.com/"], check=False)
    assert done.returncode == 35 and "alert" in done.stderr, done.stderr
    records = office.puck.await_records(
        lambda record: (record["event"].get("connection") or {}).get("client", "").startswith("192.0.2.12")
    )
    event = records[-1]["event"]["connection"]
    assert event["mode"] == "refused" and "policy" in event["reason"]


def test_a_denied_client_still_has_the_rest_of_the_internet(office):
    done = office.hosts[DENIED].run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://www.example.com/"]
    )
    assert done.stdout == "200"
