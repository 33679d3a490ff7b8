"""The demo: what was typed, what left the office, what came back, and what the journal says.

    tests/.venv/bin/python tests/support/demo.py [--once]

It goes through `tests/support/enter` by itself, with a socket in hand that opens the admin page from outside.
Exit code 0 only if all of it held: nothing planted arrived, everything clean did.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import plan
import planted
import show
from office import CLIENTS, VENV, Office

CLEAN = "Give me three headings for the quarterly review."
WATCHED, INSPECTED, DENIED = plan.CLIENTS
MARKS = [("red", secret.value) for secret in planted.EVERY] + [
    ("green", secret.placeholder) for secret in planted.EVERY
]
# A scheduler on a busy machine is late now and then; a buffer is late every time, and a process that nobody starts again
# stays away.
ADDED_GAP_MS = 5
BACK_WITHIN_SECONDS = 5.0
ADMIN_PORT = 9443
LISTENER = "OFFICE_ADMIN_LISTENER"


class Demo:
    """The five acts, and whether each promise held."""

    def __init__(self, office):
        self.office = office
        self.puck = office.puck
        self.failures = []

    def held(self, condition, promise):
        show.verdict(bool(condition), promise)
        if not condition:
            self.failures.append(promise)

    def chat(self, client, program, **scenario):
        """A conversation, and the requests that the provider received meanwhile."""
        before = len(self.office.internet.requests())
        result = self.office.chat(client, program, scenario)
        return result, self.office.internet.requests(before)

    def records(self, kind, client, **wanted):
        """The journal's records of one kind about a client, once they are there."""
        address = f"{plan.LAN}.{plan.CLIENTS[client]}"

        def fits(record):
            fields = record["event"].get(kind)
            return (
                fields is not None
                and fields["client"].split(":")[0] == address
                and all(fields[key] == value for key, value in wanted.items())
            )

        return self.puck.await_records(fits)

    def watched(self):
        show.title("1  A client without the CA: watched, not protected")
        result, arrived = self.chat(WATCHED, "openai-python", prompt=CLEAN, stream=True)
        body = json.loads(arrived[0]["body"])["messages"][0]["content"] if arrived else "(nothing)"
        show.side_by_side("typed on 192.0.2.10 (openai, Python)", CLEAN, "received by api.openai.com", body, MARKS)
        show.line(f"came back: {result['text'][:78]}…")
        self.held(result["error"] is None and result["text"], "the answer came, through TLS that ends at the provider")
        self.held(body == CLEAN, "the prompt arrived as it was typed: nothing is read, nothing is changed")
        records = self.records("connection", WATCHED, mode="watched")
        for record in records[-1:]:
            show.journal(record)
        fields = records[-1]["event"]["connection"] if records else {}
        known = ("host", "vendor", "bytes_up", "bytes_down", "connect_micros", "duration_micros", "client")
        self.held(all(fields.get(key) for key in known), "the journal has host, provider, bytes, latency and client")
        self.baseline = gap(result)

    def inspected(self):
        show.title("2  A client with the CA: secrets stay, the sentence goes")
        result, arrived = self.chat(INSPECTED, "openai-python", prompt=planted.CHAT, system=planted.SYSTEM, stream=True)
        texts = [message["content"] for message in json.loads(arrived[0]["body"])["messages"]] if arrived else []
        shown = "\n\n".join(texts) or "(nothing)"
        typed = f"{planted.SYSTEM}\n\n{planted.CHAT}"
        show.side_by_side("typed on 192.0.2.11 (openai, Python)", typed, "received by api.openai.com", shown, MARKS)
        show.line(f"came back: {result['text'][:78]}…")
        expected = [planted.redacted(planted.SYSTEM), planted.redacted(planted.CHAT)]
        self.held(
            texts == expected, "e-mail, phone, card and API key are placeholders, every other character is as typed"
        )
        for record in self.records("request", INSPECTED, decision="redact")[-1:]:
            show.journal(record)
        added = gap(result) - self.baseline
        self.held(
            result["error"] is None and len(result["events_ms"]) > 10 and added < ADDED_GAP_MS,
            f"the answer streamed: {len(result['events_ms'])} events, {gap(result):.1f} ms apart"
            f" ({added:+.1f} ms against the watched client)",
        )
        self.tool_arguments()
        self.node()

    def tool_arguments(self):
        use = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": json.loads(planted.TOOL_ARGUMENTS)}
        answer = {"type": "tool_result", "tool_use_id": "toolu_1", "content": f"sent to {planted.EMAIL.value}"}
        tool = {"name": "send", "description": "Sends a note.", "input_schema": {"type": "object", "properties": {}}}
        messages = [
            {"role": "user", "content": "Send the note."},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [answer]},
        ]
        result, arrived = self.chat(INSPECTED, "anthropic-python", messages=messages, tools=[tool])
        received = json.loads(arrived[0]["body"])["messages"][1]["content"][0]["input"] if arrived else "(nothing)"
        show.line()
        show.side_by_side(
            "tool arguments (anthropic, Python)",
            planted.TOOL_ARGUMENTS,
            "received by api.anthropic.com",
            json.dumps(received),
            MARKS,
        )
        expected = json.loads(planted.redacted(planted.TOOL_ARGUMENTS))
        self.held(
            result["error"] is None and received == expected, "tool arguments are clean; the numbers in them stay"
        )

    def node(self):
        result, arrived = self.chat(INSPECTED, "openai-node", prompt=planted.CHAT, stream=True)
        content = json.loads(arrived[0]["body"])["messages"][0]["content"] if arrived else None
        held = result["error"] is None and content == planted.redacted(planted.CHAT)
        self.held(held, "the same through the npm package, over its own HTTP stack")

    def refused(self):
        show.title("3  A private key: refused in the provider's own words")
        key = planted.private_key()
        typed = f"Why does this key not load?\n{key}"
        for program in ("openai-python", "anthropic-python"):
            result, arrived = self.chat(INSPECTED, program, prompt=typed)
            error = result["error"] or {}
            if program == "openai-python":
                answer = f"{error.get('class')}: {error.get('message')}"
                show.side_by_side("typed on 192.0.2.11", typed, "what the SDK raised", answer, MARKS)
            self.held(
                error.get("class") == "PermissionDeniedError" and error.get("status") == 403 and not arrived,
                f"{program}: its normal PermissionDeniedError, HTTP 403; the provider received nothing",
            )
            body = "".join(key.splitlines()[1:-1])
            self.held(
                "private key" in error.get("message", "").lower() and body[:20] not in error["message"],
                "the reason is plain and repeats nothing of the key",
            )
        for record in self.records("request", INSPECTED, decision="deny")[-1:]:
            show.journal(record)

    def beside(self):
        show.title("4  Beside AI: untouched; and a client that policy denies")
        client = self.office.hosts[INSPECTED]
        before = len(self.office.internet.requests())
        done = client.run(["curl", "-sS", "-w", "\n%{remote_ip}", "https://www.example.com/"])
        page, _, address = done.stdout.rpartition("\n")
        arrived = self.office.internet.requests(before)
        show.line(f"https://www.example.com/ at {address}: {page.strip()[:60]}…")
        own = (f"{plan.LAN}.{plan.CLIENTS[INSPECTED]}", f"[{plan.LAN6}:{plan.CLIENTS[INSPECTED]}]")
        direct = address in (plan.v4(80), plan.v6(80)) and arrived and arrived[0]["peer"].rpartition(":")[0] in own
        self.held(direct, f"a name that is not AI is reached at its own address, from the client's own: {address}")
        result, arrived = self.chat(DENIED, "curl", prompt=CLEAN)
        error = result["error"] or {}
        show.line(f"192.0.2.12, denied: {error.get('message')}")
        self.held(
            error.get("class") == "TlsHandshake" and "alert" in error["message"] and not arrived,
            "a client that policy denies gets a TLS alert before anything leaves",
        )
        records = self.records("connection", DENIED, mode="refused")
        for record in records[-1:]:
            show.journal(record)
        reason = records[-1]["event"]["connection"]["reason"] if records else None
        self.held(isinstance(reason, dict) and "policy" in reason, "and the journal says why")

    def killed(self):
        show.title("5  kill -9: closed at once, back in a moment, the journal whole")
        long_answer = {"stream": True, "headers": {"x-fake": "pace=50,words=400"}}
        streaming = self.office.start_chat(INSPECTED, "curl", long_answer)
        body = json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": planted.CHAT}]})
        asker = self.office.hosts[INSPECTED].popen(
            [VENV / "python", CLIENTS / "keeps_asking.py", "api.openai.com", "/v1/chat/completions", body],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1.5)
        victims = self.puck.kill()
        killed_at = time.monotonic()
        show.line(f"SIGKILL to {', '.join(f'{name} ({pid})' for name, pid in victims.items())}")
        cut = json.loads(streaming.communicate(timeout=30)[0])
        back_at = self.puck.await_restart(victims)
        time.sleep(2)
        out, _ = asker.communicate(input="\n", timeout=10)
        asked = sorted(map(json.loads, out.splitlines()), key=lambda row: row["ended"])
        self.judge_outage(asked, killed_at, back_at, cut)
        self.puck.await_ready()
        code, text = self.puck.verify()
        for row in text.strip().splitlines():
            show.line(row)
        self.held(code == 0, "the journal verifies")

    def judge_outage(self, asked, killed_at, back_at, cut):
        """What a client saw that asked all the time, and one that was in the middle of an answer."""
        before = [row for row in asked if row["ended"] < killed_at]
        after = [row for row in asked if row["begun"] > killed_at and row["status"] == 200]
        self.held(before and all(row["status"] == 200 for row in before), f"{len(before)} answers before it")
        message = (cut["error"] or {}).get("message")
        self.held(
            message, f"closed: an answer that was streaming is cut after {len(cut['events_ms'])} events ({message})"
        )
        early = [row for row in after if row["ended"] < back_at]
        self.held(not early, "closed: nobody was answered before it was back")
        back = (after[0]["ended"] - killed_at) if after else float("inf")
        self.held(back < BACK_WITHIN_SECONDS, f"back: {back * 1000:.0f} ms later the next question is answered")

    def nothing_arrived(self):
        show.title("All in all")
        self.held(
            not planted.leaks(self.office.internet.wire()),
            "no planted value is among all the bytes that the providers decrypted",
        )
        self.held(
            all(request["scheme"] == "https" for request in self.office.internet.requests()),
            "and nothing went out in the clear",
        )

    def run(self):
        for act in (self.watched, self.inspected, self.refused, self.beside, self.killed, self.nothing_arrived):
            act()
        return not self.failures


