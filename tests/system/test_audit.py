"""The journal as evidence: changed, cut, emptied, started again, and what `nanogate audit` says to it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import plan
import pytest
from puck import BINARY, to_toml

SEGMENT = "00000000000000000000.seg"


@pytest.fixture(scope="module")
def stopped():
    """A puck that has answered and was stopped; tests work on copies of what it left."""
    from office import Office

    with Office() as office:
        # A record for each question, so that the middle of the chain lies in one of them.
        office.install_puck(config={"dns": {"journal_questions": "each"}})
        for number in range(40):
            office.hosts["client-watched"].run(
                ["dig", "+tries=1", f"@{plan.PUCK}", f"n{number}.example.com"], check=False
            )
        office.puck.stop()
        yield office


class Copy:
    """A copy of the puck's data, with a configuration that names it."""

    def __init__(self, office, folder):
        self.puck = office.puck
        self.data = folder / "data"
        shutil.copytree(self.puck.settings["data"], self.data, ignore=shutil.ignore_patterns("*.sock"))
        self.config = folder / "config.toml"
        self.config.write_text(to_toml({**self.puck.settings, "data": str(self.data)}))

    def chain(self, process):
        return self.data / "journal" / process

    def flip(self, process, at):
        """Changes one byte of a segment, counted from the end if negative."""
        segment = self.chain(process) / SEGMENT
        content = bytearray(segment.read_bytes())
        content[at] ^= 1
        segment.write_bytes(content)

    def audit(self, *words, **how):
        command = [BINARY, "audit", *words, "--config", self.config]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, **how)

    def verify(self):
        done = self.audit("verify")
        return done.returncode, done.stdout

    def row(self, process):
        rows = map(json.loads, self.audit("verify", "--json").stdout.splitlines())
        return next(row for row in rows if row["process"] == process)


@pytest.fixture
def copy(stopped, tmp_path):
    return Copy(stopped, tmp_path)


def test_as_it_was_left_it_verifies_and_says_whose_key_it_took(copy):
    code, text = copy.verify()
    assert code == 0 and "BAD" not in text, text
    assert "--key FILE" in text.splitlines()[-1]
    key = copy.data / "journal" / "device.pub.pem"
    assert "--key" not in copy.audit("verify", "--key", key).stdout


def test_a_changed_record_stays_bad_after_a_restart(stopped, copy):
    middle = (copy.chain("dns") / SEGMENT).stat().st_size // 2
    copy.flip("dns", middle)
    code, text = copy.verify()
    assert code == 1 and "dns: BAD" in text, text
    original = Path(stopped.puck.settings["data"])
    kept = original.with_name("kept")
    original.rename(kept)
    shutil.copytree(copy.data, original)
    for path in original.rglob("*"):
        owner = (kept / path.relative_to(original)).stat()
        os.chown(path, owner.st_uid, owner.st_gid)
    try:
        for _ in range(2):
            stopped.puck.start()
            stopped.puck.stop()
            code, text = stopped.puck.verify()
            assert code == 1, text
            assert f"{SEGMENT}, record" in text and "a repair cut off" in text, text
        rows = stopped.puck.command("audit", "verify", "--json", check=False).stdout.splitlines()
        row = next(row for row in map(json.loads, rows) if row["process"] == "dns")
        assert row["ok"] is False and row["report"]["lost"] > 0 and row["report"]["broken"] == 1
    finally:
        shutil.rmtree(original)
        kept.rename(original)


def test_removed_segments_and_removed_chains_are_missed(copy):
    (copy.chain("dns") / SEGMENT).unlink()
    code, text = copy.verify()
    assert code == 1 and "dns: BAD" in text and "before the head signed" in text, text
    shutil.rmtree(copy.chain("dns"))
    shutil.rmtree(copy.chain("steer"))
    code, text = copy.verify()
    assert code == 1 and "dns: missing" in text and "steer: missing" in text, text
    shutil.rmtree(copy.data / "journal")
    code, text = copy.verify()
    assert code == 1 and "supervisor: missing" in text and "admin: missing" in text, text
    assert copy.row("proxy")["ok"] is False


def test_export_and_tail_go_on_behind_a_bad_record(copy):
    whole = copy.audit("export")
    copy.flip("dns", (copy.chain("dns") / SEGMENT).stat().st_size // 2)
    for format in ("jsonl", "csv"):
        done = copy.audit("export", "--format", format)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1 and SEGMENT in done.stderr and ", byte " in done.stderr
    rows = [json.loads(row) for row in copy.audit("export").stdout.splitlines()]
    expected = [json.loads(row) for row in whole.stdout.splitlines()]
    assert len(rows) == len(expected) - 1 and all(row in expected for row in rows)
    tail = copy.audit("tail", "--json", "-n", "1000")
    assert tail.returncode == 1 and len(tail.stdout.splitlines()) == len(rows) and tail.stderr.count("\n") == 1


def test_who_may_not_read_it_is_told_so(copy, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/") and "pytest" in str(folder):
            folder.chmod(0o755)
    copy.config.chmod(0o644)
    done = copy.audit("verify", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 2 and "Permission denied" in done.stderr, done
    assert "there is no journal" not in done.stderr and "BAD" not in done.stdout
    (copy.data / "journal").chmod(0o700)
    done = copy.audit("tail", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 2 and "Permission denied" in done.stderr, done


@pytest.mark.parametrize("words", [["verify"], ["head"], ["tail", "-n", "1000"], ["export"]])
def test_a_closed_pipe_is_a_quiet_end(copy, words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [BINARY, "audit", *words, "--config", copy.config]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
