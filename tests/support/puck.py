"""The puck: the daemon under test, its configuration and its life."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import plan

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("NANOGATE", ROOT / "target/debug/nanogate"))

POLICY = f"""\
version: 1
groups:
  - name: watched
    clients: ["{plan.LAN}.10", "{plan.LAN6}:10"]
    mode: watch
  - name: inspected
    clients: ["{plan.LAN}.11", "{plan.LAN6}:11"]
    mode: inspect
  - name: denied
    clients: ["{plan.LAN}.12", "{plan.LAN6}:12"]
    mode: deny
default_mode: watch
"""


def default_config(folder, extra_roots):
    """The configuration of an office puck; every test changes only what it is about."""
    return {
        "data": str(folder / "data"),
        "mode": "dns",
        "domain": plan.DOMAIN,
        "policy": str(folder / "policy.yaml"),
        "identity": {"addresses": [plan.PUCK]},
        "dns": {"listen": [f"{plan.PUCK}:53"], "upstreams": [plan.DNS], "journal_count_seconds": 1},
        "proxy": {
            "listen": ["0.0.0.0:8443"],
            "http_listen": ["0.0.0.0:8088"],
            "explicit_listen": [f"{plan.PUCK}:8080"],
            "extra_roots": str(extra_roots),
            "allow_ranges": [f"{plan.NET}.0/24", f"{plan.NET6}:/64"],
        },
        "admin": {"listen": [f"{plan.PUCK}:9443"]},
        "steer": {"enabled": True, "table": "nanogate"},
    }


class Puck:
    """`nanogate run` on the host `puck`."""

    def __init__(self, host, folder, extra_roots, *, policy=POLICY, config=None):
        self.host = host
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config_file = folder / "config.toml"
        self.policy_file = folder / "policy.yaml"
        self.settings = merged(default_config(folder, extra_roots), config or {})
        self.config_file.write_text(to_toml(self.settings))
        self.policy_file.write_text(policy)
        self.process = None

    def start(self, timeout=20):
        """Starts the daemon and waits until it answers DNS and its admin page is healthy."""
        self.output = open(self.folder / "stdout.log", "ab")
        self.log = open(self.folder / "stderr.log", "ab")
        self.process = self.host.popen(
            [BINARY, "run", "--config", self.config_file], stdout=self.output, stderr=self.log
        )
        self.await_ready(timeout)
        return self

    def await_ready(self, timeout=20):
        deadline = time.monotonic() + timeout
        while not (self.answers_dns() and self.is_healthy() and self.ca_file.exists()):
            if self.process.poll() is not None:
                raise RuntimeError(f"nanogate ended with {self.process.returncode}:\n{self.tail_log()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"nanogate is not ready after {timeout} s:\n{self.tail_log()}")
            time.sleep(0.1)

    def answers_dns(self):
        ask = ["dig", "+short", "+time=1", "+tries=1", f"@{plan.PUCK}", "www.example.com"]
        return plan.v4(80) in self.host.run(ask, check=False).stdout

    def is_healthy(self):
        url = f"https://{plan.PUCK}:9443/healthz"
        ask = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "1", url]
        return self.host.run(ask, check=False).stdout == "200"

    def tail_log(self, lines=40):
        return "\n".join((self.folder / "stderr.log").read_text(errors="replace").splitlines()[-lines:])

    @property
    def ca_file(self):
        return Path(self.settings["data"]) / "ca" / "nanogate.pem"

    @property
    def claim_code(self):
        """The code printed at first start: groups of letters and digits."""
        text = (self.folder / "stdout.log").read_text()
        found = re.search(r"claim code[^A-Z0-9]*([A-Z0-9]{3,6}(?:-[A-Z0-9]{3,6})+|[A-Z0-9]{12})", text, re.IGNORECASE)
        if not found:
            raise RuntimeError(f"no claim code in: {text!r}")
        return found.group(1)

    def command(self, *words, check=True, timeout=30, input=None):
        """Runs a subcommand of the binary on the puck."""
        return self.host.run([BINARY, *words, "--config", self.config_file], check=check, timeout=timeout, input=input)

    def journal(self, count=200):
        """The last records of all processes, oldest first."""
        text = self.command("audit", "tail", "--json", "-n", count).stdout
        return [json.loads(line) for line in text.splitlines() if line]

    def await_records(self, wanted, timeout=5):
        """Polls the journal until `wanted(record)` is true for one; all that match."""
        deadline = time.monotonic() + timeout
        while True:
            found = [record for record in self.journal() if wanted(record)]
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def verify(self):
        """`audit verify`: its exit code and output."""
        done = self.command("audit", "verify", check=False)
        return done.returncode, done.stdout + done.stderr

    def processes(self):
        """Name to pid of the workers that are running."""
        # Exit code 1 says that one is down, which is what many callers wait for.
        status = json.loads(self.command("status", "--json", check=False).stdout)
        return {process["name"]: process["pid"] for process in status.get("processes", []) if process["alive"]}

    def kill(self, *names):
        """SIGKILL to the named workers, or to all; the pids that were killed."""
        running = self.processes()
        victims = {name: pid for name, pid in running.items() if not names or name in names}
        for pid in victims.values():
            os.kill(pid, signal.SIGKILL)
        return victims

    def await_restart(self, victims, timeout=10):
        """Waits until every killed worker runs again under a new pid; the time at which the first of them started."""
        deadline = time.monotonic() + timeout
        while True:
            running = self.processes()
            if all(running.get(name, pid) != pid for name, pid in victims.items()):
                return min(started_at(running[name]) for name in victims)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{victims} were not started again within {timeout} s:\n{self.tail_log()}")
            time.sleep(0.05)

    def await_status(self, wanted, timeout=15):
        """Waits until the daemon's own status is as wanted."""
        deadline = time.monotonic() + timeout
        while not wanted(status := json.loads(self.command("status", "--json", check=False).stdout)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the status never became what it should within {timeout} s: {status}")
            time.sleep(0.2)

    def write_policy(self, text):
        """Replaces the policy in one rename, as an editor does."""
        fresh = self.policy_file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.policy_file)

    def stop(self, timeout=10):
        """SIGTERM; the seconds the drain took, and the exit code."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return time.monotonic() - begun, code


def merged(base, changes):
    """`base` with the keys of `changes` laid over it, table by table; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def to_toml(settings, prefix=""):
    """Just enough TOML: JSON's strings, numbers, booleans and lists are TOML's."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in settings.items() if not isinstance(value, dict)]
    text = "\n".join(plain) + "\n"
    for key, value in settings.items():
        if isinstance(value, dict):
            text += f"\n[{prefix}{key}]\n" + to_toml(value, f"{prefix}{key}.")
    return text


def started_at(pid):
    """When a process started, on the monotonic clock, at most a tick too early."""
    with open(f"/proc/{pid}/stat") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return since_boot - time.clock_gettime(time.CLOCK_BOOTTIME) + time.monotonic()
