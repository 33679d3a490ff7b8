"""The provider's bad days reach the client as what they are, watched and inspected alike."""

import time

import pytest

CLIENTS = {"watched": "client-watched", "inspected": "client-inspected"}
FAULTS = {
    "429": ("RateLimitError", 429),
    "503": ("InternalServerError", 503),
    "529": ("InternalServerError", 529),
}


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("program", ["openai-python", "openai-node"])
def test_the_providers_errors_reach_the_sdk(office, program, fault, mode):
    result = office.chat(CLIENTS[mode], program, {"headers": {"x-fake": fault}})
    assert (result["error"]["class"], result["error"]["status"]) == FAULTS[fault]


def test_overload_is_what_anthropic_calls_it(office):
    result = office.chat("client-inspected", "anthropic-python", {"headers": {"x-fake": "529"}})
    assert result["error"]["class"] == "OverloadedError"


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("fault", ["reset-mid-stream", "drop-connection"])
def test_a_stream_that_breaks_breaks_for_the_client(office, fault, http2, mode):
    """Three events arrive, then an error: never a clean end that would pass a cut answer for a whole one."""
    result = office.chat(CLIENTS[mode], "curl", {"stream": True, "http2": http2, "headers": {"x-fake": fault}})
    assert 1 <= len(result["events_ms"]) <= 3
    assert result["error"] and result["total_ms"] < 5000


@pytest.mark.parametrize("program", ["openai-python", "anthropic-python", "openai-node"])
def test_the_sdks_see_a_broken_stream(office, program):
    result = office.chat("client-inspected", program, {"stream": True, "headers": {"x-fake": "reset-mid-stream"}})
    assert result["error"] and result["error"]["class"] != "APITimeoutError"


@pytest.mark.parametrize("mode", CLIENTS)
def test_a_stall_is_the_clients_timeout_and_nobody_elses(office, mode):
    result = office.chat(CLIENTS[mode], "openai-python", {"stream": True, "timeout": 2, "headers": {"x-fake": "stall"}})
    assert result["error"]["class"] == "APITimeoutError" and len(result["events_ms"]) == 1
    begun = time.monotonic()
    assert office.chat(CLIENTS[mode], "curl", {})["error"] is None
    assert time.monotonic() - begun < 2, "a stalled stream held another request up"


@pytest.mark.parametrize("mode", CLIENTS)
def test_a_provider_that_never_answers_is_the_clients_timeout_and_nobody_elses(office, mode):
    result = office.chat(CLIENTS[mode], "openai-python", {"timeout": 2, "headers": {"x-fake": "stall-head"}})
    assert result["error"]["class"] == "APITimeoutError"
    begun = time.monotonic()
    assert office.chat(CLIENTS[mode], "curl", {})["error"] is None
    assert time.monotonic() - begun < 2, "an unanswered request held another one up"


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("program", ["openai-python", "openai-node", "curl"])
def test_a_provider_that_thinks_for_long_is_waited_for(office, program, mode):
    begun = time.monotonic()
    result = office.chat(CLIENTS[mode], program, {"headers": {"x-fake": "slow-head=3000"}})
    assert result["error"] is None and result["text"].startswith("Certainly.")
    assert time.monotonic() - begun >= 3


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd"])
def test_compressed_streams_pass_through_as_streams(office, coding, mode):
    result = office.chat(
        CLIENTS[mode],
        "openai-node" if coding != "zstd" else "curl",
        {"stream": True, "headers": {"x-fake": f"{coding},pace=30"}},
    )
    assert result["error"] is None and result["text"].startswith("Certainly.")
    assert result["events_ms"][-1] - result["events_ms"][0] > 300, "the events came in one lump"


@pytest.mark.parametrize("mode", CLIENTS)
@pytest.mark.parametrize("fault", ["expired", "wrong-name", "unknown-ca", "self-signed"])
def test_a_bad_upstream_certificate_fails_the_handshake(office, arrived, fault, mode):
    base = f"https://{fault}.openai.azure.com/openai/v1"
    for program in ("openai-python", "curl"):
        result = office.chat(CLIENTS[mode], program, {"base_url": base, "prompt": "hello"})
        assert result["error"] and result["error"]["status"] is None
    assert arrived.requests == []


def test_the_journal_names_the_bad_certificate(office):
    office.chat("client-inspected", "curl", {"base_url": "https://expired.openai.azure.com/openai/v1"})
    records = office.puck.await_records(
        lambda record: (record["event"].get("connection") or {}).get("reason") == "upstream_certificate"
    )
    assert records and records[-1]["event"]["connection"]["host"] == "expired.openai.azure.com"


def test_a_provider_that_closes_without_an_answer(office):
    for program in ("openai-python", "curl"):
        result = office.chat("client-inspected", program, {"headers": {"x-fake": "no-answer"}, "timeout": 5})
        assert result["error"] and result["total_ms"] < 4000
