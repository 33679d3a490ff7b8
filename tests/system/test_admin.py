"""The admin page and its API, as a browser and an existing gateway use them."""

import json
import stat
import time
from pathlib import Path

import plan
import planted
import pytest

CLIENT = "client-inspected"
PASSWORD = "correct horse battery staple"
BY_ADDRESS = f"https://{plan.PUCK}:9443"
BY_NAME = f"https://nanogate.{plan.DOMAIN}"


class Browser:
    """curl with a cookie jar and the page's own header."""

    def __init__(self, office, client=CLIENT, base=BY_ADDRESS):
        self.host = office.hosts[client]
        self.jar = office.folder / f"cookies-{time.monotonic_ns()}"
        self.base = base

    def ask(self, method, path, body=None, *options):
        command = [
            "curl",
            "-sk",
            "-X",
            method,
            "-w",
            "\n%{http_code}",
            "-b",
            self.jar,
            "-c",
            self.jar,
            "-H",
            "x-nanogate: 1",
            "-H",
            "content-type: application/json",
            *options,
            f"{self.base}{path}",
        ]
        if body is not None:
            command += ["--data-binary", json.dumps(body)]
        text, _, status = self.host.run(command).stdout.rpartition("\n")
        return int(status), text

    def json(self, method, path, body=None, *options):
        status, text = self.ask(method, path, body, *options)
        assert status == 200, f"{method} {path}: {status} {text}"
        return json.loads(text)


@pytest.fixture(scope="module")
def signed_in(office):
    """The owner's browser, after the first sign-in with the claim code."""
    browser = Browser(office)
    status, text = browser.ask("POST", "/api/v1/claim", {"code": office.puck.claim_code, "password": PASSWORD})
    assert status == 204, text
    return browser


@pytest.fixture(scope="module")
def token(office):
    return office.puck.command("token", "add", "gateway").stdout.strip()


def test_the_page_answers_by_name_and_by_address(office):
    """443 of the puck's own address is the proxy's; without a name, or with its own, it is handed to the page."""
    for base in (BY_NAME, f"https://{plan.PUCK}", BY_ADDRESS):
        status, text = Browser(office, base=base).ask("GET", "/")
        assert status == 200 and "<html" in text.lower(), base


def test_the_own_name_is_trusted_with_the_ca(office):
    done = office.hosts[CLIENT].run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{BY_NAME}/healthz"])
    assert done.stdout == "200"


def test_plain_http_leads_to_https(office):
    done = office.hosts[CLIENT].run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{redirect_url}", f"http://nanogate.{plan.DOMAIN}/x"]
    )
    assert done.stdout == f"{BY_NAME}/x"


def test_the_claim_code_opens_once(office, signed_in):
    again = Browser(office)
    status, text = again.ask("POST", "/api/v1/claim", {"code": office.puck.claim_code, "password": PASSWORD + "!"})
    assert status in (403, 409) and json.loads(text)["status"] == status
    assert again.ask("GET", "/api/v1/overview")[0] == 401
    assert again.ask("POST", "/api/v1/sign-in", {"password": "not the password"})[0] == 403
    assert again.ask("POST", "/api/v1/sign-in", {"password": PASSWORD})[0] == 204
    assert again.ask("GET", "/api/v1/overview")[0] == 200


def test_the_overview_counts_and_never_calls_watching_protection(office, signed_in):
    office.chat("client-watched", "curl", {"prompt": "hello"})
    office.chat(CLIENT, "curl", {"prompt": planted.CHAT})
    office.chat("client-denied", "curl", {"prompt": "hello"})

    def seen(view):
        return {row["client"]: row["mode"] for row in view["clients"]}

    deadline = time.monotonic() + 5
    wanted = {f"{plan.LAN}.10": "watched", f"{plan.LAN}.11": "inspected", f"{plan.LAN}.12": "refused"}
    while not wanted.items() <= seen(view := signed_in.json("GET", "/api/v1/overview")).items():
        assert time.monotonic() < deadline, seen(view)
        time.sleep(0.2)
    assert view["live"]
    assert "protected" not in json.dumps(view).lower()


def test_events_arrive_live(office, signed_in):
    curl = ["curl", "-skN", "--max-time", "5", "-b", signed_in.jar, f"{BY_ADDRESS}/api/v1/events"]
    stream = office.hosts[CLIENT].popen(curl, stdout=-1, text=True)
    time.sleep(0.5)
    office.hosts["client-watched"].run(["dig", "+short", f"@{plan.PUCK}", "platform.openai.com"])
    text, _ = stream.communicate(timeout=10)
    assert "platform.openai.com" in text


