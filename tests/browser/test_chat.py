"""A chat page in Chromium, inspected: it streams by fetch and speaks over a WebSocket, and notices nothing of the puck
but where something must not leave."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import planted
import pytest
from office import CLIENT_ENVIRONMENT
from pytest_office import Witness

HERE = Path(__file__).resolve().parent
WORDS = 5


@pytest.fixture
def home(office, tmp_path):
    """A home whose user has imported the office's authority into the store that Chromium reads, as the Trust page says."""
    store = f"sql:{tmp_path / '.pki/nssdb'}"
    (tmp_path / ".pki/nssdb").mkdir(parents=True)
    subprocess.run(["certutil", "-d", store, "-N", "--empty-password"], check=True)
    # The pretend internet's own, too, for who is only watched.
    for name, file in {"office": office.puck.ca_file, "internet": office.internet.ca}.items():
        subprocess.run(["certutil", "-d", store, "-A", "-t", "C,,", "-n", name, "-i", file], check=True)
    return tmp_path


def say(office, client, home, *texts):
    browser = os.environ.get("CHROMIUM", shutil.which("chromium"))
    chat = ["node", HERE / "chat.mjs", "--chromium", browser, "--url", "https://chatgpt.com/", "--", *texts]
    environment = CLIENT_ENVIRONMENT | {"HOME": str(home)}
    done = office.hosts[client].run(chat, timeout=120, env=environment, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{office.puck.tail_log()}"
    return json.loads(done.stdout)


@pytest.mark.parametrize("client", ["client-watched", "client-inspected"])
def test_a_clean_conversation_is_untouched_and_streams(office, home, client):
    arrived = Witness(office)
    [shown] = say(office, client, home, "Three headings, please.")
    # Each word was said only after the page had shown the one before.
    assert shown["answer"].startswith("Certainly.") and shown["pieces"] >= WORDS
    assert shown["socket"] == "conversation.item.done"
    said = [request for request in arrived.requests if request["target"] == "/backend-api/conversation"]
    assert [request["version"] for request in said] == ["HTTP/2.0"]
    assert json.loads(said[0]["bytes"])["messages"][0]["content"]["parts"] == ["Three headings, please."]


def test_what_must_not_leave_does_not_by_fetch_nor_by_socket(office, home):
    arrived = Witness(office)
    redacted, denied = say(office, "client-inspected", home, f"Write to {planted.EMAIL.value}.", planted.private_key())
    assert redacted["answer"].startswith("Certainly.") and redacted["socket"] == "conversation.item.done"
    assert denied["answer"].startswith("refused 403: ") and "Nano-Gate" in denied["answer"]
    assert denied["socket"].startswith("closed 1008: Nano-Gate")
    assert planted.leaks(arrived.wire) == [] and b"PRIVATE KEY" not in arrived.wire
    rows = [row["event"]["request"] for row in office.puck.journal() if "request" in row["event"]]
    decisions = {row["decision"] for row in rows if row["host"] == "chatgpt.com"}
    assert {"redact", "deny"} <= decisions
