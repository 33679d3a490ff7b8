"""The admin page in Chromium, on a client of the office, over the proxy's hand-over."""

import json
import os
import shlex
from pathlib import Path

import plan
import planted
from office import CLIENT_ENVIRONMENT, PROGRAMS
from pytest_office import Witness

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "out/browser"


def test_an_owner_finds_their_way(new_office):
    """Everything else about the page is told by page.mjs, step by step. There is no policy before the page has one."""
    office = new_office()
    office.install_puck(config={"policy": None})
    chat = shlex.join(map(str, PROGRAMS["curl"]))
    traffic = f"echo {shlex.quote(json.dumps({'prompt': 'hello'}))} | {chat}"
    page = ["node", HERE / "page.mjs", "--url", f"https://nanogate.{plan.DOMAIN}/"]
    options = ["--code", office.puck.claim_code, "--traffic", traffic, "--shots", PICTURES]
    options += ["--chromium", os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else []
    done = office.hosts["client-inspected"].run([*page, *options], timeout=180, env=CLIENT_ENVIRONMENT, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{office.puck.tail_log()}"
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok ") == 13, done.stdout
    # What the page kept is in force: its pilot's devices are inspected.
    arrived = Witness(office)
    for client in ("client-watched", "client-inspected"):
        assert office.chat(client, "curl", {"prompt": planted.CHAT})["error"] is None, client
    plain, redacted = (planted.leaks(request["bytes"]) for request in arrived.requests)
    assert plain and not redacted

