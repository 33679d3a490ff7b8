"""The daemon's own life: killed, starved of a part, reloaded, drained."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import plan
import planted
import pytest
from office import CLIENTS, VENV
from puck import BINARY, POLICY

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
WORKERS = ["dns", "proxy", "admin", "steer"]


@pytest.fixture
def own(new_office):
    """An office that may be broken."""
    office = new_office()
    office.install_puck()
    return office


class Asker:
    """A client that asks all the time, and what became of each question."""

    def __init__(self, office, client="client-inspected"):
        command = [VENV / "python", CLIENTS / "keeps_asking.py", "api.openai.com", "/v1/chat/completions", BODY]
        self.process = office.hosts[client].popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(1)

    def end(self):
        out, _ = self.process.communicate(input="\n", timeout=10)
        return sorted((json.loads(line) for line in out.splitlines()), key=lambda row: row["ended"])


class Digger:
    """A client that asks the puck's DNS all the time."""

    SCRIPT = """
import select, socket, sys, time
question = bytes.fromhex("abcd01000001000000000000") + b"\\x03api\\x06openai\\x03com\\0\\0\\x01\\0\\x01"
while not select.select([sys.stdin], [], [], 0.01)[0]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((sys.argv[1], 53))
        try:
            s.send(question)
            print(len(s.recv(512)) > 40)
        except OSError:
            print(False)
"""

    def __init__(self, office):
        command = [VENV / "python", "-c", self.SCRIPT, plan.PUCK]
        host = office.hosts["client-watched"]
        self.process = host.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def end(self):
        return self.process.communicate(input="\n", timeout=10)[0].split()


def await_requests(office, count):
    deadline = time.monotonic() + 10
    while len(office.internet.requests()) < count:
        assert time.monotonic() < deadline, "nobody asks"
        time.sleep(0.05)


def test_killed_it_fails_closed_and_is_back_within_a_second(own):
    streaming = own.start_chat("client-inspected", "curl", {"stream": True, "headers": {"x-fake": "pace=50,words=400"}})
    await_requests(own, 1)
    asker = Asker(own)
    await_requests(own, 4)
    victims = own.puck.kill()
    killed_at = time.monotonic()
    assert set(victims) == set(WORKERS)
    cut = json.loads(streaming.communicate(timeout=10)[0])
    assert cut["error"] and cut["events_ms"], "a stream that was running goes on without the daemon"
    back_at = own.puck.await_restart(victims)
    time.sleep(2)
    asked = asker.end()
    before = [row for row in asked if row["ended"] < killed_at]
    assert before and all(row["status"] == 200 for row in before)
    recovered = [row["ended"] - killed_at for row in asked if row["begun"] > killed_at and row["status"] == 200]
    assert recovered and recovered[0] < 1.0, recovered[:1]
    early = [row for row in asked if row["begun"] > killed_at and row["ended"] < back_at and row["status"] == 200]
    assert early == [], "something answered while the daemon was down"
    assert planted.leaks(own.internet.wire()) == []
    code, text = own.puck.verify()
    assert code == 0, text


def test_with_the_daemon_gone_for_good_ai_stays_closed(own):
    """The supervisor dies too: the rules stay, the names lead to a closed door or nowhere, never around it."""
    address = own.hosts["client-inspected"].run(["getent", "ahostsv4", "api.openai.com"]).stdout.split()[0]
    workers = own.puck.processes()
    own.puck.process.kill()
    own.puck.process.wait()
    own.puck.host.run(["sh", "-c", f"kill -9 {' '.join(map(str, workers.values()))} 2>/dev/null; true"])
    for to in (f"api.openai.com:443:{address}", "unrelated.example:1:127.0.0.1"):
        curl = [
            "curl",
            "-sS",
            "--max-time",
            "3",
            "--resolve",
            to,
            "-d",
            planted.CHAT,
            "https://api.openai.com/v1/chat/completions",
        ]
        assert own.hosts["client-inspected"].run(curl, check=False).returncode in (6, 7, 28, 35)
    assert own.internet.requests() == []


@pytest.mark.parametrize("victim", ["proxy", "admin", "steer"])
def test_killing_another_process_loses_no_dns_answer(own, victim):
    digger = Digger(own)
    for _ in range(3):
        victims = own.puck.kill(victim)
        assert victims
        own.puck.await_restart(victims)
    answers = digger.end()
    assert len(answers) > 50 and set(answers) == {"True"}


