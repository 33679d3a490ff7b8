"""A card as a PC with a reader sees it."""

import os
import re
import subprocess
from pathlib import Path

from chooser import partitions

TOP = Path(__file__).resolve().parents[3]


def built(name="nanogate"):
    """The image that `./build.sh image qemu-aarch64` made; of another name with `--debug`."""
    version = re.search(r'^version = "(.*)"', (TOP / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    return TOP / f"out/{name}-qemu-aarch64-{version}.img"


class Card:
    """A copy of an image that a test may change."""

    def __init__(self, file, image):
        self.file = Path(file)
        subprocess.run(["cp", "--sparse=always", image, self.file], check=True)
        self.places = {name: (begin, size) for name, begin, size in partitions(self.file).values()}

    def write(self, name, content, offset=0):
        """Writes bytes into a partition."""
        with open(self.file, "r+b") as card:
            card.seek(self.places[name][0] + offset)
            card.write(content)

    def read(self, name, size, offset=0):
        """Reads bytes of a partition."""
        with open(self.file, "rb") as card:
            card.seek(self.places[name][0] + offset)
            return card.read(size)

    def fill_data(self, files):
        """Makes /data as a puck would have left it, with these files: path to text."""
        folder = self.file.parent / "data"
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        begin, size = self.places["data"]
        words = ["mke2fs", "-q", "-F", "-t", "ext4", "-L", "data", "-d", folder, "-E", f"offset={begin},root_owner=0:0"]
        # With an offset mke2fs counts blocks of 4 KiB; without a size it would take the rest of the file.
        subprocess.run([*words, self.file, f"{size // 1024}k"], check=True, env=os.environ, capture_output=True)

    def fat_read(self, name, path):
        """A file of a FAT partition; None if there is none."""
        begin, _ = self.places[name]
        done = subprocess.run(["mcopy", "-n", "-i", f"{self.file}@@{begin}", f"::{path}", "-"], capture_output=True)
        return done.stdout if done.returncode == 0 else None

    def fat_write(self, name, path, content):
        """Puts a file on a FAT partition."""
        begin, _ = self.places[name]
        subprocess.run(
            ["mcopy", "-o", "-i", f"{self.file}@@{begin}", "-", f"::{path}"], input=content, check=True, capture_output=True
        )


    def fat_delete(self, name, path):
        """Takes a file away from a FAT partition."""
        begin, _ = self.places[name]
        subprocess.run(["mdel", "-i", f"{self.file}@@{begin}", f"::{path}"], check=True, capture_output=True)
