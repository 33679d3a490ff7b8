"""What a request used and cost, and the files in it that nobody read, told by the record."""

import base64
import csv
import io
import json

import pytest

PDF = b"%PDF-1.7\n\xe2\xe3\xcf\xd3 made up for this test" + bytes(range(256))

SEND = """
import base64, json, ssl, sys, urllib.request
ask = json.load(sys.stdin)
headers = {"content-type": ask["type"], "authorization": "Bearer made-up"}
request = urllib.request.Request(ask["url"], base64.b64decode(ask["body"]), headers)
try:
    with urllib.request.urlopen(request, context=ssl.create_default_context(), timeout=30) as answer:
        answer.read()
        print(answer.status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def send(office, url, body, media="application/json"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    ask = {"url": url, "type": media, "body": base64.b64encode(body).decode()}
    return int(office.python("client-inspected", SEND, input=json.dumps(ask)))


def last_request(office, host):
    records = office.puck.await_records(lambda record: (record["event"].get("request") or {}).get("host") == host)
    return records[-1]["event"]["request"]


def chat(model, content, **more):
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


BEDROCK = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.amazon.nova-lite-v1%3A0"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://ollama.com/api/chat", chat("llama3.2", "Count me, please.")),
        ("https://ollama.com/api/chat", chat("llama3.2", "Count me, please.", stream=False)),
        (BEDROCK + "/converse", chat("", [{"text": "Count me, please."}])),
        (BEDROCK + "/converse-stream", chat("", [{"text": "Count me, please."}])),
    ],
    ids=["ollama-stream", "ollama", "converse", "converse-stream"],
)
def test_every_form_of_answer_is_counted(office, url, body):
    assert send(office, url, body) == 200
    usage = last_request(office, url.split("/")[2])["usage"]
    assert (usage["output"], usage["estimated"]) == (24, False)
    assert usage["input"] > 4
    assert (usage["cached"] > 0) == ("bedrock" in url)


def test_what_is_not_counted_is_estimated_and_both_have_a_price(office):
    url = "https://api.openai.com/v1/chat/completions"
    assert send(office, url, chat("gpt-4o", "Count me, please.")) == 200
    counted = last_request(office, "api.openai.com")
    assert not counted["usage"]["estimated"]
    used = counted["usage"]["input"] * 2.5 + counted["usage"]["output"] * 10
    assert abs(counted["cost"]["micros"] - used) <= 1 and counted["cost"]["currency"] == "USD"
    assert send(office, url, chat("gpt-4o", "Count me, please.", stream=True)) == 200
    guessed = last_request(office, "api.openai.com")
    assert guessed["usage"]["estimated"] and guessed["usage"]["output"] > 10 and guessed["cost"]["micros"] > 0
    assert send(office, url, chat("made-up-model", "Count me, please.")) == 200
    assert last_request(office, "api.openai.com")["cost"] is None
    exported = office.puck.command("audit", "export", "--format", "csv").stdout
    rows = [row for row in csv.DictReader(io.StringIO(exported)) if row["event"] == "request"]
    assert [row["cost_micros"] for row in rows if row["model"] == "made-up-model"] == [""]
    assert any(row["currency"] == "USD" and row["tokens_estimated"] == "true" for row in rows)


def test_the_same_file_is_known_in_a_conversation_and_in_a_form(office):
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + base64.b64encode(PDF).decode()}
    body = chat("gpt-4o", [{"type": "file", "file": file}, {"type": "text", "text": "Sum it up."}])
    assert send(office, "https://api.openai.com/v1/chat/completions", body) == 200
    [within] = last_request(office, "api.openai.com")["attachments"]
    assert (within["kind"], within["place"], within["bytes"]) == ("pdf", "conversation", len(PDF))
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\ncontent-type: application/pdf\r\n\r\n'
    send(office, "https://api.openai.com/v1/files", head + PDF + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")
    [part] = last_request(office, "api.openai.com")["attachments"]
    assert part["place"] == "part"
    assert {key: part[key] for key in ("kind", "bytes", "keyed_hash")} == {
        key: within[key] for key in ("kind", "bytes", "keyed_hash")
    }
