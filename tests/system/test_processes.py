"""The processes are kept apart: each has its own user, no capability it does not need, and a cap on its memory."""

import json
import time
from pathlib import Path

import plan
import planted
import pytest
from test_life import Digger

# What the daemon takes by itself when it is root and the machine has no users of these names.
SUPERVISOR = 0x7F4E4700
USERS = {"dns": 0x7F4E4701, "proxy": 0x7F4E4702, "admin": 0x7F4E4703, "steer": 0x7F4E4704}
MEMORY_MIB = {"dns": 80, "proxy": 300, "admin": 150, "steer": 40}
# capabilities(7): CAP_NET_ADMIN is bit 12.
CAPABILITIES = {"dns": 0, "proxy": 0, "admin": 0, "steer": 1 << 12}
# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_ADMIN.
SUPERVISOR_CAPABILITIES = sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 8, 10, 12))


def may_change_users():
    """In an unprivileged user namespace there is no other user to become."""
    return int(Path("/proc/self/uid_map").read_text().split()[2]) > max(USERS.values())


@pytest.fixture
def apart(new_office):
    office = new_office()
    processes = {name: {"memory_mib": mib} for name, mib in MEMORY_MIB.items()}
    office.install_puck(config={"process": processes})
    return office


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def limit(pid, name):
    """Soft and hard, as proc_pid_limits(5) shows them."""
    line = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith(name))
    return line.removeprefix(name).split()[:2]


def test_each_has_its_user_its_capabilities_and_its_cap(apart):
    for name, pid in apart.puck.processes().items():
        found = status(pid)
        user = USERS[name] if may_change_users() else 0
        assert set(found["Uid"].split()) == set(found["Gid"].split()) == {str(user)}, name
        if may_change_users():
            assert found["Groups"].split() == [str(user)], name
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            assert int(found[kind], 16) == CAPABILITIES[name], f"{name} {kind}"
        assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0, name
        assert found["NoNewPrivs"] == "1", name
        assert limit(pid, "Max data size") == [str(MEMORY_MIB[name] << 20)] * 2, name
        assert limit(pid, "Max core file size") == ["0", "0"], name


def test_with_users_of_their_own_everything_still_works(apart):
    result = apart.chat("client-inspected", "openai-python", {"prompt": planted.CHAT, "stream": True})
    assert result["error"] is None
    assert planted.leaks(apart.internet.wire()) == []
    url = f"https://{plan.PUCK}:9443/healthz"
    assert apart.hosts["client-watched"].run(["curl", "-sk", url]).stdout
    assert apart.puck.await_records(lambda record: "request" in record["event"])
    # A worker that is started again gets its files back, too.
    apart.puck.kill()
    apart.puck.await_ready()
    code, text = apart.puck.verify()
    assert code == 0 and all(f"{name}: ok" in text for name in USERS), text


def test_no_process_reads_the_keys_of_the_device(apart):
    if not may_change_users():
        pytest.fail("run the tests as root or with sudo: one user cannot be kept from its own files")
    data = Path(apart.puck.settings["data"])
    for name, user in USERS.items():
        for key in (data / "keys").iterdir():
            peek = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "cat", key]
            assert apart.puck.host.run(peek, check=False).returncode != 0, f"{name} reads {key.name}"


def test_a_restart_with_a_broken_policy_keeps_the_last_good_one(apart):
    apart.puck.write_policy("version: 1\ngroups: [broken")
    time.sleep(1)
    apart.puck.kill()
    apart.puck.await_ready()
    assert apart.chat("client-denied", "curl", {"prompt": "hello"})["error"]
    assert apart.chat("client-watched", "curl", {"prompt": "hello"})["error"] is None


def test_a_process_out_of_memory_ends_alone(new_office):
    """A body that the configuration allows and the memory does not hold: refused, and no DNS answer is lost."""
    office = new_office()
    office.install_puck(config={"process": {"proxy": {"memory_mib": 64}}})
    digger = Digger(office)
    before = office.puck.processes()
    body = office.folder / "large.json"
    body.write_text(json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT + " x" * (15 << 20)}]}))
    post = ["curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-H", "content-type: application/json"]
    for _ in range(3):
        office.hosts["client-inspected"].run(
            [*post, "--data-binary", f"@{body}", "https://api.openai.com/v1/chat/completions"], check=False
        )
    time.sleep(1)
    answers = digger.end()
    after = office.puck.processes()
    assert {name for name in after if after[name] != before[name]} == {"proxy"}, (before, after)
    assert len(answers) > 50 and set(answers) == {"True"}
    assert planted.leaks(office.internet.wire()) == []
    assert office.chat("client-inspected", "curl", {"prompt": "hello"})["error"] is None


def test_every_worker_stands_inside_a_fence(office):
    """No new privileges and a seccomp filter; landlock leaves no trace in /proc, so what it forbids is tested in Rust."""
    processes = office.puck.processes()
    supervisor = status(processes["dns"])["PPid"]
    for name, pid in (processes | {"supervisor": supervisor}).items():
        found = status(pid)
        assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2", name
    # Of what root may do, the supervisor keeps what its work needs, for itself and for whatever it starts.
    found = status(supervisor)
    if may_change_users():
        assert set(found["Uid"].split()) == set(found["Gid"].split()) == {str(SUPERVISOR)}
        assert found["Groups"].split() == [str(SUPERVISOR)]
    for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(found[kind], 16) & ~SUPERVISOR_CAPABILITIES == 0, kind
