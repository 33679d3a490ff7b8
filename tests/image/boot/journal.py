"""The journal as an auditor with a card reader sees it."""

import json
import subprocess
import time

from chooser import partitions
from puck import BINARY


def read_off(site):
    """Takes the journal off the card; the folder."""
    # Where it is now: a card may be larger than the image, and the puck takes all of it.
    _, begin, size = partitions(site.card.file)[5]
    partition, folder = site.folder / "data.img", site.folder / "journal"
    subprocess.run(["rm", "-rf", folder], check=True)
    subprocess.run(
        ["dd", f"if={site.card.file}", f"of={partition}", "bs=1M", "conv=sparse", "iflag=skip_bytes,count_bytes",
         f"skip={begin}", f"count={size}", "status=none"],
        check=True,
    )
    subprocess.run(["e2fsck", "-p", partition], capture_output=True)
    subprocess.run(["debugfs", "-R", f"rdump /journal {site.folder}", partition], check=True, capture_output=True)
    folder.mkdir(exist_ok=True)
    return folder


def verify(site, described):
    """Every chain must hold; whether there is one. Before the first began there is nothing to verify."""
    done = subprocess.run([BINARY, "audit", "verify", "--dir", read_off(site)], capture_output=True, text=True)
    begun = "there is no journal" not in done.stderr
    assert done.returncode == 0 or not begun, f"after the cut {described}:\n{done.stdout}{done.stderr}"
    return begun


def records(site):
    """Every record, oldest first."""
    words = [BINARY, "audit", "export", "--dir", read_off(site), "--format", "jsonl"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def noted(site):
    """Switches the power off once records are on the card, which is within eight seconds; what the puck and its owner did."""
    time.sleep(10)
    site.board.cut()
    return [row["event"]["admin"] for row in records(site) if "admin" in row["event"]]