def gap(result):
    """The usual pause between two events of a stream, in milliseconds."""
    arrivals = result["events_ms"]
    pauses = [later - earlier for earlier, later in zip(arrivals, arrivals[1:])]
    return statistics.median(pauses) if pauses else float("inf")


def picture():
    show.title("Nano-Gate · the virtual office")
    for row in (
        "client-watched    192.0.2.10 ┐                       ┌ api.openai.com     203.0.113.10",
        "client-inspected  192.0.2.11 ┤                       ├ api.anthropic.com  203.0.113.11",
        "client-denied     192.0.2.12 ┼─ LAN ── router ── net ┼ www.example.com    203.0.113.80",
        "the puck          192.0.2.53 ┘                       └ DNS                203.0.113.53",
    ):
        show.line(row)
    show.note("The clients know an address, a DNS server (the puck) and a trust store; only .11 trusts the puck's CA.")


def go_inside():
    """Starts over inside the office's world; the socket made here stays one of the machine outside."""
    listener = socket.socket()
    try:
        listener.bind(("127.0.0.1", ADMIN_PORT))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.set_inheritable(True)
    os.environ[LISTENER] = f"{listener.fileno()}:{listener.getsockname()[1]}"
    enter = Path(__file__).resolve().parent / "enter"
    os.execv(enter, [enter, sys.executable, *sys.argv])


def open_admin_page(office):
    """The admin page's address for a browser on this machine, or inside the office where no socket came along."""
    descriptor, _, port = os.environ.get(LISTENER, "").partition(":")
    try:
        os.fstat(int(descriptor))
    except (OSError, ValueError):
        return f"https://{plan.PUCK}:9443/ (inside the office)"
    relay = [sys.executable, Path(__file__).resolve().parent / "relay.py", descriptor, plan.PUCK, "9443"]
    office.hosts["puck"].popen(relay, pass_fds=[int(descriptor)], stderr=subprocess.DEVNULL)
    return f"https://127.0.0.1:{port}/"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end by itself; exit 0 only if all held")
    arguments = parser.parse_args()
    if "OFFICE_SCRATCH" not in os.environ:
        go_inside()
    with Office() as office:
        picture()
        office.install_puck()
        demo = Demo(office)
        good = demo.run()
        show.verdict(good, "all held" if good else f"{len(demo.failures)} did not hold")
        show.line()
        show.line(f"admin page   {show.paint('bold', open_admin_page(office))}")
        show.line(f"claim code   {show.paint('bold', office.puck.claim_code)}")
        if not arguments.once:
            show.note("Ctrl-C ends the office and leaves nothing behind.")
            signal.pause()
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
