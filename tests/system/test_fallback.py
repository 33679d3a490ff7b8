"""Programs that do not take the office's certificate: watched instead of inspected after two refusals, for this client,
host and program only, until somebody revokes it; never where the policy is strict or a rule stands in the way."""

import json

import plan
import planted
import pytest
from puck import POLICY

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"
REFUSED = 60  # curl's word for a certificate that it does not trust
INSPECTED = "client-inspected"

# The three clients of the office in groups of their own; for one provider a rule looks at models.
OWN_POLICY = f"""\
version: 1
groups:
  - name: inspected
    clients: ["{plan.LAN}.10", "{plan.LAN}.11"]
    mode: inspect
  - name: strict
    clients: ["{plan.LAN}.12"]
    mode: inspect
    strict: true
rules:
  - name: not this model
    vendors: [anthropic]
    models: [some-model]
    action: deny
"""

# A program that pins what it expects: it ends the handshake, looks at the certificate, and goes unless it is that.
PINNED = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with context.wrap_socket(socket.create_connection((sys.argv[1], 443), 10), server_hostname=sys.argv[1]) as tls:
    print(sys.argv[2].encode() in tls.getpeercert(binary_form=True))
"""


@pytest.fixture(scope="module")
def own():
    from office import Office

    with Office() as office:
        office.install_puck(policy=OWN_POLICY)
        yield office


def ask(office, client=INSPECTED, host=OPENAI, trusting=False):
    """A prompt by curl, which knows the pretend internet's authority and, if `trusting`, the office's: its exit code."""
    # Without a folder of its own curl would look into the system's beside the file.
    trust = [] if trusting else ["--cacert", office.internet.ca, "--capath", office.folder / "none"]
    words = ["curl", "-s", "-o", "/dev/null", "--max-time", "10", *trust, "-H", "content-type: application/json"]
    return office.hosts[client].run([*words, "-d", BODY, f"https://{host}/v1/chat/completions"], check=False).returncode


def sees_our_certificate(office, host):
    """What the pinned program is shown, before it goes without a word."""
    return office.python(INSPECTED, PINNED, host, f"Nano-Gate {plan.DOMAIN}").strip() == "True"


def standing(office):
    return json.loads(office.puck.command("status", "--json").stdout)["fallbacks"]


def await_standing(office, count):
    office.puck.await_status(lambda status: len(status["fallbacks"]) == count)
    return standing(office)


def changes(office):
    events = (record["event"].get("fallback") for record in office.puck.journal(1000))
    return [event for event in events if event]


def test_two_refusals_let_one_program_be_watched_until_that_is_revoked(own):
    assert [ask(own), ask(own)] == [REFUSED, REFUSED]
    assert ask(own) == 0, "the third time it reaches the provider"
    (fallback,) = await_standing(own, 1)
    assert (fallback["client"], fallback["host"]) == (f"{plan.LAN}.11", OPENAI)
    assert (fallback["cause"], fallback["runtime"]) == ({"alert": 48}, "curl")
    assert fallback["until"] - fallback["since"] == 24 * 3600 * 10**6
    (began,) = changes(own)
    assert began["ja4"] == fallback["ja4"] and began["change"]["began"]["cause"] == {"alert": 48}
    watched = own.puck.await_records(lambda r: r["event"].get("connection", {}).get("mode") == "watched")
    assert [r["event"]["connection"]["host"] for r in watched] == [OPENAI]
    assert f"nanogate fallback revoke {fallback['id']}" in own.puck.command("status").stdout

    # Nobody and nothing else is meant.
    assert ask(own, "client-watched") == REFUSED, "another client"
    assert ask(own, host="chatgpt.com") == REFUSED, "another host"
    assert sees_our_certificate(own, OPENAI), "another program"

    own.puck.await_restart(own.puck.kill("proxy"))
    own.puck.await_ready()
    assert ask(own) == 0, "a new proxy knows it"

    assert own.puck.command("fallback", "revoke", "0" * 16, check=False).returncode == 1
    own.puck.command("fallback", "revoke", fallback["id"])
    assert ask(own) == REFUSED
    assert ask(own, trusting=True) == 0
    inspected = own.puck.await_records(lambda r: r["event"].get("request", {}).get("host") == OPENAI)
    assert inspected[-1]["event"]["request"]["decision"] == "redact"
    assert await_standing(own, 0) == []
    assert changes(own)[-1]["change"] == "revoked"
    assert own.puck.command("fallback", "list", check=False).returncode == 1
    assert own.puck.verify()[0] == 0


def test_a_program_that_looks_at_the_certificate_and_goes_is_watched_too_and_the_page_revokes_it(own):
    host = "chatgpt.com"
    assert sees_our_certificate(own, host) and sees_our_certificate(own, host)
    (fallback,) = await_standing(own, 1)
    assert (fallback["host"], fallback["cause"], fallback["runtime"]) == (host, "closed", "python")
    assert not sees_our_certificate(own, host), "now it is the provider's own"

    page = f"https://{plan.PUCK}:9443/api/v1"
    jar = own.folder / "cookies"
    curl = ["curl", "-sk", "-b", jar, "-c", jar, "-H", "x-nanogate: 1", "-H", "content-type: application/json"]

    def tell(method, path, *body):
        words = [*curl, "-X", method, "-w", "\n%{http_code}", *body, f"{page}{path}"]
        text, _, status = own.hosts[INSPECTED].run(words).stdout.rpartition("\n")
        return int(status), text

    assert tell("GET", "/fallbacks")[0] == 401, "not for everybody"
    claim = json.dumps({"code": own.puck.claim_code, "password": "correct horse battery"})
    assert tell("POST", "/claim", "-d", claim)[0] == 204
    status, text = tell("GET", "/fallbacks")
    assert status == 200 and json.loads(text)["fallbacks"] == [fallback]
    assert tell("DELETE", f"/fallbacks/{fallback['id']}")[0] == 204
    assert tell("DELETE", f"/fallbacks/{fallback['id']}")[0] == 404
    assert sees_our_certificate(own, host), "inspected again, at once"


def test_the_strict_and_who_a_rule_looks_at_stay_refused(own):
    for client, host in [("client-denied", OPENAI), ("client-watched", ANTHROPIC)]:
        assert [ask(own, client, host) for _ in range(4)] == [REFUSED] * 4, (client, host)
    assert {one["client"] for one in standing(own)} <= {f"{plan.LAN}.11"}


def test_a_policy_that_becomes_strict_or_denies_counts_at_once(new_office):
    office = new_office()
    office.install_puck(policy=POLICY)
    assert [ask(office), ask(office), ask(office)] == [REFUSED, REFUSED, 0]
    for mode, code in [("mode: inspect\n    strict: true", REFUSED), ("mode: deny", 35)]:
        office.puck.write_policy(POLICY.replace("mode: inspect", mode))
        for _ in range(50):
            if (last := ask(office)) == code:
                break
        assert last == code, mode
