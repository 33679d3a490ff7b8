"""How fast the scanner is beside its peers: the same bytes, one core, in one run."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CORPORA = ("text", "code", "json")
TITLES = {"text": "clean text", "code": "code", "json": "JSON chat"}
# Peers in Python look at some hundred kilobytes a second: they get a little time each.
PEER_SECONDS = 4
# Rounds of the scanner and of Vectorscan take turns, so that a busy minute of the machine hurts both.
TURNS = 3
# Of two runs under callgrind the difference is the scanning alone.
ROUNDS = (1, 3)

BARS = [
    ("clean text, MB/s", "text_mbs", 300, "at least"),
    ("code, MB/s", "code_mbs", 300, "at least"),
    ("JSON chat, MB/s", "json_mbs", 300, "at least"),
    ("8 KiB prompt, p99, µs", "p99_8k_us", 100, "at most"),
    ("64 KiB prompt, p99, µs", "p99_64k_us", 700, "at most"),
    ("worst input, times the clean cost", "worst_ratio", 20, "at most"),
    ("packs in memory, MiB", "loaded_mib", 48, "at most"),
    ("packs ready, ms", "load_ms", 300, "at most"),
]
VECTORSCAN_SHARE = 0.5


def answer(command):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench scan: {Path(command[0]).name} failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    return json.loads(done.stdout)


class Speed:
    """Where everything is: the example `speed`, the Python of the peers, the rule sources."""

    def __init__(self, example, python, packs):
        self.example, self.python, self.packs = example, python, packs
        self.peers = Path(__file__).parent / "peers"

    def measure(self, instructions):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([self.example, "--corpus", folder], check=True)
            corpora = {name: Path(folder) / f"{name}.jsonl" for name in CORPORA}
            figures = self.in_turns(corpora)
            figures["peers"] = {name: self.peer(name, corpora) for name in ("detect", "presidio")}
        if instructions:
            figures["instructions_per_byte"] = {name: self.instructions(name) for name in CORPORA}
        return figures

    def in_turns(self, corpora):
        """Best of the turns for speeds, worst of them for what must not be exceeded."""
        ours, theirs = [], []
        for _ in range(TURNS):
            ours.append(answer([self.example, "--json"]))
            theirs.append(answer([self.python, self.peers / "vectorscan.py", self.packs, *corpora.values()]))
        nanogate = {key: merged(key, [turn[key] for turn in ours]) for key in ours[0]}
        nanogate["loaded_mib"] = round(max(nanogate["loaded_bytes"], nanogate["pack_bytes"]) / 2**20, 1)
        mbs = {
            kind: {name: max(turn["mbs"][kind][name] for turn in theirs) for name in CORPORA}
            for kind in ("literals", "all")
        }
        return {"nanogate": nanogate, "vectorscan": {**theirs[0], "mbs": mbs}}

    def peer(self, name, corpora):
        command = [self.python, self.peers / f"{name}.py", "speed"]
        return {corpus: answer([*command, path, PEER_SECONDS])["mbs"] for corpus, path in corpora.items()}

    def instructions(self, corpus):
        """Instructions that the scanner spends on a byte, counted by callgrind: a busy machine does not change them."""
        counts, size = [], 0
        for rounds in ROUNDS:
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", self.example]
            done = subprocess.run(
                [*command, "--rounds", corpus, str(rounds)], check=True, capture_output=True, text=True
            )
            counts.append(int(done.stderr.split("Collected :")[1].split()[0]))
            size = int(done.stdout)
        return (counts[1] - counts[0]) / (ROUNDS[1] - ROUNDS[0]) / size


def merged(key, values):
    """Noise only ever slows: the best turn is the nearest to the truth."""
    if not isinstance(values[0], (int, float)):
        return values[0]
    return max(values) if key.endswith("_mbs") else min(values)


def report(figures):
    nanogate, vectorscan = figures["nanogate"], figures["vectorscan"]
    print(f"{'one core, MB/s of processor time':44}" + "".join(f"{TITLES[name]:>22}" for name in CORPORA))
    ours = {name: nanogate[f"{name}_mbs"] for name in CORPORA}
    row(f"nanogate, {nanogate['rules']} rules, end to end", ours)
    row(f"Vectorscan {vectorscan['version']}, literals + patterns", vectorscan["mbs"]["all"], ours)
    row("Vectorscan, literals alone", vectorscan["mbs"]["literals"], ours)
    row("detect-secrets", figures["peers"]["detect"], ours)
    row("presidio-analyzer", figures["peers"]["presidio"], ours)
    if "instructions_per_byte" in figures:
        row("nanogate, instructions for each byte", figures["instructions_per_byte"])
    print(
        f"\nVectorscan matches {vectorscan['literals']} literals and {vectorscan['patterns']} patterns and drops them; "
        f"{len(vectorscan['refused'])} patterns it does not take. (In brackets: nanogate's speed over theirs.)\n"
    )
    for label, key, bar, way in BARS:
        print(f"{label:44}{nanogate[key]:>12}  {way} {bar}  {'ok' if held(nanogate[key], bar, way) else 'MISSED'}")
    print(f"{'worst input':44}  {nanogate['worst_name']}")


def row(label, values, ours=None):
    cells = []
    for name in CORPORA:
        value = values[name]
        text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        if ours:
            ratio = ours[name] / value
            text += f" (×{ratio:.2f})" if ratio < 10 else f" (×{ratio:.0f})"
        cells.append(f"{text:>22}")
    print(f"{label:44}{''.join(cells)}")


def held(value, bar, way):
    return value >= bar if way == "at least" else value <= bar


def failures(figures):
    nanogate = figures["nanogate"]
    out = [
        f"{label}: {nanogate[key]} is not {way} {bar}"
        for label, key, bar, way in BARS
        if not held(nanogate[key], bar, way)
    ]
    for name in CORPORA:
        theirs = figures["vectorscan"]["mbs"]["all"][name]
        if nanogate[f"{name}_mbs"] < VECTORSCAN_SHARE * theirs:
            out.append(f"{TITLES[name]}: less than half of Vectorscan's {theirs:.0f} MB/s")
    return out
