"""Connections to providers that outlive the client's: gone on with by the same client, and by nobody else."""

import time

import plan

INSPECTED = "client-inspected"
POLICY = f"""\
version: 1
groups:
  - name: inspected
    clients: ["{plan.LAN}.10", "{plan.LAN}.11"]
    mode: inspect
default_mode: watch
"""
BODY = '{"model":"gpt-5-mini","messages":[{"role":"user","content":"Hello."}]}'


def met(office, since):
    """The connections that the provider accepted under a name."""
    return [row for row in office.internet.connections(since) if row["server_name"] == "api.openai.com"]


def ended(office):
    """How many connections to it are in the journal: what one leaves is kept by then."""
    rows = [row["event"].get("connection") or {} for row in office.puck.journal()]
    return sum(row.get("host") == "api.openai.com" for row in rows)


def ask(office, client, *options):
    """A program that connects, asks once and leaves."""
    before, deadline = ended(office), time.monotonic() + 10
    curl = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-d", BODY, *options]
    fields = ["-H", "content-type: application/json", "-H", "authorization: Bearer sk-test"]
    status = office.hosts[client].run([*curl, *fields, "https://api.openai.com/v1/chat/completions"]).stdout
    while ended(office) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return status


def plug_in(new_office, **options):
    """An office whose puck has read its files for the first time, which is a new policy to what was begun before."""
    office = new_office()
    office.install_puck(policy=POLICY, **options)
    deadline, before = time.monotonic() + 20, -1
    while len(met(office, 0)) != before:
        assert time.monotonic() < deadline, "nothing is ever kept"
        before = len(met(office, 0))
        assert ask(office, INSPECTED, "--http1.1") == "200"
    return office


def test_a_client_goes_on_with_its_own_and_nobody_with_anothers(new_office):
    office = plug_in(new_office)
    # The one for HTTP/1.1 is there.
    for protocol, fresh in (("--http1.1", 0), ("--http2", 1)):
        before = len(office.internet.connections())
        assert [ask(office, INSPECTED, protocol) for _ in range(4)] == ["200"] * 4
        assert len(met(office, before)) == fresh, protocol
        assert ask(office, "client-watched", protocol) == "200"
        assert len(met(office, before)) == fresh + 1, "another client"
        # All of it is in the journal as before.
        rows = [row["event"] for row in office.puck.journal() if "request" in row["event"]]
        assert [row["request"]["status"] for row in rows][-5:] == [200] * 5


def test_a_new_policy_begins_anew_and_so_does_who_waits_too_long(new_office):
    office = plug_in(new_office, config={"proxy": {"upstream_idle_seconds": 6}})
    before = len(office.internet.connections())
    assert ask(office, INSPECTED, "--http1.1") == "200" == ask(office, INSPECTED, "--http1.1")
    assert len(met(office, before)) == 0
    office.puck.write_policy(POLICY.replace("default_mode: watch", "default_mode: inspect"))
    deadline = time.monotonic() + 20
    while not met(office, before) and time.monotonic() < deadline:
        assert ask(office, INSPECTED, "--http1.1") == "200"
        time.sleep(0.1)
    assert len(met(office, before)) == 1
    time.sleep(6.5)
    assert ask(office, INSPECTED, "--http1.1") == "200"
    assert len(met(office, before)) == 2


def test_where_it_is_off_every_connection_is_met(new_office):
    office = new_office()
    office.install_puck(policy=POLICY, config={"proxy": {"upstream_idle_seconds": 0}})
    before = len(office.internet.connections())
    assert [ask(office, INSPECTED, "--http1.1") for _ in range(3)] == ["200"] * 3
    assert len(met(office, before)) == 3
