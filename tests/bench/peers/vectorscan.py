"""Vectorscan (the `hyperscan` wheel): matching alone, on the same literals and patterns, over the same bytes.

`vectorscan.py PACKS CORPUS…` prints one JSON object: megabytes a second for each corpus, once for the literals, once for
the literals and patterns together, and which patterns it does not take. Matches are found and dropped; no checks, no
context, no decoding, no places of begin: what remains of a scanner when only its matcher runs.
"""

import json
import sys
import time
import tomllib
from pathlib import Path

import hyperscan

ROUNDS = 7


def sources(packs):
    """The rules of all files of kb1 to kb7."""
    for path in sorted(Path(packs).glob("kb[1-7]-*/*.toml")):
        yield from tomllib.loads(path.read_text()).get("rule", [])


def literals(rules):
    """All anchors once; those that mind their case are sought exactly."""
    table = {}
    for rule in rules:
        for anchor in rule.get("anchors", []):
            caseless = rule.get("ignore_case", False)
            flags = hyperscan.HS_FLAG_CASELESS if caseless else 0
            table[(anchor.lower() if caseless else anchor, flags)] = escaped(anchor)
    return [(text.encode(), flags) for (_, flags), text in table.items()]


def escaped(text):
    """A literal as a pattern, byte by byte where it is not a letter or a digit."""
    return "".join(
        char if char.isascii() and char.isalnum() else "".join(f"\\x{b:02x}" for b in char.encode()) for char in text
    )


def patterns(rules):
    """One expression for each rule: how it leads to its value, and the value.

    Rules that start neither at a literal nor at a digit are left out: as expressions alone, they would slow it tenfold.
    So are those that a model decides, which have no pattern.
    """
    out = []
    for rule in rules:
        if "pattern" not in rule or rule.get("starts", "digits") != "digits":
            continue
        text = rule["pattern"]
        if "lead" in rule:
            text = f"(?:{rule['lead']})(?:{text})"
        elif "within" in rule:
            anchors = "|".join(escaped(anchor) for anchor in rule["anchors"])
            caseless = "(?i:" if rule.get("ignore_case") else "(?:"
            text = f"{caseless}{anchors})[^\\n]{{0,{rule['within']}}}?(?:{text})"
        out.append((rule["id"], text.encode(), hyperscan.HS_FLAG_ALLOWEMPTY))
    return out


def compiled(expressions):
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[text for text, _ in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[flags for _, flags in expressions],
    )
    return database


def taken(rules):
    """The patterns that it compiles, and the rules whose pattern it does not."""
    good, refused = [], []
    for name, text, flags in patterns(rules):
        try:
            compiled([(text, flags)])
        except hyperscan.error:
            refused.append(name)
        else:
            good.append((text, flags))
    return good, refused


def speed(database, blocks):
    best = min(once(database, blocks) for _ in range(ROUNDS))
    return sum(map(len, blocks)) / best / 1e6


def once(database, blocks):
    begun = time.process_time()
    for block in blocks:
        database.scan(block)
    return time.process_time() - begun


def main():
    packs, *corpora = sys.argv[1:]
    rules = list(sources(packs))
    anchors = literals(rules)
    good, refused = taken(rules)
    databases = {"literals": compiled(anchors), "all": compiled(anchors + good)}
    out = {
        "version": databases["all"].info().decode().split()[1],
        "literals": len(anchors),
        "patterns": len(good),
        "refused": refused,
        "mbs": {name: {} for name in databases},
    }
    for corpus in corpora:
        blocks = [json.loads(line)["text"].encode() for line in Path(corpus).read_text().splitlines()]
        for name, database in databases.items():
            out["mbs"][name][Path(corpus).stem] = speed(database, blocks)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
