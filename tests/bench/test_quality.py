"""The scanner on the project's own quality data, which must not get worse; and that data itself."""

import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from quality import generate, held_out, judge, report  # noqa: E402
from quality.engine import NanoGate  # noqa: E402

DEBUG = ROOT / "target/debug"
# What the rules reach today, which is more than what is promised (`report.BARS`, which `./build.sh bench scan --quality
# own` holds them to). It moves up with the rules, and never back.
REACHED = {
    "secrets": (0.995, 0.001),
    "pii": (0.99, 0.001),
    "injection": (0.885, 0.003),
    "benign": (None, 0.001),
}
DISGUISES = [
    "zero-width",
    "full-width",
    "homoglyphs",
    "\\u escapes",
    "base64 of the text",
    "base64 of the value",
    "cut into pieces",
]


@pytest.fixture(scope="module")
def rows():
    return {name: generate.labelled(name) for name in generate.FILES}


@pytest.fixture(scope="module")
def scanner():
    daemon = os.environ.get("NANOGATE", DEBUG / "nanogate")
    return NanoGate([daemon, "scan", "--jsonl"], [DEBUG / "examples/rows"])


@pytest.fixture(scope="module")
def plain(rows, scanner):
    return judge.plain(rows, scanner)


@pytest.fixture(scope="module")
def disguised(rows, scanner, plain):
    return judge.evasions(rows, plain[0], scanner)


@pytest.mark.parametrize("name", list(generate.FILES))
def test_finds_no_less_and_raises_no_more_false_alarms_than_before(plain, name):
    total = plain[1][name]
    assert not report.failures(name, total, REACHED), f"missed {total.missed.most_common(12)}; alarms {total.alarmed[:12]}"


def test_attacks_that_nothing_was_trained_or_tuned_on(scanner, capsys):
    """Written by hand after the model, in plain words and 27 languages: what a stranger's attack meets. Recall, not the
    promise: the bar is report.BARS, and this file must never be read by whoever teaches the model."""
    rows = held_out.labelled()
    total = judge.plain({"injection": rows}, scanner)[1]["injection"]
    with capsys.disabled():
        print(f"\nheld-out attacks: {total.recall():.3f} found, alarms on {total.false_alarms():.2%} of {total.negatives}")
    assert not report.failures("injection", total, {"injection": held_out.REACHED}), total.alarmed


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_hides_nothing(disguised, disguise):
    files = disguised[0][disguise]
    assert report.together(files) >= report.EVASION_BAR, files


def test_finds_the_same_however_a_text_is_cut(disguised):
    assert disguised[1] == 0


def test_the_data_is_the_same_every_time(rows):
    assert all(generate.labelled(name) == rows[name] for name in ("secrets", "pii", "injection"))


def test_the_data_is_as_varied_as_it_claims(rows):
    carriers = defaultdict(set)
    for row in rows["secrets"] + rows["pii"]:
        for span in row["spans"]:
            carriers[span["type"]].add(row["text"].replace(span["value"], "§"))
    assert len(carriers) >= 350
    assert min(map(len, carriers.values())) >= 5, sorted((len(c), kind) for kind, c in carriers.items())[:5]
    assert len(rows["benign"]) >= 2000
    kinds = Counter(row["label"] for name in ("secrets", "pii", "injection") for row in rows[name])
    assert kinds["negative"] >= 2500


def test_every_span_is_where_its_value_stands(rows):
    for name, table in rows.items():
        for row in table:
            data = row["text"].encode()
            for span in row["spans"]:
                assert data[span["start"] : span["end"]].decode() == span["value"], f"{name} {row['id']}"
