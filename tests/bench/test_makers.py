"""What the quality data is made of, against published examples; and how it is counted."""

import base64
import json
import sys
import unicodedata
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from quality import digits, encode, engine, europe, evade, judge, overseas, rows, score  # noqa: E402
from quality.draw import Draw  # noqa: E402


@pytest.mark.parametrize(
    ("made", "published"),
    [
        (digits.luhn("7992739871"), "3"),
        (digits.verhoeff("236"), "3"),
        (digits.iban_check("DE", "370400440532013000"), "89"),
        (digits.mrz("L898902C3"), "6"),
        (digits.mod11_10("8609574271"), "9"),
        (digits.mod11_2("11010519491231002"), "X"),
        (digits.codice_fiscale("RSSMRA85T10A562"), "S"),
        (digits.vin("1M8GDM9A0KP042788"), "X"),
        (digits.base36_luhn("27AAPFU0939F1Z"), "V"),
        (digits.curp("BOXW310820HNERXN0"), "9"),
        (digits.rfc("GODE561231GR"), "8"),
        (encode.crc24(b""), "twTO"),
        (encode.keccak256(b"").hex()[:16], "c5d2460186f7233c"),
        (encode.eip55("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        (
            encode.bech32("bc", [0, *encode.five_bits(bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6"))]),
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ),
        (encode.base58check(bytes(21)), "1111111111111111111114oLvT2"),
    ],
)
def test_check_digits_are_as_published(made, published):
    assert made == published


def test_two_digit_checks_hold_for_every_drawn_number():
    draw = Draw(1)
    for _ in range(200):
        cpf = "".join(filter(str.isdigit, overseas.br_cpf(draw)))
        assert sum(int(c) * (10 - i) for i, c in enumerate(cpf[:9])) * 10 % 11 % 10 == int(cpf[9])
        nhs = "".join(filter(str.isdigit, europe.uk_nhs(draw)))
        assert sum(int(c) * (10 - i) for i, c in enumerate(nhs)) % 11 == 0
        nir = europe.fr_nir(draw).replace(" ", "")
        assert (int(nir[:13]) + int(nir[13:])) % 97 == 0


def finding(start, end, kb="kb1-secrets"):
    return {"rule": "r", "kb": kb, "start": start, "end": end}


@pytest.mark.parametrize(
    ("findings", "covered", "best"),
    [
        ([], 0, 0),
        ([finding(0, 10)], 4, 4),
        ([finding(3, 5), finding(5, 7)], 4, 2),
        ([finding(2, 5), finding(4, 6)], 3, 2),
        ([finding(8, 9)], 0, 0),
    ],
)
def test_bytes_of_a_span_count_once(findings, covered, best):
    # Findings beside the span add nothing, those across each other are not counted twice.
    assert score.cover({"start": 3, "end": 7}, findings) == (covered, best)


def labelled(text, value=None, tier="core"):
    spans = [rows.span(text, value, "t")] if value else []
    return {"id": text, **rows.row(text, spans, tier=tier)}


def test_counts_what_the_issue_counts():
    table = [
        labelled("key abcd", "abcd"),
        labelled("key efgh", "efgh"),
        labelled("clean"),
        labelled("noise"),
        labelled("odd", tier="stretch"),
    ]
    results = [[finding(4, 8)], [finding(4, 7)], [finding(0, 2, "kb2-personal")], [finding(0, 5)], [finding(0, 3)]]
    total = score.score("secrets", table, results)
    assert (total.spans, total.covered, total.found) == (2, 1, 2)
    assert (total.negatives, len(total.alarmed)) == (2, 1)
    assert score.score("benign", table[2:4], results[2:4]).false_alarms() == 1.0


def test_a_refused_text_is_an_alarm_and_no_success():
    refused = [engine.judged({"id": "1", "findings": [], "refused": "too much work"})] * 2
    total = score.score("injection", [labelled("obey me", "obey me"), labelled("clean")], refused)
    assert (total.covered, total.hit, len(total.alarmed)) == (0, 0, 1)


def test_disguises_hold_the_same_value():
    row = labelled('say "Zürich9" to key AKIA2345 now', "AKIA2345")
    versions = evade.disguised(row, 1)
    shown = {name: evade.parts(version)[1] for name, version in versions.items()}
    assert unicodedata.normalize("NFKC", shown["full-width"]) == "AKIA2345"
    assert "".join(char for char in shown["zero-width"] if char.isascii()) == "AKIA2345"
    assert len(shown["zero-width"]) > 8
    assert shown["homoglyphs"] != "AKIA2345" and len(shown["homoglyphs"]) == 8
    assert json.loads(versions["\\u escapes"]["text"])["content"] == row["text"]
    assert base64.b64decode(shown["base64 of the text"]).decode() == row["text"]
    assert base64.b64decode(evade.parts(evade.value_base64(row))[1]) == b"AKIA2345"


class Deaf:
    """A scanner that knows one word, and only as it is written."""

    def scan(self, texts):
        return [[finding(at, at + 8)] if (at := text.encode().find(b"AKIA2345")) >= 0 else [] for text in texts]

    def scan_cut(self, texts, cuts):
        return [[] if cut else found for found, cut in zip(self.scan(texts), cuts, strict=True)]


def test_a_scanner_that_disguises_fool_is_told_so():
    table = {"secrets": [labelled("the key AKIA2345 now", "AKIA2345")]}
    results, scores = judge.plain(table, Deaf())
    disguises, differing = judge.evasions(table, results, Deaf())
    assert scores["secrets"].recall() == 1.0
    assert {name: files["secrets"] for name, files in disguises.items()} == dict.fromkeys(
        [
            "zero-width",
            "full-width",
            "homoglyphs",
            "base64 of the text",
            "base64 of the value",
            "\\u escapes",
            "cut into pieces",
        ],
        (0, 1),
    )
    assert differing == 1
    assert len(judge.failures(scores, disguises, differing)) == 8
