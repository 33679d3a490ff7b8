"""Reversible redaction: the provider sees placeholders, the client its own values, in every way an answer comes."""

import json
import re

import planted
import pytest
from office import Office
from puck import BINARY
from pytest_office import Witness

INSPECTED = "client-inspected"
POLICY = """\
version: 1
default_mode: inspect
findings:
  - {kind: email, action: redact, reversible: true}
  - {kind: phone, action: redact, reversible: true}
"""
COMES_BACK = [planted.EMAIL, planted.PHONE]
GONE = [planted.CARD, planted.KEY]
TOKEN = re.compile(r"NGP_[A-Z]+_[A-Z2-7]{13}")
SDKS = ["openai-python", "anthropic-python", "openai-node"]


@pytest.fixture(scope="module")
def office():
    with Office(pace_ms=1) as office:
        office.install_puck(policy=POLICY)
        yield office


@pytest.fixture
def arrived(office):
    return Witness(office)


def said_last(request):
    """What the provider understood of a conversation's last message."""
    content = json.loads(request["bytes"])["messages"][-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fake", ["echo=1", "echo=3", "echo=11", "echo", "gzip, echo=5", "br, echo=5", "zstd, echo"])
@pytest.mark.parametrize("program", SDKS)
def test_the_answer_reads_as_if_nothing_had_been_replaced(office, arrived, program, stream, fake):
    scenario = {"prompt": planted.CHAT, "stream": stream, "headers": {"x-fake": fake}}
    result = office.chat(INSPECTED, program, scenario)
    assert result["error"] is None
    assert result["text"] == planted.redacted(planted.CHAT, GONE)
    told = said_last(arrived.only_request())
    assert [token.split("_")[1] for token in TOKEN.findall(told)] == ["EMAIL", "PHONE"]
    assert planted.leaks(arrived.wire) == []


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_a_value_is_the_same_placeholder_in_every_turn(office, arrived, http2):
    messages = [{"role": "user", "content": f"Write to {planted.EMAIL.value}"}]
    echo = {"headers": {"x-fake": "echo=2"}, "http2": http2, "stream": True}
    first = office.chat(INSPECTED, "openai-python", {"messages": messages, **echo})
    messages += [{"role": "assistant", "content": first["text"]}, {"role": "user", "content": "Once more, please."}]
    office.chat(INSPECTED, "openai-python", {"messages": messages, **echo})
    tokens = [TOKEN.findall(request["bytes"].decode()) for request in arrived.requests]
    assert tokens[1] == tokens[0] * 2, "the value from the answer leaves as what stood for it"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("program", SDKS)
def test_tool_arguments_get_their_values_as_json(office, arrived, program, stream):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    tool = {"type": "function", "function": {"name": "send", "parameters": schema}}
    if program == "anthropic-python":
        tool = {"name": "send", "description": "Sends.", "input_schema": schema}
    prompt = f'CALL_TOOL "{planted.EMAIL.value}"\n{{"to": "{planted.PHONE.value}"}}'
    scenario = {"prompt": prompt, "tools": [tool], "stream": stream, "headers": {"x-fake": "echo=4"}}
    result = office.chat(INSPECTED, program, scenario)
    assert result["error"] is None
    arguments = "".join(call["arguments"] for call in result["tool_calls"])
    assert json.loads(arguments) == {"text": prompt}
    assert planted.leaks(arrived.wire) == []


def test_the_journal_counts_what_came_back_and_keeps_no_value(office):
    scenario = {"prompt": planted.CHAT, "headers": {"x-fake": "echo"}}
    office.chat(INSPECTED, "openai-python", scenario)
    records = office.puck.await_records(lambda record: record["event"].get("placeholders"))
    event = records[-1]["event"]["placeholders"]
    counts = [{"kind": "email", "count": 1}, {"kind": "phone", "count": 1}]
    assert (event["replaced"], event["restored"], event["unedited"]) == (counts, counts, False)
    for path in (office.puck.folder / "data").rglob("*"):
        if path.is_file():
            assert planted.leaks(path.read_bytes()) == [], path
    for name in ("stdout.log", "stderr.log"):
        assert planted.leaks((office.puck.folder / name).read_bytes()) == [], name


def test_a_restart_forgets_and_the_conversation_makes_it_known_again(office, arrived):
    scenario = {"prompt": f"to {planted.EMAIL.value}", "headers": {"x-fake": "echo"}}
    assert office.chat(INSPECTED, "openai-python", scenario)["text"] == scenario["prompt"]
    told = said_last(arrived.only_request())
    office.puck.stop()
    office.puck.start()
    lost = office.chat(INSPECTED, "openai-python", {**scenario, "prompt": told})
    assert lost["text"] == told, "nobody knows what it stood for"
    assert office.chat(INSPECTED, "openai-python", scenario)["text"] == scenario["prompt"]


def test_a_policy_with_a_promise_that_cannot_be_kept_is_refused(office, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nfindings:\n  - kind: email\n    action: deny\n    reversible: true\n")
    done = office.hosts["puck"].run([BINARY, "policy", "check", policy], check=False)
    assert done.returncode == 2
    assert "line 5: findings[0].reversible: only with action redact" in done.stderr
