"""The resolver under a load that no office makes, while its upstream dies and its settings, groups, lists and packs change.

`./build.sh soak dns` runs it for a minute at full speed with the release binary; LOAD_SECONDS, LOAD_RATE and LOAD_NAMES
say so. A question that has no answer is laid at somebody's door: the puck's, whose kernel counts what found no room at its
sockets, or the generator's, whose kernel counts the same of answers.
"""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import plan
import pytest
from puck import POLICY, to_toml
from test_packs import Maker

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
# Names of a block list that is replaced meanwhile.
NAMES = int(os.environ.get("LOAD_NAMES", 100_000))
# Resident memory may grow by what a thread's first questions touch, by the questions that wait for a dead upstream and by
# the failures that are kept (both bounded): as much in a minute as in eight seconds.
GROWTH_MIB = 5


@pytest.fixture
def own(new_office):
    office = new_office()
    office.install_puck(config={"dns": {"client_questions_per_second": 0}})
    return office


def udp(office, host):
    """What the kernel of a host has counted of datagrams (proc_net(5), snmp)."""
    lines = [line.split() for line in office.hosts[host].run(["cat", "/proc/net/snmp"]).stdout.splitlines()]
    names, values = [line[1:] for line in lines if line[0] == "Udp:"]
    return dict(zip(names, map(int, values), strict=True))


class Doors:
    """At whose door what was lost lies."""

    def __init__(self, office, generator):
        self.office, self.generator = office, generator
        self.before = {host: udp(office, host) for host in ("puck", generator)}

    def dropped(self, host):
        return udp(self.office, host)["RcvbufErrors"] - self.before[host]["RcvbufErrors"]

    def told(self, lost):
        ours, theirs = self.dropped("puck"), self.dropped(self.generator)
        pressure = Path("/proc/pressure/cpu")
        stalls = pressure.read_text().split()[1] if pressure.exists() else "unknown"
        return (
            f"{lost} lost: {ours} questions found no room at the puck's sockets, {theirs} answers none at the generator's; "
            f"machine: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, stalled {stalls}"
        )


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
    doors = Doors(own, "client-watched")
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
    told = doors.told(lost)
    print(f"{sent} questions, {codes}; {told}; dns process {before:.1f} MiB, then {after:.1f}")
    assert lost <= doors.dropped("client-watched"), f"what the generator dropped is not ours, the rest is: {told}"
    assert codes == f"NOERROR {sent - lost} (100.00%)", "what is answered is answered well"
    assert sent > 0.8 * SECONDS * RATE, "the load is not what it says"
    assert after - before < GROWTH_MIB
    assert "SERVFAIL" in outcome(others)[2], "the upstream was not dead"
    assert own.puck.processes()["dns"] and own.puck.verify()[0] == 0


def write_list(file, turn):
    fresh = file.with_suffix(".new")
    with fresh.open("w") as out:
        out.writelines(f"0.0.0.0 n{turn}-{number}.blocked.example\n" for number in range(NAMES))
    fresh.rename(file)


def test_lists_groups_and_packs_are_replaced_under_load_and_nothing_is_lost(new_office, tmp_path):
    office, maker = new_office(), Maker(tmp_path / "ours")
    # Where the dns process, which has a user of its own, can read it.
    blocked = office.folder / "blocked"
    write_list(blocked, 0)
    settings = {"client_questions_per_second": 0, "block_lists": [str(blocked)]}
    office.install_puck(config={"dns": settings, "packs": {"trust": [str(maker.public)]}})
    puck = office.puck
    for line in KNOWN:
        name, kind = line.split()
        office.hosts["client-watched"].run(["dig", f"@{plan.PUCK}", "+time=3", name, kind])
    pids, doors = puck.processes(), Doors(office, "client-watched")
    load = dnsperf(office, "client-watched", tmp_path, "known", KNOWN, RATE)
    highest = 0.0
    for turn in range(1, 4):
        write_list(blocked, turn)
        puck.command("pack", "install", maker.pack(f"2099.1.{turn}"))
        network = f"{plan.LAN}.{100 + turn}"
        puck.settings["dns"]["groups"] = []
        group = f'{{ name = "g{turn}", clients = ["{network}"] }}'
        text = to_toml(puck.settings).replace("groups = []", f"groups = [{group}]")
        fresh = puck.config_file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(puck.config_file)
        for _ in range(10):
            time.sleep(SECONDS / 45)
            highest = max(highest, resident_mib(office))
    sent, lost, codes = outcome(load)
    status = json.loads(puck.command("status", "--json", check=False).stdout)
    told = doors.told(lost)
    print(f"{sent} questions, {codes}; {told}; {NAMES} names, dns process {highest:.1f} MiB at most")
    assert lost <= doors.dropped("client-watched"), told
    assert codes == f"NOERROR {sent - lost} (100.00%)"
    assert puck.processes() == pids, "nobody was started again"
    assert [group["name"] for group in status["dns"]["groups"]] == ["g3"]
    assert [one["names"] for one in status["dns"]["lists"]] == [NAMES]
    assert highest < 100, "several million names stay below 100 MB, also while they are replaced"
    ask = ["dig", f"@{plan.PUCK}", "+time=3", f"n3-{NAMES - 1}.blocked.example"]
    assert "NXDOMAIN" in office.hosts["client-denied"].run(ask).stdout


def test_a_restart_keeps_what_was_known(own):
    """Power fails, and the line is down when the puck is back: what the office asked for before still resolves."""
    ask = ["dig", f"@{plan.PUCK}", "+short", "+time=4", "+tries=1", "www.example.com"]
    assert plan.v4(80) in own.hosts["client-watched"].run(ask).stdout
    own.puck.stop()
    own.internet.dns.kill()
    own.puck.start()
    assert plan.v4(80) in own.hosts["client-watched"].run(ask).stdout
    assert own.puck.verify()[0] == 0
