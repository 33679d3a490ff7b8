"""Power cuts by replaying what a card was told.

A card keeps what it was told before the last flush that it acknowledged, and of what came after it any part, in any
order. Killing the emulator alone would lose nothing, because the host keeps what the guest wrote.

The record is what QEMU's block filter `blklogwrites` writes: a super block, then entries of a sector each with their data
(Linux, Documentation/admin-guide/device-mapper/log-writes.rst).
"""

import random
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass
class Entry:
    sector: int
    count: int
    flags: int
    at: int


def entries(log):
    """The record's entries, oldest first."""
    with open(log, "rb") as file:
        magic, version, _, size = struct.unpack("<QQQI", file.read(28))
        assert (magic, version, size) == (MAGIC, 1, SECTOR), "no record of writes"
        at, end = SECTOR, Path(log).stat().st_size
        while at + SECTOR <= end:
            file.seek(at)
            sector, count, flags, length = struct.unpack("<QQQQ", file.read(32))
            if (sector, count, flags, length) == (0, 0, 0, 0):
                return
            yield Entry(sector, count, flags, at + SECTOR)
            at += SECTOR + (0 if flags & DISCARD else count * SECTOR)


class Replay:
    """Cards as cuts at random moments would leave them; the seed makes them the same each time."""

    def __init__(self, before, log, seed):
        self.before, self.log = before, log
        self.entries = list(entries(log))
        self.flushes = sum(bool(entry.flags & FLUSH) for entry in self.entries)
        self.random = random.Random(seed)
        self.count = 0

    def cut(self, card):
        """Makes `card` what one more cut leaves; every second one is right at a flush."""
        flushes = [number for number, entry in enumerate(self.entries) if entry.flags & FLUSH]
        if self.count % 2 == 0:
            moment = self.random.choice(flushes) + 1
        else:
            moment = self.random.randrange(1, len(self.entries) + 1)
        self.count += 1
        flushed = max((number for number in flushes if number < moment), default=0)
        subprocess.run(["cp", "--sparse=always", self.before, card], check=True)
        lost = 0
        with open(self.log, "rb") as log, open(card, "r+b") as disk:
            for number, entry in enumerate(self.entries[:moment]):
                if number > flushed and not entry.flags & FUA and self.random.random() < 0.5:
                    lost += 1
                    continue
                disk.seek(entry.sector * SECTOR)
                if entry.flags & DISCARD:
                    continue
                log.seek(entry.at)
                disk.write(log.read(entry.count * SECTOR))
        return f"after {moment} of {len(self.entries)} writes, {lost} lost"
