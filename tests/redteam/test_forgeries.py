"""Placeholders that are not the client's own: forged, changed, somebody else's, repeated by a model."""

import json
import re

import planted
import pytest
from office import Office
from pytest_office import Witness

POLICY = """\
version: 1
default_mode: inspect
findings:
  - {kind: email, action: redact, reversible: true}
  - {kind: postal_address, action: redact, reversible: true}
"""
URL = "https://api.openai.com/v1/chat/completions"
TOKEN = re.compile(r"NGP_EMAIL_[A-Z2-7]{13}")
VICTIM, THIEF = "client-inspected", "client-watched"


@pytest.fixture(scope="module")
def office():
    with Office(pace_ms=1) as office:
        office.install_puck(policy=POLICY)
        yield office


def ask(office, client, prompt, *, fake="echo", url=URL, stream=False):
    """What a client hears from a model that repeats it, and what the model was told."""
    witness = Witness(office)
    body = {"model": "m", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": prompt}]}
    head = ["authorization: Bearer k", "x-api-key: k", "anthropic-version: 2023-06-01", f"x-fake: {fake}"]
    options = [option for line in head for option in ("-H", line)]
    curl = ["curl", "-sk", *options, "-H", "content-type: application/json", "--data-binary", "@-", url]
    answer = office.hosts[client].run(curl, input=json.dumps(body)).stdout
    told = json.loads(witness.only_request()["bytes"])["messages"][0]["content"]
    return answer, told


@pytest.fixture(scope="module")
def stolen(office):
    """The placeholder that stands for somebody's address, as a provider has seen it."""
    answer, told = ask(office, VICTIM, planted.EMAIL.value)
    assert planted.EMAIL.value in answer and TOKEN.fullmatch(told)
    return told


def other(letter):
    return "B" if letter == "A" else "A"


# What a client says about a stolen placeholder; it must hear just that.
FORGERIES = {
    "as it is": lambda token: token,
    "in a sentence": lambda token: f'Who is "{token}"?',
    "of another kind": lambda token: token.replace("EMAIL", "PHONE"),
    "first letter changed": lambda token: token[:10] + other(token[10]) + token[11:],
    "last letter changed": lambda token: token[:-1] + other(token[-1]),
    "cut short": lambda token: token[:-1],
    "lower case": str.lower,
    "made up": lambda token: "NGP_EMAIL_AAAAAAAAAAAAA",
    "only its beginning": lambda token: "NGP_EMAIL_ NGP_ NGP N",
    "a thousand beginnings": lambda token: "NGP_EMAIL_" * 1000,
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_somebody_elses_placeholder_is_only_a_word(office, stolen, forgery, stream):
    ask(office, THIEF, "thief@example.org")
    said = FORGERIES[forgery](stolen)
    answer, told = ask(office, THIEF, said, stream=stream)
    assert told == said
    if stream:
        events = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith("data: {")]
        assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events) == said
    else:
        assert json.loads(answer)["choices"][0]["message"]["content"] == said
    assert planted.EMAIL.value not in answer


@pytest.mark.parametrize("forgery", [name for name in FORGERIES if name not in ("as it is", "in a sentence")])
def test_a_changed_placeholder_is_not_the_clients_own_either(office, stolen, forgery):
    said = FORGERIES[forgery](stolen)
    answer, _ = ask(office, VICTIM, said)
    assert json.loads(answer)["choices"][0]["message"]["content"] == said


def test_another_provider_cannot_have_a_placeholder_resolved(office, stolen):
    url = "https://api.anthropic.com/v1/messages"
    ask(office, VICTIM, planted.PHONE.value + " other@example.org", url=url)
    answer, told = ask(office, VICTIM, f"{stolen} {planted.EMAIL.value}", url=url)
    assert json.loads(answer)["content"][0]["text"] == f"{stolen} {planted.EMAIL.value}"
    assert told.split(" ")[0] == stolen != told.split(" ")[1], "the same address has another placeholder there"


def test_a_value_cannot_break_out_of_the_answer(office):
    """Whatever a client makes the scanner find, it comes back as the text that it was."""
    prompt = 'ship to "221 Elm Street\nOttawa, ON K1P 5M7", {"a": "anna.meyer@example.org\\n"}'
    for stream in (False, True):
        answer, told = ask(office, VICTIM, prompt, stream=stream, fake="echo=3")
        assert re.search(r"NGP_POSTAL_ADDRESS_[A-Z2-7]{13}", told), told
        assert "Elm" not in told and "Ottawa" not in told
        lines = [line[6:] for line in answer.splitlines() if line.startswith("data: {")] if stream else [answer]
        choices = [json.loads(line)["choices"][0] for line in lines]
        said = [choice.get("delta", choice.get("message")).get("content") or "" for choice in choices]
        assert "".join(said) == prompt
