"""The resolver under a load that no office makes, while its upstream dies and its settings change.

`./build.sh soak dns` runs it for a minute at full speed with the release binary; LOAD_SECONDS and LOAD_RATE say so.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import plan
import pytest
from puck import POLICY

SECONDS = int(os.environ.get("LOAD_SECONDS", 8))
RATE = int(os.environ.get("LOAD_RATE", 3000))
# What the puck knows, or has been told within the last five minutes: nobody else is needed for it.
KNOWN = [
    "www.example.com A",
    "www.example.com AAAA",
    "api.unknown-ai.example A",
    "api.openai.com A",
    "api.openai.com TYPE65",
    "chatgpt.com AAAA",
    "claude.ai A",
    f"nanogate.{plan.DOMAIN} A",
]
# Resident memory may grow by what a thread's first questions touch, and by nothing after that.
GROWTH_MIB = 3


@pytest.fixture
def own(new_office):
    office = new_office()
    office.install_puck(config={"dns": {"client_questions_per_second": 0}})
    return office


def dnsperf(office, client, folder, name, lines, rate):
    questions = folder / name
    questions.write_text("\n".join(lines) + "\n")
    command = ["dnsperf", "-s", plan.PUCK, "-d", questions, "-l", SECONDS, "-Q", rate, "-c", 8, "-t", 3, "-q", 2000]
    return office.hosts[client].popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outcome(process):
    """Questions sent, those that were lost, and the share of each response code."""
    text, _ = process.communicate(timeout=SECONDS + 30)
    sent, lost = (int(re.search(rf"Queries {what}:\s+(\d+)", text).group(1)) for what in ("sent", "lost"))
    codes = re.search(r"Response codes:\s+(.+)", text)
    return sent, lost, codes.group(1) if codes else ""


def resident_mib(office):
    status = Path(f"/proc/{office.puck.processes()['dns']}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def test_nothing_known_is_lost_when_the_upstream_dies_and_settings_change(own, tmp_path):
    for line in KNOWN:
        name, kind = line.split()
        own.hosts["client-watched"].run(["dig", f"@{plan.PUCK}", "+time=3", name, kind])
    load = dnsperf(own, "client-watched", tmp_path, "known", KNOWN, RATE)
    # Somebody else asks for what only the upstream knows, before it dies and after.
    others = dnsperf(own, "client-denied", tmp_path, "unknown", [f"n{i}.example.net A" for i in range(5000)], 100)
    time.sleep(SECONDS / 4)
    before = resident_mib(own)
    time.sleep(SECONDS / 4)
    own.internet.dns.kill()
    for turn in range(4):
        own.puck.write_policy(POLICY + f"# {turn}\n")
        own.puck.process.send_signal(signal.SIGHUP)
        time.sleep(SECONDS / 12)
    after = resident_mib(own)
    sent, lost, codes = outcome(load)
    print(f"{sent} questions, {lost} lost, {codes}; dns process {before:.1f} MiB, then {after:.1f}")
    assert lost == 0 and codes == f"NOERROR {sent} (100.00%)"
    assert sent > 0.8 * SECONDS * RATE, "the load is not what it says"
    assert after - before < GROWTH_MIB
    assert "SERVFAIL" in outcome(others)[2], "the upstream was not dead"
    assert own.puck.processes()["dns"] and own.puck.verify()[0] == 0


def test_a_restart_keeps_what_was_known(own):
    """Power fails, and the line is down when the puck is back: what the office asked for before still resolves."""
    ask = ["dig", f"@{plan.PUCK}", "+short", "+time=4", "+tries=1", "www.example.com"]
    assert plan.v4(80) in own.hosts["client-watched"].run(ask).stdout
    own.puck.stop()
    own.internet.dns.kill()
    own.puck.start()
    assert plan.v4(80) in own.hosts["client-watched"].run(ask).stdout
    assert own.puck.verify()[0] == 0
