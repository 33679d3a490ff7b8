"""Sticks with updates on them, good and bad; made by the program that signs them when an image is built."""

import subprocess

from card import TOP, built

BOARD = "qemu-aarch64"
KEY = TOP / "out/image/test.key.pem"
GOOD = built().with_suffix(".update")
# Later than any commit; what is built is newer than the image, or older.
NEWER, OLDER = 4_000_000_000, 1_000_000_000


def sign(folder, name, payload, *, key=KEY, board=BOARD, sequence=NEWER):
    """An update for a board with this payload; the file."""
    source, out = folder / f"{name}.slot", folder / f"{name}.update"
    source.write_bytes(payload)
    words = [TOP / "out/sign-update", "make", key, board, "9.9.9", str(sequence), source, out]
    subprocess.run(words, check=True)
    source.unlink()
    return out


def payload(update):
    """What an update puts onto a slot."""
    content = update.read_bytes()
    return content[74 + int.from_bytes(content[8:10], "little") :]


def bad_updates(folder, capacity):
    """Every way in which an update can be wrong."""
    stranger = folder / "stranger.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", stranger], check=True)
    sector = b"\xeb" * 512
    sign(folder, "a-stranger", sector, key=stranger)
    sign(folder, "b-older", sector, sequence=OLDER)
    sign(folder, "c-other-board", sector, board="raspberrypi5")
    sign(folder, "d-large", b"\xeb" * (capacity + 512))
    whole = sign(folder, "e-truncated", sector * 8).read_bytes()
    (folder / "e-truncated.update").write_bytes(whole[:-512])
    changed = bytearray(sign(folder, "f-changed", sector * 8).read_bytes())
    changed[-1] ^= 1
    (folder / "f-changed.update").write_bytes(changed)
    (folder / "g-text.update").write_text("buy more sticks\n" * 20)
    stranger.unlink()
    return sorted(folder.glob("*.update"))


def make(file, updates):
    """A stick as it is sold: one FAT file system, with these files on it."""
    size = sum(update.stat().st_size for update in updates) // 1024 + 8 * 1024
    subprocess.run(["mkfs.vfat", "-F", "32", "-C", file, str(max(size, 40 * 1024))], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", file, *updates, "::/"], check=True)
    return file


def plug(board, file, name):
    """Plugs a stick into a running board."""
    board.command(
        "blockdev-add",
        **{"driver": "raw", "node-name": name, "read-only": True, "file": {"driver": "file", "filename": str(file)}},
    )
    board.command("device_add", driver="usb-storage", bus="usb.0", id=f"{name}-stick", drive=name)
