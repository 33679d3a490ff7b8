"""The virtual office with a board in the puck's place: the image, booted in QEMU, on the office's own cable."""

import os
import re
import subprocess
import time
from pathlib import Path

import plan
from card import Card, built
from chooser import Board
from office import Office
from puck import POLICY

MAC = "52:54:00:4e:47:53"

SETTINGS = f"""\
domain = "{plan.DOMAIN}"
policy = "/data/config/policy.yaml"
[dns]
upstreams = ["{plan.DNS}"]
journal_count_seconds = 1
[proxy]
extra_roots = "/data/config/roots.pem"
allow_ranges = ["{plan.NET}.0/24", "{plan.NET6}:/64"]
"""


class Site(Office):
    """An office, a DHCP server on its router, and a board with a card, `larger` by so many bytes than the image."""

    def __init__(
        self,
        *,
        settings=SETTINGS,
        device="",
        dhcp=True,
        extra=(),
        blank=False,
        larger=0,
        record=False,
        files=None,
        image=None,
        **options,
    ):
        super().__init__(**options)
        self.settings = settings
        try:
            self.hosts["puck"].ip("link delete eth0")
            router = self.hosts["router"]
            router.ip("tuntap add dev tap0 mode tap", "link set tap0 master lan0", "link set tap0 up")
            self.card = Card(self.folder / "card.img", image or built())
            os.truncate(self.card.file, self.card.file.stat().st_size + larger)
            if not blank:
                self.card.fill_data(self._owner_files(settings, device) | (files or {}))
            if dhcp:
                self.serve_dhcp()
            network = ["-netdev", "tap,id=lan,ifname=tap0,script=no,downscript=no"]
            network += ["-device", f"virtio-net-pci,netdev=lan,mac={MAC},romfile="]
            log = self.folder / "writes" if record else None
            self.board = Board(
                self.card.file, self.folder / "board", network=network, spawn=router.popen, extra=extra, record=log
            )
        except BaseException:
            self.close()
            raise

    def _owner_files(self, settings, device):
        roots = self.internet.ca.read_text()
        files = {"nanogate.toml": settings, "puck.toml": device, "policy.yaml": POLICY, "roots.pem": roots}
        return {f"config/{name}": text for name, text in files.items()}

    def serve_dhcp(self, address=plan.PUCK):
        """A DHCP server that gives the puck its address, the router and nothing else."""
        leases = self.folder / "leases"
        words = ["dnsmasq", "--keep-in-foreground", "--port=0", "--interface=lan0", "--bind-interfaces", "--user=root"]
        words += [f"--dhcp-range={plan.LAN}.200,{plan.LAN}.220,1h", f"--dhcp-host={MAC},{address}"]
        words += [f"--dhcp-option=3,{plan.LAN}.{plan.ROUTER}", f"--dhcp-leasefile={leases}", "--conf-file=/dev/null"]
        words += [f"--dhcp-option=42,{plan.LAN}.{plan.ROUTER}", f"--dhcp-option=6,{plan.LAN}.{plan.ROUTER}"]
        self.dhcp = self.hosts["router"].popen(words, stderr=subprocess.DEVNULL)

    def serve_names(self, names):
        """A resolver on the router, which DHCP names anyway: it knows these names alone."""
        words = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--conf-file=/dev/null"]
        words += [f"--listen-address={plan.LAN}.{plan.ROUTER}", "--bind-interfaces"]
        words += [f"--host-record={name},{address}" for name, address in names.items()]
        self.hosts["router"].popen(words, stderr=subprocess.DEVNULL)

    def serve_time(self, ahead):
        """A time server on the router (RFC 5905, as far as a client of it looks), whose clock is ahead of ours."""
        script = """
import socket, struct, sys, time
served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
served.bind((sys.argv[1], 123))
while True:
    asked, client = served.recvfrom(512)
    now = struct.pack("!Q", int((time.time() + float(sys.argv[2]) + 2208988800) * (1 << 32)))
    head = struct.pack("!BBbbII4s", 0x24, 1, 4, -20, 0, 0, b"TEST")
    served.sendto(head + now + asked[40:48] + now + now, client)
"""
        words = ["python3", "-c", script, f"{plan.LAN}.{plan.ROUTER}", str(ahead)]
        self.hosts["router"].popen(words)

    def close(self):
        if getattr(self, "board", None):
            self.board.cut()
        super().close()

    def boot(self, timeout=90):
        """Power on, until the office is answered."""
        assert self.board.start(), "nothing on the card can be started"
        self.await_answer(timeout)
        self.waited = self.waiting_seconds()

    def restart(self, **answer):
        """Power off and on again; the log begins anew."""
        self.board.cut()
        self.board.history, self.board.stopped, self.board.power_is_cut = "", False, False
        self.board.loader.boots.clear()
        assert self.board.start(), "nothing on the card can be started"
        self.await_answer(**answer)

    def claim_name(self, name):
        """A host that has a name of multicast DNS, and says so to whoever asks for it (RFC 6762)."""
        script = """
import socket, struct, sys
name, own = sys.argv[1:]
group = ("224.0.0.251", 5353)
wire = bytes([len(name)]) + name.encode() + b"\\x05local\\0"
served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
served.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
served.bind(("", 5353))
member = socket.inet_aton(group[0]) + socket.inet_aton(own)
served.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
served.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
head = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0)
answer = head + wire + struct.pack("!HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(own)
while True:
    asked, _ = served.recvfrom(1500)
    if wire in asked and not asked[2] & 0x80:
        served.sendto(answer, group)
"""
        own = f"{plan.LAN}.{plan.ROUTER}"
        self.hosts["router"].popen(["python3", "-c", script, name, own])

    def link_local(self):
        """The address that the puck gave itself on the cable (RFC 4291, appendix A)."""
        octets = [int(octet, 16) for octet in MAC.split(":")]
        halves = [octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]]
        groups = [f"{halves[at] << 8 | halves[at + 1]:x}" for at in range(0, 8, 2)]
        return f"fe80::{':'.join(groups)}"

    def claim_code(self, last=False):
        """The first code on the serial console, or the last one."""
        return re.findall(r"claim code: ([A-Z0-9-]+)", self.board.log())[-1 if last else 0]

    def waiting_seconds(self):
        """How long the busiest of QEMU's threads was ready to run and had no processor (proc(5), schedstat)."""
        waits = []
        for thread in Path(f"/proc/{self.board.process.pid}/task").iterdir():
            ran, waited, _ = map(int, (thread / "schedstat").read_text().split())
            waits.append((ran, waited))
        return max(waits)[1] / 1e9

    def ask(self, name="www.example.com", client="client-watched", kind="A", server=plan.PUCK):
        """What a client of the office hears from the puck."""
        words = ["dig", "+short", "+time=1", "+tries=2", f"@{server}", name, kind]
        lines = self.hosts[client].run(words, check=False).stdout.splitlines()
        # What dig says of its own begins like a comment, and may name the server.
        return "\n".join(line for line in lines if not line.startswith(";")).strip()

    def await_page(self, timeout=60):
        """Waits until the page is there, which is last."""
        url = f"https://{plan.PUCK}:9443/healthz"
        ask = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "2", url]
        client = self.hosts["client-watched"]
        self.wait_for(lambda: client.run(ask, check=False).stdout == "200", timeout, "the page")

    def reach_provider(self, client="client-watched"):
        """What a client gets from an AI provider, through the puck: the status, or "000" if the puck lets nothing through."""
        url = "https://api.openai.com/v1/chat/completions"
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", url, "-d", "{}"]
        return self.hosts[client].run(ask, check=False).stdout

    def await_answer(self, timeout=90, name="www.example.com", wanted=plan.v4(80)):
        self.wait_for(lambda: wanted in self.ask(name), timeout, f"an answer for {name}")

    def await_line(self, words, timeout=60):
        """Waits until the board's log has a line with these words."""
        self.wait_for(lambda: words in self.board.log(), timeout, f"the line {words!r}")

    def look(self, tenths=40, verb="look"):
        """The lamp's line, a tenth of a second each."""
        seen = lambda: re.findall("bench: seen ([01]+)\n", self.board.log())  # noqa: E731
        before = len(seen())
        self.board.type(f"{verb} {tenths}")
        self.wait_for(lambda: len(seen()) > before, 90, "a look at the lamp")
        return seen()[-1]

    def await_rhythm(self, rhythm):
        """Looks until the rhythm was seen: on a busy machine both the lamp and the eye are late now and then."""
        seen = []

        def looked():
            seen.append(self.look())
            return re.search(rhythm, seen[-1])

        self.wait_for(looked, 120, f"lamp with the rhythm {rhythm}, but {seen}")

    def wait_for(self, wanted, timeout, what):
        deadline = time.monotonic() + timeout
        while not wanted():
            if self.board.stopped or time.monotonic() > deadline:
                raise AssertionError(f"no {what} within {timeout} s; the board's log:\n{self.board.log()[-4000:]}")
            time.sleep(0.1)