def test_starving_another_process_loses_no_dns_answer(own):
    """SIGSTOP is starvation at its worst: the process is there and does nothing."""
    digger = Digger(own)
    frozen = [pid for name, pid in own.puck.processes().items() if name != "dns"]
    own.puck.host.run(["kill", "-STOP", *frozen])
    time.sleep(2)
    own.puck.host.run(["kill", "-CONT", *frozen])
    answers = digger.end()
    assert len(answers) > 50 and set(answers) == {"True"}


def pull_the_disk(office, *workers):
    """Takes the data folder away from these workers, and then their lives; how to give it back."""
    data = Path(office.puck.settings["data"])
    away, pids = data.with_name("away"), office.puck.processes()
    data.rename(away)
    for name in workers:
        os.kill(pids[name], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not office.puck.answers_dns():
        assert time.monotonic() < deadline, office.puck.tail_log()
    return lambda: away.rename(data)


def session(office):
    """What the page says to whoever opens it; nothing while nobody answers."""
    ask = ["curl", "-sk", "--max-time", "2", f"https://{plan.PUCK}:9443/api/v1/session"]
    return json.loads(office.hosts["client-watched"].run(ask, check=False).stdout or "{}")


def await_session(office, wanted):
    deadline = time.monotonic() + 30
    while not wanted(told := session(office)):
        assert time.monotonic() < deadline, f"{told}\n{office.puck.tail_log()}"
        time.sleep(0.2)
    return told


def test_all_processes_come_back_where_the_disk_is_gone(own):
    """What they begin with comes from the supervisor's memory, and an office without records is better off than one without
    names. AI is refused, not by chance: from the first connection on."""
    give_back = pull_the_disk(own, *WORKERS)
    assert own.hosts["client-watched"].run(["getent", "ahostsv4", "api.openai.com"]).stdout.startswith(plan.PUCK)
    told = await_session(own, lambda told: "trouble" in told)
    assert "It needs you" in told["trouble"] and told["claimed"] is False and told["signed_in"] is False
    for client in ("client-watched", "client-inspected"):
        assert own.chat(client, "curl", {"prompt": "hello"})["error"]
    assert own.internet.requests() == [], "a provider was reached without a record"
    tunnel = ["curl", "-sk", "--max-time", "10", "--proxy", f"http://{plan.PUCK}:8080", "-o", "/dev/null"]
    tunnel += ["-w", "%{http_code}", "https://www.example.com/"]
    assert own.hosts["client-watched"].run(tunnel, check=False).stdout == "200", "what is no AI goes on"
    page = f"https://{plan.PUCK}:9443"
    sign_in = ["curl", "-sk", "--max-time", "5", "-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    claim = {"code": "ABCD-EFGH-JKMN", "password": "correct horse battery staple"}
    sign_in += ["-d", json.dumps(claim), f"{page}/api/v1/claim"]
    assert "gone or broken" in own.hosts["client-watched"].run(sign_in, check=False).stdout
    assert "<html" in own.hosts["client-watched"].run(["curl", "-sk", "--max-time", "5", f"{page}/"]).stdout
    give_back()
    # With the disk there again it is as ever, by itself.
    await_session(own, lambda told: told and "trouble" not in told)
    deadline = time.monotonic() + 30
    while own.chat("client-inspected", "curl", {"prompt": "hello"})["error"]:
        assert time.monotonic() < deadline, own.puck.tail_log()
    for kind, name in (("dns", "name"), ("request", "host")):
        wanted = lambda record: record["event"].get(kind, {}).get(name) == "api.openai.com"  # noqa: B023, E731
        assert own.puck.await_records(wanted, 30), kind
    assert set(own.puck.processes()) == set(WORKERS)
    code, text = own.puck.verify()
    assert code == 0, text


def test_where_records_may_wait_in_memory_ai_goes_on_without_the_disk(new_office):
    """Also for a proxy that begins without it."""
    office = new_office()
    office.install_puck(config={"journal": {"in_memory_mib": 4}})
    # What the owner changed while all was well holds for whoever begins afterwards.
    late = "rules:\n  - {name: late, vendors: [anthropic], action: deny}\n"
    office.puck.write_policy(office.puck.policy_file.read_text() + late)
    refused = lambda: office.chat("client-inspected", "anthropic-python", {"prompt": "hello"})["error"]  # noqa: E731
    deadline = time.monotonic() + 20
    while not refused():
        assert time.monotonic() < deadline, office.puck.tail_log()
    time.sleep(3)
    give_back = pull_the_disk(office, "proxy", "admin")
    deadline = time.monotonic() + 20
    while office.chat("client-inspected", "curl", {"prompt": "hello"})["error"]:
        assert time.monotonic() < deadline, office.puck.tail_log()
    result = office.chat("client-inspected", "openai-python", {"prompt": planted.CHAT})
    assert result["error"] is None and planted.leaks(office.internet.wire()) == []
    assert office.chat("client-denied", "curl", {"prompt": "hello"})["error"], "the policy that was in force stays so"
    assert refused(), "and so does what was changed in it"
    prompts = lambda record: record["event"].get("request", {}).get("host") == "api.openai.com"  # noqa: E731
    give_back()
    # Whoever began without the disk ends, and its successor writes what was left to it.
    told = lambda record: record["event"].get("admin", {}).get("command") == "journal_in_memory"  # noqa: E731
    assert office.puck.await_records(lambda record: told(record) and record["process"] == "proxy", 30), office.puck.tail_log()
    assert office.puck.await_records(prompts, 1)
    code, text = office.puck.verify()
    assert code == 0, text


def test_a_full_disk_under_the_proxys_journal_stops_ai_and_nothing_else(own):
    """What cannot be recorded does not leave; names, and what is no AI, go on."""
    own.puck.stop()
    journal = Path(own.puck.settings["data"]) / "journal/proxy"
    own.hosts["puck"].run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", journal])
    own.puck.start()
    assert own.chat("client-inspected", "curl", {"prompt": "hello"})["error"] is None
    own.hosts["puck"].run(["dd", "if=/dev/zero", f"of={journal}/filler", "bs=4k"], check=False)
    deadline = time.monotonic() + 20
    # What fits into the block that was begun is still recorded.
    while own.chat("client-inspected", "curl", {"prompt": "hello"})["error"] is None:
        assert time.monotonic() < deadline, "it goes on without records"
    before = len(own.internet.requests())
    for client in ("client-inspected", "client-watched"):
        assert own.chat(client, "curl", {"prompt": planted.CHAT})["error"]
    assert len(own.internet.requests()) == before
    assert own.puck.answers_dns()
    # The page's own journal is well, and nobody has signed in: who opens it is told all the same, until there is room again.
    told = await_session(own, lambda told: "trouble" in told)
    assert "takes no records" in told["trouble"] and "It needs you" in told["trouble"]
    own.hosts["puck"].run(["rm", journal / "filler"])
    await_session(own, lambda told: told and "trouble" not in told)
    deadline = time.monotonic() + 20
    while own.chat("client-inspected", "curl", {"prompt": "hello"})["error"]:
        assert time.monotonic() < deadline, own.puck.tail_log()
    code, text = own.puck.verify()
    assert code == 0, text


def test_records_go_on_once_the_journal_can_be_opened(own):
    """Until then questions are answered all the same, and the status says what is missing."""
    ask = ["getent", "ahostsv4", "claude.ai"]
    lock = Path(own.puck.settings["data"]) / "journal/dns/lock"
    with lock.open("rb") as held:
        # Who waits for it when its owner ends has it before the owner's successor.
        waiting = threading.Thread(target=fcntl.flock, args=(held, fcntl.LOCK_EX), daemon=True)
        waiting.start()
        time.sleep(0.5)
        victim = own.puck.kill("dns")
        waiting.join(20)
        assert not waiting.is_alive(), own.puck.tail_log()
        own.puck.await_restart(victim)
        own.puck.await_ready()
        assert own.hosts["client-watched"].run(ask).stdout.startswith(plan.PUCK)
        own.puck.await_status(lambda status: any("missing from the journal" in text for text in status["warnings"]))
    deadline = time.monotonic() + 30
    while not own.puck.await_records(lambda record: record["event"].get("dns", {}).get("name") == "claude.ai", 1):
        assert time.monotonic() < deadline, own.puck.tail_log()
        own.hosts["client-watched"].run(ask)
    code, text = own.puck.verify()
    assert code == 0, text


def test_a_process_that_does_nothing_is_named_and_replaced(own):
    """Stopped for good: status says so, and a successor answers without anybody's help. A process that had not begun to
    beat when it was stopped is given the time of a start."""
    wedged = own.puck.processes()["proxy"]
    os.kill(wedged, signal.SIGSTOP)
    own.puck.await_status(lambda status: status["healthy"] is False and stalled(status) == ["proxy"], timeout=45)
    own.puck.await_restart({"proxy": wedged}, timeout=45)
    own.puck.await_status(lambda status: status["healthy"] is True)
    assert own.chat("client-inspected", "curl", {"prompt": planted.CHAT})["error"] is None
    states = [record["event"]["process"]["state"] for record in own.puck.journal(500) if "process" in record["event"]]
    assert states.count("stalled") == 1 and states.count("crashed") == 1


def stalled(status):
    return [process["name"] for process in status["processes"] if process["stalled"]]


def test_an_acknowledged_request_is_in_the_journal_after_a_kill(own):
    for _ in range(5):
        assert own.chat("client-inspected", "curl", {"prompt": planted.CHAT})["error"] is None
    own.puck.kill("proxy")
    own.puck.await_ready()
    requests = [record for record in own.puck.journal(500) if "request" in record["event"]]
    assert len(requests) == 5
    assert own.puck.verify()[0] == 0


IDLE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 443), 5):
    print("connected", flush=True)
    time.sleep(60)
