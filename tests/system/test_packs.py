"""Packs of rules on a running puck: installed, refused, broken, gone."""

import json
import signal
import subprocess
import time

import planted
import pytest
from puck import BINARY

RULE = """kb = "kb1-secrets"
[[rule]]
id = "acme-key"
name = "Acme key"
kind = "api_key"
severity = "high"
action = "redact"
anchors = ["acme_"]
pattern = 'acme_[0-9a-f]{8}'
match = ["acme_0a1b2c3d", "x=acme_9f8e7d6c", "(acme_5b5c5d5e)"]
no_match = ["acme_", "acme_0a1b2c3", "nacme_0a1b2c3d"]
"""
PROMPT = f"the key acme_7d1f0c5e, mail {planted.EMAIL.value}"
BY_PACK = f"the key [REDACTED_API_KEY], mail {planted.EMAIL.value}"
BUILT_IN = f"the key acme_7d1f0c5e, mail {planted.EMAIL.placeholder}"


class Maker:
    """Somebody who makes packs with one rule."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.private, self.public = folder / "key.pem", folder / "pub.pem"
        openssl = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.private]
        subprocess.run(openssl, check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True)

    def pack(self, version, keys=None):
        out, built = self.build(version, keys)
        assert built.returncode == 0, built.stderr
        return out

    def build(self, version, keys=None):
        sources = self.folder / version
        (sources / "kb1-secrets").mkdir(parents=True)
        (sources / "pack.toml").write_text(f'name = "nanogate"\nversion = "{version}"\n')
        (sources / "kb1-secrets/acme.toml").write_text(RULE)
        if keys is not None:
            (sources / "dnssec.toml").write_text("".join(keys))
        out = self.folder / f"{version}.ngpack"
        build = [BINARY, "pack", "build", sources, "-o", out, "--sign", self.private]
        return out, subprocess.run(build, capture_output=True, text=True)


@pytest.fixture
def made(new_office, tmp_path):
    """An office whose puck trusts one maker of packs."""
    office, maker = new_office(), Maker(tmp_path / "ours")
    office.install_puck(config={"packs": {"trust": [str(maker.public)]}})
    return office, maker


def sent(office):
    """What the provider receives of the prompt."""
    before = len(office.internet.requests())
    assert office.chat("client-inspected", "curl", {"prompt": PROMPT})["error"] is None
    return json.loads(office.internet.requests(before)[-1]["bytes"])["messages"][-1]["content"]


def await_sent(office, wanted, timeout=10):
    deadline = time.monotonic() + timeout
    while (got := sent(office)) != wanted:
        assert time.monotonic() < deadline, f"{got!r} after {timeout} s:\n{office.puck.tail_log()}"
        time.sleep(0.2)


def command(record):
    return record["event"].get("admin") or {}


def status(puck):
    return json.loads(puck.command("status", "--json").stdout)["pack"]


def test_an_installed_pack_works_at_once_and_after_a_restart(made):
    office, maker = made
    assert sent(office) == BUILT_IN and status(office.puck)["origin"] == "builtin"
    workers = office.puck.processes()
    office.puck.command("pack", "install", maker.pack("9999.1.0"))
    await_sent(office, BY_PACK)
    assert office.puck.processes() == workers, "no process was restarted"
    assert status(office.puck) == {"name": "nanogate", "version": "9999.1.0", "origin": "installed"}
    listed = json.loads(office.puck.command("pack", "list", "--json").stdout)
    assert [rule["id"] for rule in listed["rules"]] == ["acme-key"] and listed["origin"] == "installed"
    office.puck.await_restart(office.puck.kill("proxy"))
    office.puck.await_ready()
    assert sent(office) == BY_PACK
    activated = office.puck.await_records(lambda record: command(record).get("command") == "pack_activate")
    assert activated and command(activated[-1])["ok"]


def test_a_pack_of_somebody_else_and_an_older_one_are_refused(made, tmp_path):
    office, maker = made
    foreign = office.puck.command("pack", "install", Maker(tmp_path / "theirs").pack("9999.9.0"), check=False)
    assert foreign.returncode == 1 and "none of these keys is trusted" in foreign.stderr
    office.puck.command("pack", "install", maker.pack("9999.2.0"))
    older = maker.pack("9999.1.0")
    refused = office.puck.command("pack", "install", older, check=False)
    assert refused.returncode == 1 and "older than 9999.2.0" in refused.stderr
    await_sent(office, BY_PACK)
    office.puck.command("pack", "install", older, "--allow-older")
    installs = [command(record) for record in office.puck.journal()]
    assert [install["ok"] for install in installs if install.get("command") == "pack_install"] == [False, True, False, True]


def test_a_pack_that_breaks_on_disk_leaves_the_built_in_rules(made):
    office, maker = made
    office.puck.command("pack", "install", maker.pack("9999.1.0"))
    await_sent(office, BY_PACK)
    installed = office.folder / "puck/data/packs/installed.ngpack"
    whole = installed.read_bytes()
    installed.write_bytes(whole[: len(whole) // 2])
    await_sent(office, BUILT_IN)
    assert status(office.puck)["origin"] == "builtin" and "ends early" in status(office.puck)["error"]
    assert "THE INSTALLED PACK IS NOT USED" in office.puck.command("status").stdout
    assert "the installed pack is not used" in office.puck.tail_log(400)
    office.puck.process.send_signal(signal.SIGHUP)
    assert sent(office) == BUILT_IN
    installed.write_bytes(whole)
    await_sent(office, BY_PACK)
    installed.unlink()
    await_sent(office, BUILT_IN)
    assert "error" not in status(office.puck)
    assert office.puck.verify()[0] == 0
