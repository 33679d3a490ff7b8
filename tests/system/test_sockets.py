"""WebSockets: realtime clients work through the puck as without it, and what they must not say stays here."""

import json

import pace
import planted
import pytest

CLIENTS = {"watched": "client-watched", "inspected": "client-inspected"}

# A client that offers compression, and says what became of it.
PEER = """
import json, sys
from websockets.sync.client import connect
from websockets.exceptions import ConnectionClosed

said = json.load(sys.stdin)
headers = {"authorization": "Bearer sk-test"}
with connect("wss://api.openai.com/v1/realtime?model=m", additional_headers=headers, compression="deflate") as socket:
    told = {"extensions": [str(one) for one in socket.protocol.extensions], "heard": [], "code": None, "reason": None}
    try:
        told["heard"].append(json.loads(socket.recv(timeout=10))["type"])
        for message in said:
            # A list is one message in pieces.
            socket.send(message)
            if "conversation.item.create" in "".join(message):
                told["heard"].append(json.loads(socket.recv(timeout=10))["type"])
        if said[-1:] == [""]:
            socket.recv(timeout=10)
    except ConnectionClosed as closed:
        told["code"], told["reason"] = closed.rcvd.code, closed.rcvd.reason
print(json.dumps(told))
"""


def item(text):
    content = [{"type": "input_text", "text": text}]
    return json.dumps({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})


def talk(office, *messages):
    return json.loads(office.python("client-inspected", PEER, input=json.dumps(messages)))


def messages(arrived):
    return [request["bytes"].decode() for request in arrived.requests if request["method"] == "MESSAGE"]


def socket_records(office):
    """Requests that were answered with a socket."""
    records = office.puck.await_records(lambda record: (record["event"].get("request") or {}).get("status") == 101)
    return [record["event"]["request"] for record in records]


@pytest.mark.parametrize("mode", CLIENTS)
def test_a_realtime_conversation_is_untouched(office, arrived, mode):
    result = office.chat(CLIENTS[mode], "openai-realtime", {"prompts": ["Three headings, please.", "And café 日本語 🧾?"]})
    assert result["error"] is None
    assert result["text"].count("Certainly.") == 2
    assert result["usage"] == {"input": 20, "output": 10}
    if mode == "inspected":
        # The client counts its last turn, the record all that the socket used.
        def is_told(record):
            usage = (record["event"].get("request") or {}).get("usage") or {}
            return (usage.get("input"), usage.get("output")) == (40, 20)

        assert office.puck.await_records(is_told), "no record of both turns"
    texts = [json.loads(message)["item"]["content"][0]["text"] for message in messages(arrived) if "item" in message]
    assert texts == ["Three headings, please.", "And café 日本語 🧾?"]


def test_events_keep_the_providers_pace(office):
    asked = {"prompts": ["One.", "Two.", "Three."]}
    pace.assert_kept(CLIENTS, lambda client: office.chat(client, "openai-realtime", asked)["events_ms"])


def test_what_is_said_over_a_socket_arrives_redacted(office, arrived):
    result = office.chat("client-inspected", "openai-realtime", {"prompts": [planted.CHAT]})
    assert result["error"] is None and result["text"]
    said = json.loads(messages(arrived)[0])
    assert said["item"]["content"][0]["text"] == planted.redacted(planted.CHAT)
    assert all(planted.leaks(message.encode()) == [] for message in messages(arrived))
    found = {finding["kind"] for request in socket_records(office) for finding in request["findings"]}
    assert {"email", "phone", "card", "api_key"} <= found


def test_pieces_are_put_together_and_compression_is_declined(office, arrived):
    whole = item(f"write to {planted.EMAIL.value}")
    told = talk(office, [whole[:40], whole[40 : whole.index("@") + 1], whole[whole.index("@") + 1 :]])
    assert told["extensions"] == [] and told["heard"] == ["session.created", "conversation.item.done"]
    assert messages(arrived) == [whole.replace(planted.EMAIL.value, planted.EMAIL.placeholder)]


def test_a_private_key_ends_the_socket_with_a_reason(office, arrived):
    told = talk(office, item("Hello."), item(planted.private_key()), "")
    assert (told["code"], told["heard"]) == (1008, ["session.created", "conversation.item.done"])
    assert "private" in told["reason"].lower()
    assert len(messages(arrived)) == 1 and "PRIVATE" not in "".join(messages(arrived))
    decisions = [request["decision"] for request in socket_records(office)]
    assert "deny" in decisions
