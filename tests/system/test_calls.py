"""gRPC and Connect through the puck: a real client notices nothing, and a secret ends the call in the call's own status."""

import json
import struct

import planted
import pytest

SECRET = planted.KEY.value
INSPECTED, WATCHED = "client-inspected", "client-watched"
SHAPES = {
    "say": (["Give me three headings."], "Certainly. Revenue grew in three of four regions.1"),
    "hear": (["One.", "Two.", "Three."], "Certainly. Revenue grew in three of four regions.3"),
    "tell": (["Give me three headings."], "Certainly. Revenue grew in three of four regions."),
    "talk": ([f"turn {turn}" for turn in range(5)], "".join(f"heard {turn}\n" for turn in range(1, 6))),
}


def messages(body):
    """How many messages these bytes are."""
    count = 0
    while body:
        count, body = count + 1, body[5 + int.from_bytes(body[1:5]) :]
    return count


@pytest.mark.parametrize("client", [WATCHED, INSPECTED])
@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("method", SHAPES)
def test_a_clean_call_is_untouched(office, arrived, method, gzip, client):
    prompts, answer = SHAPES[method]
    # Long enough that packing is worth it.
    prompts = [prompt + " " * 500 for prompt in prompts]
    result = office.chat(client, "grpc-python", {"method": method, "prompts": prompts, "gzip": gzip})
    assert result["error"] is None and result["text"] == answer, result
    request = arrived.only_request()
    assert request["complete"] and request["bytes"][0] == int(gzip)
    if method == "say":
        assert result["tool_calls"] == [{"name": "trailers", "arguments": "the end"}]


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("method", SHAPES)
def test_a_secret_ends_the_call_and_does_not_leave(office, arrived, method, gzip):
    prompts = [*SHAPES[method][0][:-1], f"The key is {SECRET}" + " " * 500]
    result = office.chat(INSPECTED, "grpc-python", {"method": method, "prompts": prompts, "gzip": gzip})
    error = result["error"]
    assert error["status"] == "PERMISSION_DENIED" and error["code"] == "nanogate_blocked", result
    assert error["message"].startswith("Nano-Gate") and SECRET not in json.dumps(result)
    assert SECRET.encode() not in arrived.wire
    for request in arrived.requests:
        assert not request["complete"] and messages(request["bytes"]) <= len(prompts) - 1
    records = office.puck.await_records(
        lambda record: (record["event"].get("request") or {}).get("decision") == "deny"
        and "fake.Chat" in record["event"]["request"]["target"]
    )
    event = records[-1]["event"]["request"]
    assert [finding["kind"] for finding in event["findings"]] == ["api_key"] and event["request_bytes"] > 500


def test_connect_hears_it_in_its_last_envelope(office, arrived):
    body = json.dumps({"text": f"The key is {SECRET}"}).encode()
    curl = ["curl", "-s", "--http2", "-H", "content-type: application/connect+json", "--data-binary", "@-"]
    url = "https://api.openai.com/fake.Chat/Say"
    script = (
        "import subprocess, sys; body = bytes.fromhex(sys.argv[1]); "
        f"print(subprocess.run({[*curl, url]!r}, input=body, capture_output=True).stdout.hex())"
    )

    def call(body):
        envelope = struct.pack(">BI", 0, len(body)) + body
        return bytes.fromhex(office.python(INSPECTED, script, envelope.hex()))

    denied = call(body)
    assert denied[0] == 2
    end = json.loads(denied[5:])
    assert end["error"]["code"] == "permission_denied" and end["error"]["message"].startswith("Nano-Gate")
    assert end["metadata"] == {"nanogate-code": ["nanogate_blocked"]} and arrived.wire.count(b"The key is") == 0
    clean = call(b'{"text":"hello"}')
    assert b"Certainly." in clean and b"the end" in clean
