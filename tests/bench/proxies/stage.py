"""Where proxies are measured: the virtual office with an origin that does next to nothing, ours, and one peer at a time.

    load and origin: one processor          the proxy: the other
    client ──────────────┬── puck .53 ──────┬── origin 203.0.113.10
                         └── peers .54 ─────┘
"""

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import plan
from office import Office
from proxies.certificates import authority
from puck import to_toml

ROOT = Path(__file__).resolve().parents[3]
RELEASE = ROOT / "target/release"
GENERATOR = RELEASE / "gate-test-bench"
ORIGIN = RELEASE / "gate-test-origin"
HOST = "api.openai.com"
ORIGIN_ADDRESS = plan.v4(10)
PEERS_LAST = 54
TICKS = os.sysconf("SC_CLK_TCK")
PROXY_CPU, LOAD_CPU = (1, 0) if (os.cpu_count() or 1) > 1 else (0, 0)
NOBODY = 65534


@dataclass
class Subject:
    """A proxy, or none: what a client asks, and whose processor time counts."""

    name: str
    client: str
    address: str
    # The proxy is asked to CONNECT.
    tunnel: bool = False
    pid: int | None = None

    def cpu_seconds(self):
        return sum(ticks_of(pid) for pid in family(self.pid)) / TICKS if self.pid else 0.0


@dataclass
class Effort:
    """How much is measured."""

    seconds: int
    rounds: int
    bulk_bytes: int
    # Fewer concurrencies and requests.
    quick: bool


class Stage:
    """The office with ours in it; peers come and go."""

    def __init__(self, office, effort):
        self.office = office
        self.effort = effort
        self.folder = office.folder
        self.lacking = set()
        self.authority = authority(self._open_folder("authority"))
        self.roots = self.folder / "roots.pem"
        known = [office.internet.ca, office.puck.ca_file, self.authority.certificate]
        self.roots.write_text("".join(path.read_text() for path in known))
        self.peer_host = office.add_host("peer", PEERS_LAST)
        names = self.folder / "peer-hosts"
        names.write_text(f"127.0.0.1 localhost\n{ORIGIN_ADDRESS} {HOST}\n")
        self.peer_host.bind(names, "/etc/hosts")

    def direct(self, client="client-inspected"):
        return Subject("direct", client, f"{ORIGIN_ADDRESS}:443")

    def ours(self, client):
        return Subject("nanogate", client, f"{plan.PUCK}:443", pid=self.office.puck.processes()["proxy"])

    def place(self):
        """Leaves ours its processor, once it has done what it does at its start."""
        for name, pid in self.office.puck.processes().items():
            # What follows the journal is not the proxy's; elsewhere it has a processor of its own.
            if name != "proxy":
                pin(pid, LOAD_CPU)
        settle(self.ours("client-watched"))

    @contextlib.contextmanager
    def keeping(self, seconds):
        """Ours, started again to keep the providers' connections for so long."""
        self._restart(seconds)
        try:
            yield
        finally:
            self._restart(0)

    def _restart(self, seconds):
        puck = self.office.puck
        puck.stop()
        puck.settings["proxy"]["upstream_idle_seconds"] = seconds
        puck.config_file.write_text(to_toml(puck.settings))
        with on_processor(PROXY_CPU):
            puck.start()
        self.place()

    def _open_folder(self, name):
        """A folder of its own that nobody in particular may write to."""
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    @contextlib.contextmanager
    def peer(self, make, client):
        """One peer, from its start to its end; None where this machine lacks it."""
        folder = self._open_folder(f"{make.__name__}-{time.monotonic_ns()}")
        peer = None if make in self.lacking else make(self, folder)
        if not peer:
            self.lacking.add(make)
            yield None
            return
        with on_processor(PROXY_CPU):
            peer.start(self.peer_host, folder)
        try:
            yield Subject(peer.name, client, f"{plan.LAN}.{PEERS_LAST}:{peer.port}", peer.tunnel, peer.process.pid)
        finally:
            peer.stop()

    def start(self, subject, work, concurrency, **options):
        """Starts a run of the load generator."""
        given = {"work": work, "address": subject.address, "roots": self.roots, "concurrency": concurrency}
        given |= {"seconds": self.effort.seconds} | options
        command = ["taskset", "-c", LOAD_CPU, GENERATOR]
        for name, value in given.items():
            command += [f"--{name.replace('_', '-')}", value]
        command += ["--tunnel"] if subject.tunnel else []
        host = self.office.hosts[subject.client]
        return host.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def generate(self, subject, work, concurrency, **options):
        """A run to its end: its summary, with the processor time of the proxy for all of its answers."""
        before = subject.cpu_seconds()
        running = self.start(subject, work, concurrency, **options)
        output, errors = running.communicate(timeout=180)
        if running.returncode:
            raise RuntimeError(f"{subject.name}, {work} by {concurrency}: {errors.strip()}")
        summary = json.loads(output)
        summary["cpu_seconds"] = subject.cpu_seconds() - before
        summary["cpu_us"] = summary["cpu_seconds"] / max(summary["all"], 1) * 1e6
        return summary

    def resident_mib(self, pid):
        """Resident memory of one process, and how much of it is its own."""
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        kib = {row.split(":")[0]: int(row.split()[1]) for row in rows}
        return kib["Rss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024


@contextlib.contextmanager
def open_stage(effort):
    with Office(record=False, provider=ORIGIN) as office:
        office.folder.chmod(0o755)
        pin(office.internet.provider.pid, LOAD_CPU)
        with on_processor(PROXY_CPU):
            # One client makes all the connections.
            # Most peers meet the provider anew for each connection, and so does ours beside them.
            office.install_puck(config={"proxy": {"max_connections_per_client": 1024, "upstream_idle_seconds": 0}})
        stage = Stage(office, effort)
        stage.place()
        yield stage


@contextlib.contextmanager
def on_processor(number):
    """What is started in the block runs there and sees no other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def settle(subject, seconds=30):
    """Waits until a proxy has done what it does at its start: for half a second it does nothing."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = subject.cpu_seconds()
        time.sleep(0.5)
        if subject.cpu_seconds() - before <= 1 / TICKS:
            return
    raise RuntimeError(f"{subject.name} is still busy with itself after {seconds} s")


def pin(pid, number):
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {number})


def family(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def ticks_of(pid):
    """utime and stime (proc(5)); threads that have ended are in it."""
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(stat[11]) + int(stat[12])


def unprivileged():
    """The words that take a peer's privileges away; none where there is one user only, or nobody may not enter this tree."""
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return words if subprocess.run([*words, "test", "-x", GENERATOR], capture_output=True).returncode == 0 else []
