"""The switch above every policy: freeze cuts AI traffic at once and for good, bypass opens nothing for a while."""

import json
import time
from pathlib import Path

import plan
import planted
import pytest
from puck import BINARY

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
CODE = ["-o", "/dev/null", "-w", "%{http_code}"]


@pytest.fixture
def own(new_office):
    """An office whose switch may be turned."""
    office = new_office()
    office.install_puck()
    return office


def ask(office, client, url="https://api.openai.com/v1/chat/completions", *options):
    """What a client gets: the status, or "000" where nothing comes through."""
    words = ["curl", "-s", *CODE, "--max-time", "10", "-H", "content-type: application/json", *options, url]
    return office.hosts[client].run(words, check=False).stdout


def noted(office, command):
    return office.puck.await_records(lambda record: record["event"].get("admin", {}).get("command") == command)


def refused_by_freeze(record):
    return record["event"].get("connection", {}).get("reason") == {"policy": "freeze"}


def test_a_press_of_the_button_and_a_hash_brought_along_stand_for_the_claim_code(own):
    """What a device without a screen offers its owner: first the button, then, at another start, a hash from a file."""
    page = f"https://{plan.PUCK}:9443/api/v1"
    headers = ["-k", "-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    first, second = (json.dumps({"password": words}) for words in ("correct horse battery", "staple battery horse"))
    assert ask(own, "client-watched", f"{page}/claim", *headers, "-d", first) == "403", "nobody pressed anything"
    order = """
import socket, sys
console = socket.socket(socket.AF_UNIX)
console.connect(sys.argv[1])
console.sendall(b'"claim_by_button"\\n')
print(console.recv(4096).decode())
"""
    words = ["python3", "-c", order, f"{own.puck.settings['data']}/state/console.sock"]
    reply = json.loads(own.puck.host.run(words).stdout)
    assert reply["ok"] and not reply["claimed"]
    assert ask(own, "client-watched", f"{page}/claim", *headers, "-d", first) == "204"
    assert not json.loads(own.puck.host.run(words).stdout)["ok"], "it is claimed already"
    presses = [record["event"]["admin"]["ok"] for record in noted(own, "claim_by_button")]
    assert sorted(presses) == [False, True]

    hashed = own.puck.host.run([BINARY, "password"], input="staple battery horse\n").stdout
    file = Path(own.puck.settings["data"]) / "config/password-hash"
    own.puck.stop()
    file.parent.mkdir(exist_ok=True)
    file.write_text(hashed)
    own.puck.start()
    assert not file.exists() and noted(own, "password_set")
    assert ask(own, "client-watched", f"{page}/sign-in", *headers, "-d", first) == "403"
    assert ask(own, "client-watched", f"{page}/sign-in", *headers, "-d", second) == "204"


def test_a_freeze_cuts_what_is_open_and_lets_nothing_start_until_it_is_off(own):
    streaming = {
        client: own.start_chat(client, "curl", {"stream": True, "headers": {"x-fake": "pace=50,words=400"}})
        for client in ("client-watched", "client-inspected")
    }
    time.sleep(2)
    assert own.puck.command("freeze", "on").stdout == "frozen\n"
    for client, stream in streaming.items():
        cut = json.loads(stream.communicate(timeout=5)[0])
        assert cut["error"] and cut["events_ms"], f"the answer to {client} went on"
    for client in streaming:
        assert ask(own, client, "https://api.openai.com/v1/chat/completions", "-d", BODY) == "000"
    assert ask(own, "client-watched", "https://www.example.com/") == "200", "what is not AI goes on"
    assert ask(own, "client-watched", f"https://nanogate.{plan.DOMAIN}/healthz", "-k") == "200", "so does the page"
    assert len(own.puck.await_records(refused_by_freeze)) >= 4
    assert own.puck.command("freeze", "status", check=False).returncode == 1

    own.puck.stop()
    own.puck.start()
    assert ask(own, "client-watched", "https://api.openai.com/v1/chat/completions", "-d", BODY) == "000", "after a restart"
    assert own.puck.command("bypass", "5", check=False).returncode == 2, "a bypass does not thaw"
    assert own.puck.command("freeze", "off").stdout == "normal\n"
    assert ask(own, "client-watched", "https://api.openai.com/v1/chat/completions", "-d", BODY) != "000"
    assert noted(own, "freeze") and noted(own, "thaw")
    assert own.puck.verify()[0] == 0


def test_a_killed_proxy_comes_back_frozen(own):
    own.puck.command("freeze", "on")
    own.puck.kill("proxy")
    own.puck.await_ready()
    for _ in range(5):
        assert ask(own, "client-watched", "https://api.openai.com/v1/chat/completions", "-d", BODY) == "000"


def test_a_bypass_watches_who_would_be_inspected_and_keeps_denying(own):
    def issuer():
        words = ["curl", "-sv", "-o", "/dev/null", "-k", "https://api.openai.com/"]
        shown = own.hosts["client-inspected"].run(words, check=False).stderr
        return next(line for line in shown.splitlines() if "issuer:" in line)

    own_authority = f"CN=Nano-Gate {plan.DOMAIN}"
    assert own_authority in issuer()
    reply = json.loads(own.puck.command("bypass", "1", "--json").stdout)
    assert reply["switch"] == "bypassed" and 50 < reply["bypass_seconds"] <= 60
    assert own_authority not in issuer(), "the provider's own certificate"
    assert ask(own, "client-denied", "https://api.openai.com/v1/chat/completions", "-d", BODY) == "000"
    assert own.puck.command("bypass", "0").stdout == "normal\n"
    assert own_authority in issuer()
    assert noted(own, "bypass") and noted(own, "bypass_end")


def test_only_who_runs_the_daemon_can_turn_the_switch(own):
    socket = f"{own.puck.settings['data']}/state/console.sock"
    mode = own.hosts["puck"].run(["stat", "-c", "%a %U", socket]).stdout.split()
    assert mode[0] == "600"
