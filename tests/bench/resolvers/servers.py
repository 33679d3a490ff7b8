"""The servers under test: how each is configured to forward to the same upstream with one thread, and started."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

CLOCK = time.monotonic
# Answers "is it there yet?": the first name of the zone, type A, recursion desired.
PROBE = b"\x4e\x47\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02h0\x05bench\x07example\x00\x00\x01\x00\x01"


class NotStarted(Exception):
    """A server that should run and does not, with what it said."""


@dataclass
class Server:
    name: str
    command: list
    port: int
    # The worker that answers, where that is not the process that was started.
    worker: object = None
    environment: dict = field(default_factory=dict)

    def start(self, folder, cpu):
        """Starts it on one processor and waits for its first answer."""
        log = folder / f"{self.name}.log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cpu), *map(str, self.command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.environment},
                cwd=folder,
            )
        deadline = CLOCK() + 30
        while not answers(self.port):
            if self.process.poll() is not None or CLOCK() > deadline:
                self.stop()
                raise NotStarted(f"{self.name} does not answer: {log.read_text(errors='replace')[-600:]}")
        self.pid = self.worker(self.process.pid) if self.worker else self.process.pid
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_seconds(self):
        """What the kernel says it ran, all threads together, to the nanosecond (proc(5), schedstat)."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def resident_mib(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) / 1024


def answers(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        asking.connect(("127.0.0.1", port))
        try:
            asking.send(PROBE)
            return len(asking.recv(512)) >= len(PROBE)
        except OSError:
            time.sleep(0.05)
            return False


def echo(folder, binary, port):
    return Server("echo", [binary, f"127.0.0.1:{port}"], port)


def nanogate(folder, binary, port, upstream):
    """The whole daemon, its journal on; what is measured is its `dns` worker."""
    (folder / "nanogate").mkdir()
    config = folder / "nanogate.toml"
    config.write_text(f"""data = "{folder}/nanogate"
[identity]
addresses = ["127.0.0.1"]
[dns]
listen = ["127.0.0.1:{port}"]
threads = 1
# The load comes from one address; it is measured all the same.
client_questions_per_second = 10000000
# The others do not validate either, and the zone hangs below no signed root here.
dnssec = "off"
upstreams = ["127.0.0.1:{upstream}"]
[proxy]
listen = ["127.0.0.1:{port + 1}"]
http_listen = ["127.0.0.1:{port + 2}"]
explicit_listen = ["127.0.0.1:{port + 3}"]
[admin]
listen = ["127.0.0.1:{port + 4}"]
[steer]
enabled = false
""")

    def worker(_):
        shown = subprocess.run([binary, "status", "--json", "--config", config], capture_output=True, text=True)
        return next(each["pid"] for each in json.loads(shown.stdout)["processes"] if each["name"] == "dns")

    return Server("nanogate", [binary, "run", "--config", config], port, worker)


def unbound(folder, binary, port, upstream):
    config = folder / "unbound.conf"
    config.write_text(f"""server:
    interface: 127.0.0.1
    port: {port}
    num-threads: 1
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: ""
    module-config: "iterator"
    do-not-query-localhost: no
    msg-cache-size: 32m
    rrset-cache-size: 32m
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream}
remote-control:
    control-enable: no
""")
    return Server("unbound", [binary, "-d", "-c", config], port)


def dnsmasq(folder, binary, port, upstream):
    options = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file"]
    where = [f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", f"--server=127.0.0.1#{upstream}"]
    # Its own bound on names being asked for is 150; the warming asks for more at once.
    return Server("dnsmasq", [binary, *options, *where, "--cache-size=20000", "--dns-forward-max=2000"], port)


def knot_resolver(folder, binary, port, upstream):
    config = folder / "kresd.conf"
    config.write_text(f"""net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
cache.size = 64 * MB
policy.add(policy.all(policy.STUB({{ '127.0.0.1@{upstream}' }})))
""")
    return Server("knot-resolver", [binary, "-n", "-c", config, folder], port)


def pdns_recursor(folder, binary, port, upstream):
    (folder / "recursor.conf").write_text(f"""local-address=127.0.0.1
local-port={port}
threads=1
pdns-distributes-queries=no
forward-zones-recurse=.=127.0.0.1:{upstream}
dont-query=
dnssec=off
socket-dir={folder}
security-poll-suffix=
daemon=no
""")
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True)
    found = re.search(r"Recursor (\d+)\.(\d+)", shown.stdout + shown.stderr)
    # From 5.2 on only this option makes it read its settings of old.
    old = ["--enable-old-settings"] if found and (int(found[1]), int(found[2])) >= (5, 2) else []
    return Server("pdns-recursor", [binary, f"--config-dir={folder}", *old], port)


PEERS = {
    "unbound": ("unbound", unbound),
    "dnsmasq": ("dnsmasq", dnsmasq),
    "knot-resolver": ("kresd", knot_resolver),
    "pdns-recursor": ("pdns_recursor", pdns_recursor),
}


def binary_of(program):
    """Servers lie in sbin, which is not on everybody's path."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
