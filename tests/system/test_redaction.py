"""What a user types by accident stays in the office; every other byte arrives as it was."""

import gzip
import json

import planted
import pytest

URL = "https://api.openai.com/v1/chat/completions"
KEY = ["-H", "authorization: Bearer sk-test", "-H", "content-type: application/json"]


def post(office, body, *options, url=URL):
    """A raw body through curl; the status and the answer."""
    curl = ["curl", "-s", "-o", "-", "-w", "\n%{http_code}", *KEY, *options, "--data-binary", "@-", url]
    done = office.hosts["client-inspected"].run(curl, input=body)
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), answer


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node", "curl"])
def test_chat_and_system_prompt_arrive_redacted(office, arrived, program, stream):
    result = office.chat(
        "client-inspected", program, {"prompt": planted.CHAT, "system": planted.SYSTEM, "stream": stream}
    )
    assert result["error"] is None and result["text"]
    body = json.loads(arrived.only_request()["bytes"])
    system = body.get("system") or body["messages"][0]["content"]
    assert body["messages"][-1]["content"] == planted.redacted(planted.CHAT)
    assert system == planted.redacted(planted.SYSTEM)
    assert planted.leaks(arrived.wire) == []


def test_every_other_byte_is_as_typed(office, arrived):
    body = (
        '{ "messages" : [ {"role":"user",\n  "content": "to anna.meyer@example.org please"} ],'
        '"model":"gpt-5-mini", "temperature":1.00, "seed":1e3,\t"x":[1,2 , 3], "model_extra":"\\u00e9\\/" }'
    )
    status, _ = post(office, body)
    assert status == 200
    request = arrived.only_request()
    assert request["bytes"].decode() == body.replace(planted.EMAIL.value, planted.EMAIL.placeholder)
    assert dict(request["headers"])["content-length"] == str(len(request["bytes"]))


def test_a_clean_body_is_not_touched_at_all(office, arrived):
    body = '{"model":"m" ,"messages":[{"role":"user","content":"id 1767225600123 at 2026-01-01T00:00:00Z"}] }\n'
    coded = gzip.compress(body.encode(), mtime=0)
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *KEY, "-H", "content-encoding: gzip"]
    path = office.folder / "clean.gz"
    path.write_bytes(coded)
    done = office.hosts["client-inspected"].run([*curl, "--data-binary", f"@{path}", URL])
    assert done.stdout == "200"
    assert arrived.only_request()["bytes"] == coded


def test_tool_arguments_are_json_inside_json(office, arrived):
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": planted.TOOL_ARGUMENTS}}
    messages = [
        {"role": "user", "content": "Send it."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"sent to {planted.EMAIL.value}"},
    ]
    result = office.chat("client-inspected", "openai-python", {"messages": messages})
    assert result["error"] is None
    received = json.loads(arrived.only_request()["bytes"])["messages"]
    arguments = received[1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == json.loads(planted.redacted(planted.TOOL_ARGUMENTS))
    assert received[2]["content"] == f"sent to {planted.EMAIL.placeholder}"


PACKERS = {"gzip": "gzipSync", "deflate": "deflateSync", "br": "brotliCompressSync", "zstd": "zstdCompressSync"}


@pytest.mark.parametrize(("coding", "packer"), PACKERS.items())
def test_a_compressed_body_is_read(office, arrived, coding, packer):
    """The compressors are Node's, so that the wire format is somebody else's idea of it."""
    script = f"""
        const zlib = require("node:zlib");
        const body = zlib.{packer}(require("node:fs").readFileSync(0));
        const kind = {{ "content-type": "application/json", "content-encoding": "{coding}" }};
        const headers = {{ ...kind, authorization: "Bearer k" }};
        fetch("{URL}", {{ method: "POST", headers, body }}).then((answer) => console.log(answer.status));
    """
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
    assert office.node("client-inspected", script, input=body).strip() == "200"
    request = arrived.only_request()
    assert json.loads(request["bytes"])["messages"][0]["content"] == planted.redacted(planted.CHAT)
    assert "content-encoding" not in dict(request["headers"])


def test_headers_and_credentials_go_through(office):
    curl = ["curl", "-s", *KEY, "-H", "x-request-name: café", "-d", "{}", "https://api.openai.com/fake/echo?a=1&b=%2F"]
    echoed = json.loads(office.hosts["client-inspected"].run(curl).stdout)
    headers = dict(echoed["headers"])
    assert headers["authorization"] == "Bearer sk-test"
    assert echoed["target"] == "/fake/echo?a=1&b=%2F"
    assert not [name for name in headers if name in ("via", "forwarded") or name.startswith(("x-forwarded", "proxy-"))]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_nothing_leads_around_the_puck(office, version):
    curl = ["curl", "-s", "-D", "-", "-o", "/dev/null", version, "https://api.openai.com/fake/echo"]
    head = office.hosts["client-inspected"].run(curl).stdout.lower()
    assert "200" in head.splitlines()[0]
    assert "alt-svc" not in head


def test_the_journal_counts_what_was_redacted_and_keeps_no_value(office):
    office.chat("client-inspected", "curl", {"prompt": planted.CHAT})
    records = office.puck.await_records(
        lambda record: (record["event"].get("request") or {}).get("decision") == "redact"
    )
    kinds = {finding["kind"] for finding in records[-1]["event"]["request"]["findings"]}
    assert {"email", "phone", "card", "api_key"} <= kinds
    for path in (office.puck.folder / "data").rglob("*"):
        if path.is_file():
            assert planted.leaks(path.read_bytes()) == [], path
    for name in ("stdout.log", "stderr.log"):
        assert planted.leaks((office.puck.folder / name).read_bytes()) == [], name
