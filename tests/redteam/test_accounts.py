"""A personal key through an office that lets only its own accounts pass."""

import json
import time

import plan
import pytest
from attacker import H2, PATH, Attacker, h1_request, h2_headers
from office import Office
from pytest_office import Witness

OURS, MINE, ORGANIZATION = "sk-of-the-office", "sk-of-a-person", "org-of-the-office"
POLICY = """\
version: 1
default_mode: inspect
accounts: {{known: [{known}], unknown: {unknown}}}
"""
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'

# Header lines, what follows the path, and whether the request may pass.
BY_MINE, BY_OURS = f"authorization: Bearer {MINE}", f"authorization: Bearer {OURS}"
NAMED = f"openai-organization: {ORGANIZATION}"
ROWS = {
    "the office's key": ([BY_OURS], "", True),
    "a key of the office's organisation": ([BY_MINE, NAMED], "", True),
    "a personal key": ([BY_MINE], "", False),
    "a personal key in another field": ([f"x-api-key: {MINE}"], "", False),
    "a personal key beside the office's": ([BY_OURS, f"api-key: {MINE}"], "", False),
    "a personal key in a second line": ([BY_OURS, BY_MINE], "", False),
    "a personal key in the query": ([BY_OURS], f"?api_key={MINE}", False),
    "a personal key in an escaped query": ([BY_OURS], f"?%61pi%5Fkey={MINE}", False),
    "an organisation that is taken away": ([BY_MINE, NAMED, "connection: openai-organization"], "", False),
    "a second organisation": ([BY_MINE, NAMED, "openai-organization: org-mine"], "", False),
    "a second organisation that is empty": ([BY_MINE, NAMED, "openai-organization:"], "", False),
    "the organisation in another vendor's field": ([BY_MINE, f"anthropic-workspace-id: {ORGANIZATION}"], "", False),
    "the organisation in a page's field": ([BY_MINE, f"chatgpt-account-id: {ORGANIZATION}"], "", False),
    "the organisation as a protocol": ([BY_MINE, f"sec-websocket-protocol: openai-organization.{ORGANIZATION}"], "", False),
    "nobody's": ([], "", False),
}


@pytest.fixture(scope="module")
def office():
    with Office() as office:
        puck = office.install_puck()
        hashes = [
            puck.command("account", "hash", "openai", input=OURS + "\n"),
            puck.command("account", "hash", "openai", "--organization", input=ORGANIZATION),
        ]
        known = ", ".join(done.stdout.strip() for done in hashes)
        office.known = known
        put_in_force(office, "deny", 403)
        yield office


@pytest.fixture
def arrived(office):
    return Witness(office)


def put_in_force(office, unknown, status):
    """Waits until the policy makes of a personal key what it should."""
    office.puck.write_policy(POLICY.format(known=office.known, unknown=unknown))
    deadline = time.monotonic() + 10
    while ask(office, [BY_MINE])[0] != status:
        assert time.monotonic() < deadline, "the policy is not in force"
        time.sleep(0.1)


def ask(office, lines, query="", version="h1"):
    attacker, path = Attacker(office), PATH + query
    if version == "h1":
        request = h1_request(BODY, path=path, headers=lines)
        return attacker.tls().exchange(request.replace(b"authorization: Bearer sk-test\r\n", b""))
    h2 = H2(attacker.tls(alpn=("h2",)))
    fields = [field for field in h2_headers(path=path) if field[0] != "authorization"]
    return h2.outcome(h2.request(fields + [tuple(map(str.strip, line.split(":", 1))) for line in lines], BODY))


@pytest.mark.parametrize(
    ("label", "version"),
    [(label, version) for label in ROWS for version in ("h1", "h2") if version == "h1" or "taken away" not in label],
)
def test_only_the_offices_own_accounts_pass(office, arrived, label, version):
    lines, query, passes = ROWS[label]
    status, answer = ask(office, lines, query, version)
    if passes:
        assert status == 200 and len(arrived.requests) == 1
    else:
        assert status == 403 and b"not one of this office" in answer
        assert arrived.requests == []


def test_who_uses_which_account_is_told_and_no_key_is(office, arrived):
    ask(office, [BY_MINE])
    of_mine = office.puck.command("account", "hash", "openai", input=MINE).stdout.strip()
    rows = json.loads(office.puck.command("account", "list", "--json").stdout)
    mine = next(row for row in rows if row["account"] == of_mine)
    assert (mine["client"], mine["vendor"], mine["kind"], mine["known"]) == (f"{plan.LAN}.11", "openai", "key", False)
    assert f"{of_mine}  {plan.LAN}.11  openai  key  UNKNOWN" in office.puck.command("account", "list").stdout
    text = json.dumps(office.puck.journal(10_000)) + office.puck.tail_log(10_000)
    assert MINE not in text and OURS not in text and ORGANIZATION not in text
    refused = [row["event"]["request"] for row in office.puck.journal() if "request" in row["event"]]
    assert refused[-1]["decision"] == "deny" and refused[-1]["reason"] == {"policy": "accounts"}


def test_an_office_that_only_wants_to_know_is_told(office, arrived):
    put_in_force(office, "alert", 200)
    told = [row["event"]["request"] for row in office.puck.journal() if "request" in row["event"]][-1]
    assert told["decision"] == "alert" and told["reason"] == {"policy": "accounts"}
    put_in_force(office, "deny", 403)


def test_a_policy_that_changes_counts_for_what_comes_next_on_an_open_connection(office, arrived):
    put_in_force(office, "alert", 200)
    tls = Attacker(office).tls()
    request = h1_request(BODY, headers=[BY_MINE]).replace(b"authorization: Bearer sk-test\r\n", b"")
    assert tls.exchange(request)[0] == 200
    put_in_force(office, "deny", 403)
    before = len(arrived.requests)
    assert tls.exchange(request)[0] == 403 and len(arrived.requests) == before
