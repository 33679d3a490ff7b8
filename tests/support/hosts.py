"""Hosts of the virtual office: one process each that keeps a network and a mount namespace open.

No name of it appears on the machine: hosts are reached through the process that holds them, and the kernel takes a
host away when that process ends.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from pathlib import Path

# sched.h
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

# The world inside `tests/support/enter` is root's; nothing of the caller's shell (proxies, trust stores) leaks in.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Host:
    """A network namespace with its own mounts, and the processes started in it."""

    def __init__(self, name):
        self.name = name
        self.children = []
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "--", "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
        )
        self.pid = self.holder.pid
        self._await_namespace()
        self.run(["ip", "link", "set", "lo", "up"])

    def _await_namespace(self):
        ours = os.readlink("/proc/self/ns/mnt")
        deadline = time.monotonic() + 5
        while os.readlink(f"/proc/{self.pid}/ns/mnt") == ours or self._command() != "sleep":
            if self.holder.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: the namespace did not come up (run inside tests/support/enter)")
            time.sleep(0.002)

    def _command(self):
        return Path(f"/proc/{self.pid}/comm").read_text().strip()

    def _inside(self, command):
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--", *map(str, command)]

    def run(self, command, *, input=None, timeout=60, env=None, check=True):
        """Runs a command to its end; its output as text."""
        done = subprocess.run(
            self._inside(command),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=ENVIRONMENT | (env or {}),
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
        return done

    def popen(self, command, *, env=None, **options):
        """Starts a command; it is ended with the host."""
        child = subprocess.Popen(self._inside(command), env=ENVIRONMENT | (env or {}), **options)
        self.children.append(child)
        return child

    @contextlib.contextmanager
    def network(self):
        """Moves this thread into the host's network: sockets made in the block are the host's."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter_network(f"/proc/{self.pid}/ns/net")
            yield
        finally:
            enter_network(f"/proc/self/fd/{home}")
            os.close(home)

    def ip(self, *lines):
        """Runs lines of `ip` in one go."""
        self.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n")

    def sysctl(self, **values):
        """Sets keys below net/, written with double underscores for slashes."""
        script = "\n".join(f"echo {value} > /proc/sys/net/{key.replace('__', '/')}" for key, value in values.items())
        self.run(["sh", "-ec", script])

    def bind(self, source, target):
        """Lays a file or folder over another, in this host only."""
        self.run(["mount", "--bind", source, os.path.realpath(target)])

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
        self.holder.kill()
        for child in [*self.children, self.holder]:
            child.wait()


def enter_network(path):
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(handle, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(handle)


def cable(left, left_name, right, right_name):
    """Joins two hosts by a pair of interfaces that are up."""
    subprocess.run(
        [
            "ip",
            "link",
            "add",
            "name",
            left_name,
            "netns",
            str(left.pid),
            "type",
            "veth",
            "peer",
            "name",
            right_name,
            "netns",
            str(right.pid),
        ],
        check=True,
    )
    left.ip(f"link set {left_name} up")
    right.ip(f"link set {right_name} up")
