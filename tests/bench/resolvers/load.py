"""dnsperf, and what it says."""

import re
import subprocess
from dataclasses import dataclass

CLIENTS = 16


@dataclass
class Run:
    sent: int
    answered: int
    per_second: float
    # In microseconds, sorted; only of runs that were asked for them.
    latencies: list


def dnsperf(port, questions, cpu, *, seconds=None, times=None, outstanding=100, rate=None, latencies=False):
    """One run: `questions` over and over for so many `seconds`, or so many `times`."""
    command = ["taskset", "-c", str(cpu), "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions)]
    command += ["-c", str(CLIENTS), "-T", "1", "-q", str(outstanding), "-t", "2", "-O", "suppress=timeout"]
    command += ["-l", str(seconds)] if seconds else ["-n", str(times)]
    command += ["-Q", str(rate)] if rate else []
    command += ["-v"] if latencies else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"dnsperf failed: {done.stdout[-300:]}{done.stderr[-300:]}")

    def figure(title):
        return float(re.search(rf"{title}:\s+([\d.]+)", done.stdout).group(1))

    # One line for each answer: "> NOERROR www.example A 0.000123".
    taken = re.findall(r"^> [A-Z0-9]+ \S+ \S+ (\d+\.\d+)$", done.stdout, re.MULTILINE) if latencies else []
    return Run(
        sent=int(figure("Queries sent")),
        answered=int(figure("Queries completed")),
        per_second=figure("Queries per second"),
        latencies=sorted(float(seconds) * 1e6 for seconds in taken),
    )


def percentile(ordered, percent):
    """Nearest rank."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]
