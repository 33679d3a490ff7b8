"""The pretend internet: a DNS server that answers the real names, and the fake provider behind them."""

import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import plan

ROOT = Path(__file__).resolve().parents[2]
PROVIDER = Path(os.environ.get("OFFICE_PROVIDER", ROOT / "target/debug/gate-test-provider"))

# RFC 9460: priority 1, target ".", alpn=h2,h3: what would lead a browser past the puck.
HTTPS_RECORD = "0001" + "00" + "0001" + "0006" + "02" + b"h2".hex() + "02" + b"h3".hex()
# RFC 4034: an RRSIG over A by example.com; only its presence matters.
RRSIG_RECORD = "0001" + "0d02" + "0000003c" + "ffffffff" + "00000000" + "0001" + "00" + "00" * 64


class Internet:
    """The host `provider`: DNS on .53 and at the public resolver, TLS at that one and on every other address."""

    def __init__(self, host, folder, *, pace_ms=20, record=True, program=PROVIDER):
        self.host = host
        self.program = program
        self.folder = folder
        self.log = open(folder / "internet.log", "ab")
        self._start_dns()
        self._start_provider(pace_ms, record)
        self.ca = folder / "ca.pem"

    def _start_dns(self):
        config = self.folder / "dnsmasq.conf"
        self.moving = self.folder / "moving.hosts"
        self.moving.write_text("")
        config.write_text("\n".join([*dns_lines(), f"addn-hosts={self.moving}"]) + "\n")
        # --no-daemon also keeps dnsmasq from changing its user, which a user namespace of one user denies.
        self.dns = self.host.popen(
            ["dnsmasq", "--no-daemon", f"--conf-file={config}"], stdout=self.log, stderr=self.log
        )
        self._await(lambda: self.host.run(["ss", "-Hlun", "sport", "=", ":53"]).stdout.strip(), "dnsmasq")

    def move(self, host, address):
        """Answers with another address for a name from now on, for which nobody may keep the one before."""
        self.moving.write_text(f"{address} {host}\n")
        self.dns.send_signal(signal.SIGHUP)

    def _start_provider(self, pace_ms, record):
        listeners = []
        for address in [*plan.addresses(), plan.RESOLVER4, plan.RESOLVER6]:
            shown = f"[{address}]" if ":" in address else address
            listeners += ["--tls", f"{shown}:443", "--plain", f"{shown}:80"]
        names = ",".join(name.host for name in plan.NAMES)
        names += f",*.openai.azure.com,{plan.RESOLVER}"
        command = [self.program, *listeners, "--names", names, "--out", self.folder, "--pace-ms", pace_ms]
        command += [] if record else ["--no-record"]
        self.provider = self.host.popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        if not self.provider.stdout.readline():
            raise RuntimeError(f"the fake provider did not start, see {self.log.name}")

    def _await(self, ready, what):
        deadline = time.monotonic() + 5
        while not ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not start, see {self.log.name}")
            time.sleep(0.02)

    def requests(self, since=0):
        """Everything the providers received, in order, as the fake wrote it down."""
        lines = read_lines(self.folder / "requests.jsonl")[since:]
        for line in lines:
            raw = line.pop("body_base64")
            line["bytes"] = base64.b64decode(raw) if raw else (line["body"] or "").encode()
        return lines

    def connections(self, since=0):
        """Every connection the providers accepted."""
        return read_lines(self.folder / "connections.jsonl")[since:]

    def wires(self):
        """Every decrypted byte that arrived, by the file of its connection."""
        return {path: path.read_bytes() for path in sorted((self.folder / "wire").glob("*.bin"))}

    def wire(self):
        """All of them together."""
        return b"".join(self.wires().values())


def dns_lines():
    """dnsmasq's configuration: it is the authority for everything and asks nobody."""
    yield from ("port=53", f"listen-address={plan.DNS},{plan.RESOLVER4},{plan.RESOLVER6}", "bind-interfaces", "no-resolv", "no-hosts", "local=/#/")
    yield from ("pid-file=", "user=root", "group=root", "cache-size=0")
    for name in plan.NAMES:
        both = f",{plan.v6(name.at)}" if name.v6 else ""
        yield f"host-record={name.host},{plan.v4(name.at)}{both},300"
        yield f"dns-rr={name.host},65,{HTTPS_RECORD}"
    yield f"dns-rr=api.openai.com,46,{RRSIG_RECORD}"
    yield f"dns-rr=www.example.com,46,{RRSIG_RECORD}"
    yield f"host-record={plan.RESOLVER},{plan.RESOLVER4},{plan.RESOLVER6},300"
    yield "cname=alias.example.com,www.example.com"
    for host, address in (plan.TRAPS | plan.FRESH).items():
        yield f"host-record={host},{address},300"


def read_lines(path):
    if not path.exists():
        return []
    # The writer appends whole lines; a last one without its end is still on its way. JSON may hold what other rules
    # of line breaking would break at.
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]