def test_a_journal_that_cannot_be_read_does_not_stop_the_others(office, signed_in):
    """The page goes on with what it can read, and says once what it cannot."""
    chain = Path(office.puck.settings["data"]) / "journal" / "steer"
    mode, log = stat.S_IMODE(chain.stat().st_mode), office.puck.folder / "stderr.log"
    seen = log.stat().st_size
    chain.chmod(0o700)
    try:
        curl = ["curl", "-skN", "--max-time", "4", "-b", signed_in.jar, f"{BY_ADDRESS}/api/v1/events"]
        stream = office.hosts[CLIENT].popen(curl, stdout=-1, text=True)
        time.sleep(2)
        office.hosts["client-watched"].run(["dig", "+short", f"@{plan.PUCK}", "console.anthropic.com"])
        text, _ = stream.communicate(timeout=10)
        assert signed_in.json("GET", "/api/v1/overview")["live"]
    finally:
        chain.chmod(mode)
    assert "console.anthropic.com" in text
    said = [line for line in log.read_bytes()[seen:].decode().splitlines() if "journal of steer" in line]
    assert len(said) == 1, said


def test_the_inspection_api_decides(office, token):
    key = planted.private_key()
    rows = [
        ("Give me three headings.", "allow", None),
        (planted.CHAT, "redact", planted.redacted(planted.CHAT)),
        (f"look\n{key}", "deny", None),
    ]
    gateway = Browser(office)
    bearer = ["-H", f"authorization: Bearer {token}"]
    for text, decision, redacted in rows:
        answer = gateway.json("POST", "/api/v1/inspect", {"text": text, "client": f"{plan.LAN}.11"}, *bearer)
        assert answer["decision"] == decision
        assert answer["redacted"] == redacted
        assert answer["latency_us"] < 15_000
        assert key.splitlines()[1] not in json.dumps(answer)
        for finding in answer["findings"]:
            assert set(finding) == {"rule", "kind", "kb", "start", "end", "confidence", "action", "why"}
    found = gateway.json("POST", "/api/v1/inspect", {"text": planted.CHAT, "client": f"{plan.LAN}.11"}, *bearer)[
        "findings"
    ]
    spans = {planted.CHAT.encode()[f["start"] : f["end"]].decode() for f in found}
    assert {secret.value for secret in planted.EVERY} <= spans


def test_a_whole_request_is_inspected_by_its_own_bytes(office, token):
    request = {"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]}
    answer = Browser(office).json(
        "POST",
        "/api/v1/inspect",
        {"request": request, "provider": "openai", "client": f"{plan.LAN}.11"},
        "-H",
        f"authorization: Bearer {token}",
    )
    assert answer["decision"] == "redact"
    assert answer["redacted"]["messages"][0]["content"] == planted.redacted(planted.CHAT)


def test_the_inspection_api_needs_a_token(office, signed_in):
    status, text = Browser(office).ask("POST", "/api/v1/inspect", {"text": "hi"})
    assert status == 401 and json.loads(text)["type"]
    status, _ = Browser(office).ask("POST", "/api/v1/inspect", {"text": "hi"}, "-H", "authorization: Bearer wrong")
    assert status == 401


def test_metrics_are_prometheus_text(office, token):
    status, text = Browser(office).ask("GET", "/metrics", None, "-H", f"authorization: Bearer {token}")
    assert status == 200
    samples = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert samples and all(float(line.rsplit(" ", 1)[1]) >= 0 for line in samples)


def test_the_api_describes_itself(office):
    document = Browser(office).json("GET", "/api/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/inspect", "/metrics", "/api/v1/events"} <= set(document["paths"])


def test_the_ca_is_there_for_everyone(office):
    browser = Browser(office, "client-watched")
    status, pem = browser.ask("GET", "/ca/nanogate.pem")
    assert status == 200 and pem.strip() == office.puck.ca_file.read_text().strip()
    assert "payload" in browser.ask("GET", "/ca/nanogate.mobileconfig")[1].lower()
    exported = office.puck.command("ca", "export").stdout
    assert exported.strip() == pem.strip()


def test_a_page_elsewhere_cannot_use_a_session(office, signed_in):
    hostile = ["-H", "origin: https://evil.example", "-H", "sec-fetch-site: cross-site"]
    assert signed_in.ask("POST", "/api/v1/sign-out", None, *hostile)[0] in (400, 403)
    assert signed_in.ask("GET", "/api/v1/overview", None, "-H", "host: evil.example")[0] in (400, 403, 421)


def test_nobody_from_elsewhere_sees_the_page(office):
    curl = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "3", f"{BY_ADDRESS}/"]
    assert office.hosts["provider"].run(curl, check=False).stdout in ("000", "403")
