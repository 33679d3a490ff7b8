#!/usr/bin/env python3
"""Starts a card in QEMU the way the Pi 5's boot loader starts it on the board, and no better.

It does what Raspberry Pi documents (computers/config_txt: autoboot.txt, conditional filters, kernel_watchdog_*;
computers/raspberry-pi: PARTITION_WALK) and nothing else: it never looks whether what it loads is whole.

    chooser.py CARD            the image on this terminal, with a network of its own; Ctrl-A X ends it
"""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
QEMU = "qemu-system-aarch64"
# What PID 1 says when it holds the watchdog that the boot loader armed. On the board the timer is one and the same.
HANDED_OVER = "puck: the watchdog is held"
MACHINE = ["-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-smp", "2", "-m", "1024"]


def partitions(card):
    """Name and place of each GPT partition: number to (name, first byte, size)."""
    found = {}
    with open(card, "rb") as disk:
        disk.seek(SECTOR)
        header = disk.read(92)
        if header[:8] != b"EFI PART":
            return found
        first, count, size = struct.unpack_from("<QII", header, 72)
        for number in range(1, count + 1):
            disk.seek(first * SECTOR + (number - 1) * size)
            entry = disk.read(size)
            if entry[:16] == bytes(16):
                continue
            begin, end = struct.unpack_from("<QQ", entry, 32)
            name = entry[56:128].decode("utf-16-le").rstrip("\0")
            found[number] = (name, begin * SECTOR, (end - begin + 1) * SECTOR)
    return found


def filtered(text, *, tryboot, partition):
    """Lines of a config.txt or autoboot.txt that hold now: a section's header is a condition."""
    holds = True
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        if line.startswith("["):
            condition = line.strip("[]")
            holds = condition in {"all", "pi5", f"boot_partition={partition}"} or (condition == "tryboot" and tryboot)
        elif line and holds:
            yield line


@dataclass
class Choice:
    """What the boot loader hands over."""

    partition: int
    kernel: bytes
    initramfs: bytes
    cmdline: str
    watchdog_seconds: int = 0
    watchdog_partition: int = 0


@dataclass
class Loader:
    """The boot loader's whole memory between two starts is the tryboot flag and the partition a watchdog left."""

    card: Path
    tryboot: bool = False
    partition: int = 0
    boots: list = field(default_factory=list)

    def read(self, number, name):
        """A file of a partition's FAT, as bytes; None if there is none."""
        place = partitions(self.card).get(number)
        if place is None:
            return None
        copy = ["mcopy", "-n", "-i", f"{self.card}@@{place[1]}", f"::{name}", "-"]
        done = subprocess.run(copy, capture_output=True, env={"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin:/bin"})
        return done.stdout if done.returncode == 0 else None

    def choose(self):
        """One start: which partition, and what is in it. The flags are used up."""
        tryboot, asked = self.tryboot, self.partition
        self.tryboot, self.partition = False, 0
        if asked == 0:
            asked = 1
            autoboot = (self.read(1, "autoboot.txt") or b"")[:SECTOR].decode(errors="replace")
            for line in filtered(autoboot, tryboot=tryboot, partition=1):
                key, _, value = line.partition("=")
                if key == "boot_partition" and value.isdigit():
                    asked = int(value)
        # PARTITION_WALK: one that cannot be started at all is passed over.
        numbers = sorted(partitions(self.card))
        for number in [asked, *(n for n in numbers if n > asked), *(n for n in numbers if n < asked)]:
            choice = self._load(number, tryboot)
            if choice:
                self.boots.append((number, tryboot))
                return choice, tryboot
        return None, tryboot

    def _load(self, number, tryboot):
        config = self.read(number, "config.txt")
        if config is None:
            return None
        settings = {"kernel": "kernel8.img", "cmdline": "cmdline.txt", "initramfs": None}
        for line in filtered(config.decode(errors="replace"), tryboot=tryboot, partition=number):
            if line.startswith("initramfs "):
                settings["initramfs"] = line.split()[1]
            elif "=" in line:
                key, _, value = line.partition("=")
                settings[key] = value
        kernel = self.read(number, settings["kernel"])
        if kernel is None:
            return None
        initramfs = self.read(number, settings["initramfs"]) if settings["initramfs"] else b""
        cmdline = (self.read(number, settings["cmdline"]) or b"").decode(errors="replace").split("\n")[0]
        return Choice(
            number,
            kernel,
            initramfs or b"",
            cmdline,
            int(settings.get("kernel_watchdog_timeout", 0)),
            int(settings.get("kernel_watchdog_partition", 0)),
        )


