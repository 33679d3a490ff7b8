"""The admin page in Chromium, on a client of the office, over the proxy's hand-over."""

import json
import os
import shlex
from pathlib import Path

import plan
from office import CLIENT_ENVIRONMENT, PROGRAMS

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "out/browser"


def test_an_owner_finds_their_way(office):
    """Everything else about the page is told by page.mjs, step by step."""
    chat = shlex.join(map(str, PROGRAMS["curl"]))
    traffic = f"echo {shlex.quote(json.dumps({'prompt': 'hello'}))} | {chat}"
    page = ["node", HERE / "page.mjs", "--url", f"https://nanogate.{plan.DOMAIN}/"]
    options = ["--code", office.puck.claim_code, "--traffic", traffic, "--shots", PICTURES]
    options += ["--chromium", os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else []
    done = office.hosts["client-inspected"].run([*page, *options], timeout=180, env=CLIENT_ENVIRONMENT, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{office.puck.tail_log()}"
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok ") == 12, done.stdout
