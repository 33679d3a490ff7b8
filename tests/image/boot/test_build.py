"""What the build leaves beside the card: promises 24 to 26 of image/README.md."""

import json
import os
import re
import struct
import subprocess
from pathlib import Path

from card import TOP, built

# The image that goes onto a card, compressed, and the root once it is unpacked into memory.
IMAGE_MB = 64
ROOT_MB = 96


def test_the_bill_of_materials_names_what_is_in_the_image():
    bill = json.loads(built().with_suffix(".cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["name"]: part for part in bill["components"]}
    assert {"libc6", "busybox", "rustls", "hyper", "gate-daemon", "gate-device", "gate-rescue"} <= set(parts)
    # What is linked in without being a crate, and what the page is made of.
    assert {"rust-std", "preact"} <= set(parts) and "vite" not in parts
    archives = {archive["name"] for part in parts.values() for archive in part.get("components", [])}
    assert archives == {"libc.a", "libgcc.a", "libgcc_eh.a"}
    assert "proptest" not in parts, "what only tests use is not in the image"
    locked = dict(re.findall(r"^\S+ (\S+) \S+ ([0-9a-f]{64})$", (TOP / "out/image/lock").read_text(), re.MULTILINE))
    assert len(locked) > 10
    for name, digest in locked.items():
        assert parts[name]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_a_pc_shows_the_owners_partition_alone_and_leaves_the_table_where_it_is():
    """What Windows does to a card that is put into it: a letter for what is not hidden, and the table's entries moved where the
    first usable sector is not the one behind them, which the Pi 5's boot loader does not follow."""
    with open(built(), "rb") as card:
        head = card.read(34 * 512)
    usable, _, entries = struct.unpack_from("<QQ16xQ", head, 512 + 40)
    assert (usable, entries) == (34, 2)
    shown = {}
    for at in range(1024, 1024 + 5 * 128, 128):
        (attributes,) = struct.unpack_from("<Q", head, at + 48)
        shown[head[at + 56 : at + 128].decode("utf-16-le").rstrip("\0")] = attributes >> 62
    # Bit 62 hides it, bit 63 keeps it without a letter; another system's type gets none.
    assert shown == {"boot": 0, "slot-a": 3, "slot-b": 3, "rescue": 3, "data": 0}


def test_slots_and_root_are_small():
    folder = TOP / "out/image/qemu-aarch64"
    parts = [folder / "slot/kernel.img", folder / "slot/initramfs.img", folder / "rescue/initramfs.img"]
    # Two slots and the rescue system; what is compressed once does not shrink again.
    kernel, root, rescue = (part.stat().st_size for part in parts)
    slots = 2 * (kernel + root)
    assert kernel + root < IMAGE_MB * 1_000_000 / 2
    assert slots + kernel + rescue < 2 * IMAGE_MB * 1_000_000
    used = subprocess.run(["du", "-sm", "--apparent-size", folder / "root"], capture_output=True, text=True, check=True)
    assert int(used.stdout.split()[0]) < ROOT_MB


def test_a_debug_image_is_never_signed():
    """The options are refused together before anything is built, and the step refuses by itself."""
    done = subprocess.run([TOP / "build.sh", "image", "--debug", "--sign", "/dev/null"], capture_output=True, text=True)
    assert done.returncode != 0 and "a debug image is never signed" in done.stderr
    step = subprocess.run(
        [TOP / "image/steps/update.sh", "qemu-aarch64"],
        env=os.environ | {"IMAGE_DEBUG": "yes", "UPDATE_KEY": "/dev/null"},
        capture_output=True,
        text=True,
    )
    assert step.returncode != 0 and "a debug image is never signed" in step.stderr
    libraries = TOP / "out/image/qemu-aarch64" / "root" / "usr" / "lib"
    assert libraries.is_dir() and not (libraries / "debug").exists(), "this image has a shell"


def test_what_is_no_card_is_not_written_to(tmp_path):
    """Neither nothing nor a file: a drive's other ways to be none need a drive (`cmd_flash` in image/verbs.sh)."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    for words in ([], [precious]):
        done = subprocess.run([TOP / "build.sh", "flash", *words], input=f"{precious}\n", capture_output=True, text=True)
        assert done.returncode != 0 and "flash needs the card's device" in done.stderr
    assert precious.read_text() == "kept"


def test_a_card_in_a_reader_is_taken_for_one(tmp_path):
    """With the real program's ways: it fills a column up to the width of its heading, unless it is asked for raw output."""
    lsblk = tmp_path / "lsblk"
    lsblk.write_text(
        """#!/bin/sh
case "$*" in
    *MOUNTPOINTS*) ;;
    *TYPE*) echo disk ;;
    -*r*RM*) echo "$REMOVABLE" ;;
    *RM*) printf '%2s\\n' "$REMOVABLE" ;;
esac
"""
    )
    lsblk.chmod(0o755)
    device = next(path for path in Path("/dev").iterdir() if path.is_block_device())
    for removable, told in (("1", "there is no out/nanogate-no-such-board-"), ("0", "that is no card")):
        env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REMOVABLE": removable}
        words = [TOP / "build.sh", "flash", device, "no-such-board"]
        done = subprocess.run(words, env=env, input="", capture_output=True, text=True)
        assert done.returncode != 0 and told in done.stderr, done.stderr
    env["REMOVABLE"] = "1"
    words.insert(2, "--debug")
    done = subprocess.run(words, env=env, input="", capture_output=True, text=True)
    assert done.returncode != 0 and "there is no out/nanogate-debug-no-such-board-" in done.stderr, done.stderr


def recipes_in(folder):
    """A tree of its own with the image's recipes and steps, for a test that changes what they pin."""
    tree = folder / "tree"
    tree.mkdir()
    for name in ("image", "Cargo.toml"):
        subprocess.run(["cp", "-a", TOP / name, tree / name], check=True)
    return tree


def test_what_is_linked_in_and_is_not_pinned_is_refused(tmp_path):
    """The step that compares, with a library whose hash is another one."""
    tree = recipes_in(tmp_path)
    linked = tree / "image/linked"
    run = lambda *words: subprocess.run(  # noqa: E731
        [tree / "image/steps/linked.sh", *words], capture_output=True, text=True
    )
    assert run("--update-lock").returncode == 0 and run().returncode == 0, "what this machine has"
    pinned = linked.read_text()
    linked.write_text(re.sub(r"^(libc\.a) [0-9a-f]{64}", r"\1 " + "0" * 64, pinned, flags=re.MULTILINE))
    assert linked.read_text() != pinned
    refused, drifted = run(), run("--allow-drift")
    assert refused.returncode != 0 and "is not what image/linked pins" in refused.stderr
    assert drifted.returncode == 0 and "DRIFT" in drifted.stderr


def test_a_package_that_is_not_what_the_lock_pins_is_refused(tmp_path):
    """The step that fetches, with a lock whose hash is another one: it must stop, and keep nothing."""
    tree = recipes_in(tmp_path)
    lock = tree / "image/lock"
    text = re.sub(r"^(libmnl .*) [0-9a-f]{64}$", r"\1 " + "0" * 64, lock.read_text(), flags=re.MULTILINE)
    assert "0" * 64 in text
    lock.write_text(text)
    for deb in (TOP / "out/image/debs").glob("*.deb"):
        (tree / "out/image/debs").mkdir(parents=True, exist_ok=True)
        (tree / "out/image/debs" / deb.name).symlink_to(deb)
    done = subprocess.run([tree / "image/steps/fetch.sh", "--allow-drift"], capture_output=True, text=True)
    assert done.returncode != 0
    assert not (tree / "out/image/debs" / ("0" * 64 + ".deb")).exists()
