"""The aarch64 release binary, run under qemu-user: what `./build.sh firmware aarch64` made is whole and works."""

import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "out/nanogate-aarch64"
LIBRARIES = ROOT / "out/aarch64/usr/lib/aarch64-linux-gnu"


def nanogate(*args: str, stdin: str = "") -> subprocess.CompletedProcess:
    command = ["qemu-aarch64", "-cpu", "cortex-a76", "-L", "/usr/aarch64-linux-gnu", "-E", f"LD_LIBRARY_PATH={LIBRARIES}"]
    return subprocess.run([*command, str(BINARY), *args], input=stdin, capture_output=True, text=True, timeout=300)


def test_binary_is_for_aarch64():
    header = BINARY.read_bytes()[:20]
    assert header[:4] == b"\x7fELF" and header[18:20] == (183).to_bytes(2, "little"), "EM_AARCH64"


def test_version():
    ran = nanogate("--version")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("nanogate 0.")


def test_scan_finds_and_redacts():
    row = {"id": 7, "text": "write to anna.meyer@example.org, card 4111 1111 1111 1111"}
    ran = nanogate("scan", "--jsonl", stdin=json.dumps(row) + "\n")
    assert ran.returncode == 1, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["id"] == 7 and answer["verdict"] == "redact"
    assert answer["redacted"] == "write to [REDACTED_EMAIL], card [REDACTED_CARD]"


def test_scan_of_clean_text_says_so():
    ran = nanogate("scan", stdin="The weather is fine today.\n")
    assert ran.returncode == 0, ran.stderr


def test_check_accepts_the_example_and_names_a_mistake(tmp_path):
    example = (ROOT / "firmware/daemon/nanogate.example.toml").read_text()
    good = tmp_path / "good.toml"
    good.write_text(example)
    ran = nanogate("check", "--config", str(good))
    assert ran.returncode == 0, ran.stderr
    bad = tmp_path / "bad.toml"
    bad.write_text(example.replace("[identity]", "[identety]", 1))
    ran = nanogate("check", "--config", str(bad))
    assert ran.returncode == 2
    assert "bad.toml" in ran.stderr and "identety" in ran.stderr
