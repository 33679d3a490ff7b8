"""What the image is made of comes from an archive that drops old versions: the step that fetches, with the real archive."""

import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def test_a_version_that_has_left_the_archive_is_replaced_only_where_that_is_allowed(tmp_path):
    """A lock that pins what nobody has: the snapshot archive is asked, and both ways on are told."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("image", "Cargo.toml"):
        subprocess.run(["cp", "-a", TOP / name, tree / name], check=True)
    lock = tree / "image/lock"
    gone = re.sub(r"^(libmnl \S+) \S+ [0-9a-f]{64}$", r"\1 0.0.1-1 " + "0" * 64, lock.read_text(), flags=re.MULTILINE)
    assert "0.0.1-1" in gone
    lock.write_text(gone)

    def fetch(*words):
        words = [tree / "image/steps/fetch.sh", "--link", *words]
        return subprocess.run(words, capture_output=True, text=True)

    refused = fetch()
    assert refused.returncode != 0
    for told in ("0.0.1-1 has left the archive; asking the snapshot archive", "--update-lock", "--allow-drift"):
        assert told in refused.stderr, refused.stderr
    drifted = fetch("--allow-drift")
    assert drifted.returncode == 0 and "DRIFT: libmnl is " in drifted.stderr, drifted.stderr
    assert lock.read_text() == gone and "0.0.1-1" not in (tree / "out/image/lock").read_text()
    assert list((tree / "out/aarch64").rglob("libmnl.so"))