class Board:
    """One board with power: loader, QEMU, and what happens between them."""

    def __init__(self, card, folder, *, network, spawn=subprocess.Popen, extra=(), console="file", record=None):
        self.loader = Loader(Path(card))
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network = list(network)
        self.spawn = spawn
        self.extra = list(extra)
        self.console = console
        self.record = record
        # Whether the card can forget by itself what it is told to, as most can.
        self.forgets = True
        self.process = self.life = None
        self.events = []
        self.history = ""
        # How often the running system's watchdog reset it.
        self.bitten = 0
        self.stopped = self.power_is_cut = False

    def device_tree(self, choice, tryboot, words):
        """QEMU's own tree, with what the Pi's boot loader tells of itself in /chosen/bootloader."""
        tree = self.folder / "board.dtb"
        dump = [word if not word.startswith("virt") else f"{word},dumpdtb={tree}" for word in words]
        subprocess.run(dump, check=True, capture_output=True)
        for key, value in {"partition": choice.partition, "tryboot": int(tryboot)}.items():
            put = ["fdtput", "-p", "-t", "u", str(tree), "/chosen/bootloader", key, str(value)]
            subprocess.run(put, check=True, capture_output=True)
        return tree

    def start(self):
        """Power on. The board then lives by itself, through every reset, until it stops or is cut."""
        if not self._start_once():
            return False
        self.life = threading.Thread(target=self._live, daemon=True)
        self.life.start()
        return True

    def _live(self):
        while True:
            reset = self._until_reset()
            self.history += self._console()
            if not reset or self.power_is_cut or not self._start_once():
                self.stopped = True
                return

    def _until_reset(self):
        """Waits for the end of one QEMU; whether it was a reset."""
        begun, handed_over = time.monotonic(), False
        while self.process.poll() is None:
            handed_over = handed_over or HANDED_OVER in self._console()
            late = self.choice.watchdog_seconds and time.monotonic() - begun > self.choice.watchdog_seconds
            if late and not handed_over:
                # The boot loader's watchdog bites, and the partition it was given stays in the reset register.
                self.loader.partition = self.choice.watchdog_partition
                self.process.kill()
                self.process.wait()
                return True
            time.sleep(0.1)
        time.sleep(0.2)
        self.bitten += sum(event["event"] == "WATCHDOG" for event in self.events)
        return any(event["event"] == "SHUTDOWN" and event["data"]["reason"] == "guest-reset" for event in self.events)

    def _start_once(self):
        """What follows power-on and every reset: choose and start. False if nothing could be started."""
        choice, tryboot = self.loader.choose()
        if choice is None:
            return False
        self.choice = choice
        self.events = []
        for name in ("kernel", "initramfs"):
            (self.folder / name).write_bytes(getattr(choice, name))
        (self.folder / "console").write_bytes(b"")
        machine = [QEMU, "-nodefaults", "-display", "none", "-no-reboot", *MACHINE]
        words = [
            *machine,
            *("-kernel", str(self.folder / "kernel"), "-initrd", str(self.folder / "initramfs")),
            *("-append", choice.cmdline, "-dtb", str(self.device_tree(choice, tryboot, machine))),
            *self.drive(),
            *self.network,
            *("-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset"),
            *("-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off"),
            *(["-serial", "mon:stdio"] if self.console == "terminal" else self.serial()),
            *self.extra,
        ]
        with open(self.folder / "qemu.log", "ab") as log:
            terminal = self.console == "terminal"
            self.process = self.spawn(
                words, stdin=None if terminal else subprocess.DEVNULL, stdout=None if terminal else log, stderr=log
            )
        self._listen()
        return True

    def serial(self):
        """The serial line: what comes out of it is kept, what goes in is typed by `type`."""
        line = f"socket,id=console,path={self.folder}/keys.sock,server=on,wait=off,logfile={self.folder}/console"
        return ["-chardev", line, "-serial", "chardev:console"]

    def type(self, line):
        """Types a line on the serial console."""
        with socket.socket(socket.AF_UNIX) as keys:
            keys.connect(f"{self.folder}/keys.sock")
            keys.sendall(line.encode() + b"\n")
            # QEMU listens to nobody new before this one has gone, and drops what it has not read by then.
            time.sleep(0.3)

    def drive(self):
        """The card's reader, in a socket of its own so that the card can be pulled out; `record` writes down what the
        card is told, in the format of the kernel's dm-log-writes."""
        card = ["-blockdev", f"driver=file,node-name=file,filename={self.loader.card}"]
        top = "file"
        if self.record:
            self.record.touch()
            card += ["-blockdev", f"driver=file,node-name=logfile,filename={self.record}"]
            card += ["-blockdev", "driver=raw,node-name=log,file=logfile"]
            card += ["-blockdev", "driver=blklogwrites,node-name=recorded,file=file,log=log,log-sector-size=512"]
            top = "recorded"
        socket = ["-device", "pcie-root-port,id=reader,slot=1,chassis=1"]
        forgets = "" if self.forgets else ",discard=off,write-zeroes=off"
        return [*card, *socket, "-device", f"virtio-blk-pci,drive={top},id=card,bus=reader{forgets}"]

    def pull_card(self):
        """Takes the card out while the board runs; returns when the guest has let go of it."""
        self.command("device_del", id="card")
        deadline = time.monotonic() + 60
        while not any(e["event"] == "DEVICE_DELETED" and e["data"].get("device") == "card" for e in self.events):
            if time.monotonic() > deadline:
                raise RuntimeError("the guest does not let go of the card")
            time.sleep(0.1)

    def hang_card(self):
        """The card stays, and answers nothing any more, as worn ones do."""
        self.slow_card(1)

    def slow_card(self, bps):
        """Until the next start so many bytes of the card are read and written in a second; 0: as many as it can."""
        limits = {name: 0 for name in ("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")}
        self.command("block_set_io_throttle", id="/machine/peripheral/card/virtio-backend", bps=bps, **limits)

    def _listen(self):
        """QEMU's events say why a board stopped."""
        line = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 20
        while True:
            try:
                line.connect(f"{self.folder}/qmp.sock")
                break
            except OSError:
                if self.power_is_cut:
                    return
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"QEMU did not start:\n{(self.folder / 'qemu.log').read_text()}") from None
                time.sleep(0.02)
        self.line = line
        self.replies = []
        self._send("qmp_capabilities")
        threading.Thread(target=self._read, args=(line.makefile(),), daemon=True).start()

    def _send(self, command, **arguments):
        self.line.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def _read(self, lines):
        try:
            for text in lines:
                message = json.loads(text)
                (self.events if "event" in message else self.replies).append(message)
        except OSError:
            pass

    def command(self, name, timeout=10, **arguments):
        """A QMP command and its reply."""
        before = len(self.replies)
        self._send(name, **arguments)
        deadline = time.monotonic() + timeout
        while len(self.replies) == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"QEMU does not answer {name}")
            time.sleep(0.01)
        reply = self.replies[before]
        if "error" in reply:
            raise RuntimeError(f"{name}: {reply['error']}")
        return reply["return"]

    def _console(self):
        console = self.folder / "console"
        return console.read_text(errors="replace") if console.exists() else ""

    def log(self):
        """The serial console since power was switched on, through all resets."""
        return self.history + self._console()

    def cut(self):
        """Power off, at once. The host's cache survives it: what a real cut loses is shown by replaying writes."""
        self.power_is_cut = True
        while self.life and self.life.is_alive():
            # A start that is under way is let come to its end, and ended then.
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.life.join(0.1)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    card = Path(sys.argv[1])
    forward = "user,id=lan,hostfwd=udp:127.0.0.1:5300-:53,hostfwd=tcp:127.0.0.1:9443-:9443"
    network = ["-netdev", forward, "-device", "virtio-net-pci,netdev=lan,romfile="]
    board = Board(card, card.parent / "image/run", network=network, console="terminal")
    if not board.start():
        sys.exit("nothing on this card can be started")
    board.life.join()


if __name__ == "__main__":
    main()
