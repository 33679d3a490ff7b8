"""`nanogate scan` as people use it: in a hook, in CI, at a terminal, on more than fits in memory."""

import json
import os
import pty
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from office import CLIENTS
from puck import BINARY, ROOT

HOOK = ROOT / "firmware/daemon/hooks/pre-commit"
MAIL = "write to anna.meyer@example.org"


def scan(*words, cwd=None, stdin="", env=None):
    command = [BINARY, "scan", *words]
    return subprocess.run(command, cwd=cwd, input=stdin, env=env, capture_output=True, text=True, timeout=120)


def violations(sarif):
    """What the standard's own schema says against a document."""
    done = subprocess.run(
        ["node", CLIENTS / "validate_sarif.mjs"], input=sarif, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def tree(tmp_path):
    """A folder with a finding in a text, in JSON, in a name that needs escapes, and files that are not scanned."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a b ä.txt").write_text(f"first\nsecond, {MAIL}\n")
    (tmp_path / "src/c.json").write_text(json.dumps({"user": {"note": MAIL + "\n"}}))
    (tmp_path / ".env").write_text("DB_URL=postgres://app:pT4-qz91Lm@db.example.org/app\n")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0\0\0")
    (tmp_path / "clean.md").write_text("nothing here\n")
    return tmp_path


def test_sarif_validates_against_the_standard_s_schema(tree):
    found = scan("--format", "sarif", ".", cwd=tree)
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert violations(found.stdout) == []
    results = document["runs"][0]["results"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results}
    assert uris == {".env", "src/a%20b%20%C3%A4.txt", "src/c.json"}
    assert "skipped 1 binary file" in found.stderr
    clean = scan("--format", "sarif", "clean.md", cwd=tree)
    assert clean.returncode == 0 and violations(clean.stdout) == []
    unread = scan("--format", "sarif", "logo.png", cwd=tree)
    assert unread.returncode == 2 and violations(unread.stdout) == []
    assert json.loads(unread.stdout)["runs"][0]["invocations"][0]["executionSuccessful"] is False
    document["runs"][0]["results"][0].pop("message")
    assert violations(json.dumps(document)), "the schema takes anything"


def test_no_report_holds_a_value(tree):
    for format in ["text", "json", "sarif"]:
        done = scan("--format", format, "--color", "always", ".", cwd=tree)
        assert "anna.meyer" not in done.stdout + done.stderr and "pT4-qz91Lm" not in done.stdout + done.stderr


def test_colours_are_for_terminals(tree):
    assert "\x1b[" not in scan(".", cwd=tree).stdout
    assert "\x1b[33m" in scan("--color", "always", ".", cwd=tree).stdout
    plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    assert b"\x1b[" in on_terminal(tree, plain)
    assert b"\x1b[" not in on_terminal(tree, plain | {"NO_COLOR": "1"})


def on_terminal(folder, env):
    """What a scan shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([BINARY, "scan", "src"], cwd=folder, env=env, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the other end has closed
        pass
    os.close(ours)
    assert process.wait(timeout=20) == 1 and b"finding" in shown
    return shown


def test_exit_codes_tell_findings_from_trouble(tree):
    assert scan("clean.md", cwd=tree).returncode == 0
    assert scan("src", cwd=tree).returncode == 1
    for words in [["nosuch"], ["--format", "xml"], ["logo.png"], ["--pack", "clean.md", "src"]]:
        assert scan(*words, cwd=tree).returncode == 2, words
    assert scan(stdin=MAIL).returncode == 1
    assert scan(stdin="hello").returncode == 0


def git(folder, *words, check=True, **env):
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "HOME": str(folder)}
    env = os.environ | identity | {"NANOGATE": str(BINARY), "GIT_CONFIG_NOSYSTEM": "1"} | env
    return subprocess.run(["git", *words], cwd=folder, env=env, check=check, capture_output=True, text=True, timeout=60)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--quiet")
    hooks = tmp_path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    shutil.copy(HOOK, hooks / "pre-commit")
    return tmp_path


def test_the_hook_refuses_what_the_commit_would_hold(repository):
    (repository / "sub dir").mkdir()
    file = repository / "sub dir/settings.txt"
    file.write_text("harmless\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "clean")
    file.write_text(f"{MAIL}\n")
    git(repository, "add", ".")
    # The working tree is clean again; what is staged is not.
    file.write_text("harmless\n")
    refused = git(repository, "commit", "-m", "leak", check=False)
    assert refused.returncode == 1 and "the commit is refused" in refused.stderr
    assert "sub dir/settings.txt:1:10: redact email" in refused.stdout + refused.stderr
    assert git(repository, "rev-list", "--count", "HEAD").stdout == "1\n"
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "clean again")


def test_the_hook_sees_ignored_files_images_and_deletions(repository):
    (repository / ".gitignore").write_text("*.log\n")
    (repository / "logo.png").write_bytes(b"\x89PNG\0\0\0")
    (repository / "old.txt").write_text("old\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "an image is skipped")
    git(repository, "rm", "--quiet", "old.txt")
    git(repository, "commit", "--quiet", "-m", "a deletion has nothing to scan")
    (repository / "app.log").write_text(f"{MAIL}\n")
    git(repository, "add", "--force", "app.log")
    assert git(repository, "commit", "-m", "leak", check=False).returncode == 1
    (repository / ".nanogateignore").write_text("app.log\n")
    git(repository, "add", ".nanogateignore")
    git(repository, "commit", "--quiet", "-m", "an exception")
    git(repository, "commit", "--quiet", "--amend", "--no-edit")


def test_the_hook_refuses_when_it_cannot_scan(repository):
    (repository / "a.txt").write_text("harmless\n")
    git(repository, "add", ".")
    refused = git(repository, "commit", "-m", "x", check=False, NANOGATE="no-such-nanogate")
    assert refused.returncode == 1 and "is not installed" in refused.stderr


def test_memory_is_flat_on_more_than_fits(tmp_path):
    """300 MB in one line, in rows and in small files under a cap of memory that could not hold them."""
    line = ("the quick brown fox jumps over the lazy dog and on, " * 20_000)[:1_000_000]
    with open(tmp_path / "line.txt", "w") as file:
        file.writelines(line for _ in range(100))
        file.write(f" {MAIL}\n")
    row = json.dumps({"id": 1, "text": line[:100_000]}) + "\n"
    with open(tmp_path / "rows.jsonl", "w") as file:
        file.writelines(row for _ in range(1000))
        file.write(json.dumps({"id": 2, "text": MAIL}) + "\n")
    for folder in range(10):
        (tmp_path / f"{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"{folder}/{number}.txt").write_text(line[:100_000])

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))

    command = [BINARY, "scan", "--format", "json", "--threads", "2", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, preexec_fn=limit)
    assert done.returncode == 1, done.stderr
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    places = [(row["file"], row["line"], row["column"]) for row in rows]
    assert places == [("./line.txt", 1, 100_000_011), ("./rows.jsonl", 1001, row_column())]


def row_column():
    return json.dumps({"id": 2, "text": MAIL}).index("anna") + 1


def test_rows_stream_through_and_keep_their_order(tmp_path):
    source = tmp_path / "rows.jsonl"
    with open(source, "w") as file:
        for number in range(20_000):
            file.write(json.dumps({"id": number, "text": MAIL if number % 100 == 0 else "hello " * 40}) + "\n")
    with open(source) as rows:
        done = subprocess.run([BINARY, "scan", "--jsonl"], stdin=rows, capture_output=True, text=True, timeout=300)
    answers = [json.loads(row) for row in done.stdout.splitlines()]
    assert done.returncode == 1 and [answer["id"] for answer in answers] == list(range(20_000))
    assert all((answer["verdict"] == "redact") == (answer["id"] % 100 == 0) for answer in answers)


def test_a_pack_of_one_s_own_takes_the_place_of_the_built_in_one(tmp_path):
    rules = tmp_path / "packs/kb1-secrets"
    rules.mkdir(parents=True)
    (tmp_path / "packs/pack.toml").write_text('name = "acme"\nversion = "1.0.0"\n')
    Path(rules / "acme.toml").write_text("""kb = "kb1-secrets"
[[rule]]
id = "acme-key"
name = "Acme key"
kind = "api_key"
severity = "high"
action = "deny"
anchors = ["acme_"]
pattern = 'acme_[0-9a-f]{8}'
match = ["acme_0a1b2c3d", "x=acme_9f8e7d6c", "(acme_5b5c5d5e)"]
no_match = ["acme_", "acme_0a1b2c3", "nacme_0a1b2c3d"]
""")
    pack = tmp_path / "acme.ngpack"
    subprocess.run([BINARY, "pack", "build", tmp_path / "packs", "-o", pack], check=True, capture_output=True)
    text = f"{MAIL}, key acme_7d1f0c5e\n"
    with_pack = scan("--pack", pack, "--format", "json", stdin=text)
    assert [json.loads(row)["rule"] for row in with_pack.stdout.splitlines()] == ["acme-key"]
    assert [json.loads(row)["rule"] for row in scan("--format", "json", stdin=text).stdout.splitlines()] == ["email"]
