"""Streams arrive event by event, whatever they call themselves: the provider says the next only when the last is here."""

import json

import planted
import pytest

# Reads one event, has the provider say the next one over a connection of its own, and reads that.
READER = """
import http.client, json, ssl, sys

ask = json.load(sys.stdin)
trust = ssl.create_default_context()

def connect():
    return http.client.HTTPSConnection(ask["host"], context=trust, timeout=20)

stream = connect()
fields = {"content-type": "application/json", "authorization": "Bearer sk-test", "x-fake": ask["fake"]}
stream.request("POST", ask["path"], json.dumps(ask["body"]), fields)
answer = stream.getresponse()
told = {"status": answer.status, "type": answer.getheader("content-type"), "pieces": []}
while True:
    line = answer.readline()
    if not line:
        break
    if not line.strip():
        continue
    told["pieces"].append(line.decode().strip())
    step = connect()
    step.request("GET", "/fake/step")
    step.getresponse().read()
    step.close()
print(json.dumps(told))
"""

WORDS = 6
REVERSIBLE = """\
version: 1
default_mode: inspect
findings:
  - {kind: email, action: redact, reversible: true}
"""
CLIENTS = {"watched": "client-watched", "inspected": "client-inspected"}
OPENAI = ("api.openai.com", "/v1/chat/completions", "gpt-5-mini")
OLLAMA = ("ollama.com", "/api/chat", "llama3.2")
# What the answer says it is; the first row of each is the truth.
TYPES = {
    "ndjson": (OLLAMA, "", "application/x-ndjson"),
    "ndjson-untyped": (OLLAMA, "untyped", None),
    "ndjson-as-json": (OLLAMA, "type=application/json", "application/json"),
    "ndjson-as-bytes": (OLLAMA, "type=application/octet-stream", "application/octet-stream"),
    "sse": (OPENAI, "", "text/event-stream; charset=utf-8"),
    "sse-untyped": (OPENAI, "untyped", None),
    "sse-as-text": (OPENAI, "type=text/plain", "text/plain"),
    "sse-as-bytes": (OPENAI, "type=application/octet-stream", "application/octet-stream"),
    "sse-as-nonsense": (OPENAI, "type=???", "???"),
}


def read(office, client, place, fake, prompt):
    host, path, model = place
    fake = ",".join(filter(None, ["stepped", f"words={WORDS}", fake]))
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}
    ask = {"host": host, "path": path, "fake": fake, "body": body}
    return json.loads(office.python(client, READER, input=json.dumps(ask)))


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("name", TYPES)
def test_every_event_arrives_before_the_next_is_said(office, name, mode):
    place, fake, content_type = TYPES[name]
    told = read(office, CLIENTS[mode], place, fake, "Three headings, please.")
    assert (told["status"], told["type"]) == (200, content_type)
    said = [piece for piece in told["pieces"] if piece != "data: [DONE]"]
    # One for each word, and what begins or ends the conversation.
    assert len(said) >= WORDS and all(json.loads(piece.removeprefix("data: ")) for piece in said)


@pytest.mark.parametrize("name", ["ndjson", "ndjson-untyped", "ndjson-as-json", "sse", "sse-untyped", "sse-as-text"])
def test_its_tokens_are_counted_though_it_does_not_say_what_it_is(office, name):
    place, fake, _ = TYPES[name]
    read(office, "client-inspected", place, fake, f"Count me as {name}, please.")
    is_it = lambda row: row.get("model") == place[2] and row.get("decision") == "allow"  # noqa: E731
    rows = office.puck.await_records(lambda record: is_it(record["event"].get("request") or {}))
    usage = rows[-1]["event"]["request"]["usage"]
    assert usage and usage["output"] >= WORDS


def test_a_stream_that_puts_values_back_stays_one(new_office):
    """Redacted reversibly: each event is edited, and none waits for the next but for the beginning of a placeholder."""
    office = new_office()
    office.install_puck(policy=REVERSIBLE)
    told = read(office, "client-inspected", OLLAMA, "untyped", f"Write to {planted.EMAIL.value}.")
    assert told["status"] == 200 and len(told["pieces"]) >= WORDS
    assert planted.leaks(office.internet.wire()) == []