"""


def test_it_drains_within_five_seconds(own):
    """A stream that would go on for a minute is running, and an idle connection is open."""
    endless = {"stream": True, "timeout": 60, "headers": {"x-fake": "pace=50,words=2000"}}
    host = own.hosts["client-inspected"]
    own.start_chat("client-inspected", "curl", endless)
    idle = host.popen([VENV / "python", "-c", IDLE, plan.PUCK], stdout=subprocess.PIPE, text=True)
    assert idle.stdout.readline() == "connected\n"
    time.sleep(1.5)
    seconds, code = own.puck.stop()
    assert code == 0 and seconds < 5.5
    idle.kill()
    assert own.puck.verify()[0] == 0


def test_sigterm_lets_a_short_answer_finish(own):
    client = own.start_chat("client-inspected", "curl", {"stream": True, "headers": {"x-fake": "pace=50,words=40"}})
    time.sleep(1)
    own.puck.stop()
    result = json.loads(client.communicate(timeout=10)[0])
    assert result["error"] is None and len(result["events_ms"]) > 38


def test_policy_is_reloaded_without_a_restart(own):
    pids = own.puck.processes()
    assert own.chat("client-watched", "curl", {"prompt": "hello"})["error"] is None
    own.puck.write_policy(POLICY.replace("mode: watch\n", "mode: deny\n", 1))
    await_outcome(own, lambda result: result["error"] is not None)
    own.puck.write_policy(POLICY)
    await_outcome(own, lambda result: result["error"] is None)
    assert own.puck.processes() == pids


def test_a_broken_policy_changes_nothing(own):
    own.puck.write_policy(POLICY.replace("mode: deny", "mode: whatever"))
    time.sleep(2)
    assert own.chat("client-denied", "curl", {"prompt": "hello"})["error"], "the last good policy must stay"
    assert own.chat("client-watched", "curl", {"prompt": "hello"})["error"] is None
    assert "policy.yaml" in own.puck.tail_log(200)


def test_two_starts_keep_identity_and_journal(own):
    own.chat("client-inspected", "curl", {"prompt": "hello"})
    authority = own.puck.ca_file.read_text()
    before = len(own.puck.journal(1000))
    own.puck.stop()
    own.puck.start()
    assert own.puck.ca_file.read_text() == authority
    assert len(own.puck.journal(1000)) > before
    assert own.chat("client-inspected", "curl", {"prompt": planted.CHAT})["error"] is None
    assert own.puck.verify()[0] == 0


def await_outcome(office, wanted, timeout=5):
    deadline = time.monotonic() + timeout
    while not wanted(office.chat("client-watched", "curl", {"prompt": "hello"})):
        assert time.monotonic() < deadline, "the policy was not reloaded"
        time.sleep(0.2)


# Whoever holds the port holds it until its standard input ends.
HOLDER = """
import socket, sys
stub = ("127.0.0.53", 53)
listener, datagrams = socket.create_server(stub), socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(stub)
print("here", flush=True)
sys.stdin.read()
"""


def test_a_taken_port_is_named_with_who_holds_it_and_what_helps(own):
    own.puck.stop()
    text = own.puck.config_file.read_text()
    own.puck.config_file.write_text(text.replace(f'"{plan.PUCK}:53"', '"0.0.0.0:53"'))
    holder = own.puck.host.popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "here\n"
    done = own.puck.host.run([BINARY, "run", "--config", own.puck.config_file], check=False, timeout=30)
    holder.communicate(timeout=10)
    assert done.returncode == 2, done
    told = done.stderr.splitlines()[-1]
    assert told.startswith("nanogate: dns.listen: TCP 0.0.0.0:53: "), told
    assert "systemd-resolved listens at 127.0.0.53:53; `DNSStubListener=no`" in told, told
