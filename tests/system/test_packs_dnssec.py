"""The keys that DNSSEC starts from: they come with a pack, go with the next one, and a bad set is refused."""

import json
import subprocess
import time
from dataclasses import dataclass

import plan
import pytest
from test_packs import Maker

PORT = 5354
BUILT_IN = [". 20326", ". 38696"]
# Everything hangs in the root zone itself: one key is all that there is to trust.
ROOT = """$TTL 300
@ IN SOA ns.lab.example. hostmaster.lab.example. 1 3600 900 86400 120
@ IN NS ns.lab.example.
ns.lab.example. IN A 203.0.113.53
www.example.com. IN A 203.0.113.80
"""
NAMES = [f"host{number}.lab.example" for number in range(12)]


@dataclass
class Key:
    tag: str
    toml: str


class Root:
    """A signed root zone of the pretend internet, and bind that serves it."""

    def __init__(self, office, folder):
        self.host, self.folder, self.named = office.hosts["provider"], folder, None
        folder.mkdir()

    def serve(self):
        """Signs the zone with new keys and serves that from now on; the key to trust."""
        (self.folder / "root").write_text(ROOT + "".join(f"{name}. IN A {plan.v4(80)}\n" for name in NAMES))
        for old in self.folder.glob("K*"):
            old.unlink()
        self._run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", ".")
        name = self._run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", ".").strip()
        self._run("dnssec-signzone", "-q", "-S", "-O", "full", "-o", ".", "-f", "signed", "root")
        self._start()
        *_, tag, algorithm, _, digest = self._run("dnssec-dsfromkey", "-2", f"{name}.key").split(maxsplit=6)
        record = next(line for line in (self.folder / f"{name}.key").read_text().splitlines() if line[0] != ";")
        key = "".join(record.split()[6:])
        rows = [
            'name = "lab"\nsource = "the lab"\nzone = "."',
            f'tag = {tag}\nalgorithm = {algorithm}\ndigest = "{"".join(digest.split())}"\nkey = "{key}"',
        ]
        return Key(tag, "\n".join(["[[key]]", *rows, ""]))

    def _run(self, *command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _start(self):
        if self.named:
            self.named.kill()
            self.named.wait()
        options = [
            f'directory "{self.folder}"',
            f"listen-on port {PORT} {{ {plan.DNS}; }}",
            "listen-on-v6 { none; }",
            "recursion no",
            "pid-file none",
            "session-keyfile none",
            "dnssec-validation no",
        ]
        zone = 'zone "." { type primary; file "signed"; };\ncontrols { };\n'
        config = self.folder / "named.conf"
        config.write_text(f"options {{ {'; '.join(options)}; }};\n{zone}")
        with open(self.folder / "named.log", "ab") as log:
            self.named = self.host.popen(["named", "-f", "-n", "1", "-c", config], stdout=log, stderr=log)
        dig = ["dig", f"@{plan.DNS}", "-p", str(PORT), "+time=1", "+tries=1", "+short", "SOA", "."]
        deadline = time.monotonic() + 15
        while "lab.example" not in self.host.run(dig, check=False).stdout:
            assert self.named.poll() is None and time.monotonic() < deadline, (self.folder / "named.log").read_text()
            time.sleep(0.1)


@pytest.fixture
def rooted(new_office, tmp_path):
    """An office whose internet has a root of its own, and a puck that trusts one maker of packs."""
    office, maker = new_office(), Maker(tmp_path / "ours")
    root = Root(office, tmp_path / "root")
    key = root.serve()
    # A puck is ready when this name resolves; it does without keys.
    dns = {"upstreams": [f"{plan.DNS}:{PORT}"], "dnssec_exempt": ["example.com"]}
    config = {"packs": {"trust": [str(maker.public)]}, "dns": dns}
    office.install_puck(config=config)
    return office, maker, root, key


def ask(office, name):
    """How a name is answered: `secure`, `unchecked`, or the response code."""
    command = ["dig", f"@{plan.PUCK}", "+dnssec", "+time=5", "+tries=1", name, "A"]
    shown = office.hosts["client-watched"].run(command).stdout
    head = shown[shown.index("->>HEADER<<-") :]
    rcode = head.split("status: ")[1].split(",")[0]
    flags = head.split("flags: ")[1].split(";")[0].split()
    return rcode if rcode != "NOERROR" else "secure" if "ad" in flags else "unchecked"


def keys(puck):
    told = json.loads(puck.command("status", "--json").stdout)["dns"]["keys"]
    return told["from"], told["keys"]


def await_keys(puck, wanted):
    deadline = time.monotonic() + 10
    while keys(puck)[1] != wanted:
        assert time.monotonic() < deadline, f"{keys(puck)}:\n{puck.tail_log()}"
        time.sleep(0.1)


def test_keys_come_and_go_with_packs(rooted):
    office, maker, root, first = rooted
    names = iter(NAMES)
    await_keys(office.puck, BUILT_IN)
    assert keys(office.puck)[0].startswith("the pack nanogate ") and keys(office.puck)[0].endswith(" (built in)")
    assert ask(office, next(names)) == "SERVFAIL", "the internet's own keys did not sign this root"

    workers = office.puck.processes()
    office.puck.command("pack", "install", maker.pack("9999.1.0", [first.toml]))
    await_keys(office.puck, [f". {first.tag}"])
    assert keys(office.puck)[0] == "the pack nanogate 9999.1.0 (installed)"
    assert f"dnssec  starts from . {first.tag}, of the pack nanogate" in office.puck.command("status").stdout
    kept = next(names)
    assert ask(office, kept) == "secure"

    second = root.serve()
    assert ask(office, next(names)) == "SERVFAIL", "a root with other keys is not believed"
    office.puck.command("pack", "install", maker.pack("9999.2.0", [second.toml]))
    await_keys(office.puck, [f". {second.tag}"])
    assert ask(office, next(names)) == "secure", "and is as soon as a pack names its key"
    assert ask(office, kept) == "secure", "what was in the cache is still there"
    assert office.puck.processes() == workers, "no process was restarted"

    office.puck.await_restart(office.puck.kill("dns"))
    office.puck.await_ready()
    assert ask(office, next(names)) == "secure", "the next process begins with the pack's keys"
    told = office.puck.command("dns", "query", next(names), "--json")
    assert json.loads(told.stdout)["dnssec"] == "secure"

    # A pack that says nothing of keys leaves the internet's own in force.
    office.puck.command("pack", "install", maker.pack("9999.3.0"))
    await_keys(office.puck, BUILT_IN)
    assert ask(office, next(names)) == "SERVFAIL"


def test_a_bad_set_of_keys_is_refused_and_the_last_one_stays(rooted):
    office, maker, _, key = rooted
    office.puck.command("pack", "install", maker.pack("9999.1.0", [key.toml]))
    await_keys(office.puck, [f". {key.tag}"])
    rows = [
        ([key.toml.replace(f"tag = {key.tag}", "tag = 1")], f"the key 1 of the zone `.`: its tag is {key.tag}"),
        ([], "dnssec.toml: no key of the root zone is among them"),
        (["[[key]]\n"], "dnssec.toml:1: missing field `name`"),
    ]
    for number, (bad, why) in enumerate(rows):
        _, built = maker.build(f"9999.2.{number}", bad)
        assert built.returncode == 2 and why in built.stderr, built.stderr
    assert keys(office.puck)[1] == [f". {key.tag}"]
    assert ask(office, NAMES[0]) == "secure"
