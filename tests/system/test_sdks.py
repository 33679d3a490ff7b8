"""Every SDK, plain and streaming, watched and inspected: a clean conversation does not notice the puck."""

import json

import pace
import pytest

PROGRAMS = ["openai-python", "anthropic-python", "openai-node", "curl"]
CLIENTS = {"watched": "client-watched", "inspected": "client-inspected"}
PROMPT = 'Give me three headings; keep "quotes", café, 日本語, emoji 🧾 and \u2028 as they are.'


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_clean_conversation_is_untouched(office, arrived, program, stream, mode):
    scenario = {"prompt": PROMPT, "system": "Be brief.", "stream": stream}
    result = office.chat(CLIENTS[mode], program, scenario)
    assert result["error"] is None
    assert result["text"].startswith("Certainly.")
    request = arrived.only_request()
    body = json.loads(request["bytes"])
    assert body["messages"][-1]["content"] == PROMPT
    assert request["complete"]
    records = office.puck.await_records(lambda record: record["event"].get("connection", {}).get("mode") == mode)
    assert records, f"no {mode} connection in the journal"


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "curl"])
def test_http2_is_mirrored_end_to_end(office, arrived, program):
    result = office.chat("client-inspected", program, {"http2": True, "prompt": PROMPT})
    assert result["error"] is None
    assert arrived.only_request()["version"] == "HTTP/2.0"


@pytest.mark.parametrize(
    ("host", "version"), [("h1-only", "HTTP/1.1"), ("h2-only", "HTTP/2.0"), ("office", "HTTP/2.0")]
)
def test_the_providers_protocol_wins(office, arrived, host, version):
    base = f"https://{host}.openai.azure.com/openai/v1"
    result = office.chat("client-inspected", "curl", {"http2": True, "base_url": base})
    assert result["error"] is None
    assert arrived.only_request()["version"] == version


@pytest.mark.parametrize("program", PROGRAMS)
def test_usage_is_what_the_provider_counted(office, program):
    result = office.chat("client-inspected", program, {"stream": True, "prompt": "Count me, please."})
    records = office.puck.await_records(lambda record: (record["event"].get("request") or {}).get("usage") is not None)
    assert records, "no usage in the journal"
    usage = records[-1]["event"]["request"]["usage"]
    if result["usage"] is not None:
        assert {key: usage[key] for key in ("input", "output")} == result["usage"]
        assert not usage["estimated"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_inspected_stream_keeps_the_providers_pace(office, program):
    """Event by event: a buffer anywhere would bunch them."""

    def arrivals(client):
        asked = {"stream": True, "headers": {"x-fake": "pace=30,words=40"}}
        times = office.chat(client, program, asked)["events_ms"]
        assert len(times) > 35
        return times

    pace.assert_kept(CLIENTS, arrivals)


def test_the_first_event_arrives_long_before_the_last(office):
    scenario = {"stream": True, "headers": {"x-fake": "pace=100,words=20"}}
    result = office.chat("client-inspected", "curl", scenario)
    assert result["events_ms"][0] < 500 and result["events_ms"][-1] > 1900


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node"])
def test_tool_calls_come_back_whole(office, program):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    if program == "anthropic-python":
        tool = {"name": "weather", "description": "Weather of a city.", "input_schema": schema}
    else:
        tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    for stream in (False, True):
        result = office.chat("client-inspected", program, {"prompt": "CALL_TOOL", "tools": [tool], "stream": stream})
        assert result["error"] is None
        [call] = result["tool_calls"]
        assert call["name"] == "weather" and json.loads(call["arguments"]) == {"city": "Lisbon"}


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node"])
def test_a_stream_that_is_left_at_its_last_event_was_not_broken_off(office, program):
    """SDKs close their connection at the mark that says that nothing follows, before the end of the body."""
    before = office.puck.journal()[-1]["at"]
    result = office.chat("client-inspected", program, {"stream": True, "prompt": "Leave early, please."})
    assert result["error"] is None
    for kind in ("request", "connection"):
        mine = lambda record: record["at"] > before and kind in record["event"]  # noqa: B023, E731
        records = office.puck.await_records(mine)
        assert records and "client_reset" not in [record["event"][kind].get("reason") for record in records]
