"""How scores are printed: counts, types and rules, never a value or a text."""

from .score import by_category

BARS = {"secrets": (0.96, 0.005), "pii": (0.94, 0.01), "injection": (0.75, 0.01), "benign": (None, 0.005)}
EVASION_BAR = 0.98
WHAT = {
    "secrets": "secrets",
    "pii": "personal and payment data",
    "injection": "prompt attacks",
    "benign": "benign prompts, code, logs, diffs",
}


def mark(held):
    return "ok " if held else "LOW"


def failures(name, total, bars=None):
    """The bars of a file that its score misses, in words."""
    recall, alarms = (bars or BARS)[name]
    out = []
    if recall is not None and total.spans and total.recall() < recall:
        out.append(f"{WHAT[name]}: recall {total.recall():.3f} is under {recall}")
    if total.negatives and total.false_alarms() > alarms:
        out.append(f"{WHAT[name]}: {total.false_alarms():.2%} of the negatives have a finding, over {alarms:.1%}")
    return out


def summary(scores):
    print(
        f"{'set (core rows)':36}{'spans':>7}{'covered':>9}{'overlap':>9}{'must':>6}{'negatives':>11}{'with a finding':>16}{'at most':>9}"
    )
    for name, total in scores.items():
        recall, alarms = BARS[name]
        held = not failures(name, total)
        cells = f"{total.spans:>7}{total.recall():>9.3f}{total.overlap():>9.3f}{recall:>6}" if recall else " " * 31
        alarmed = f"{len(total.alarmed)} ({total.false_alarms():.2%})"
        print(f"{WHAT[name]:36}{cells}{total.negatives:>11}{alarmed:>16}{alarms:>9.1%}  {mark(held)}")


def misses(name, total, show_rows):
    if total.missed:
        print(
            f"\n{WHAT[name]}, missed by type ({sum(total.missed.values())} of {total.spans}; + of which partly covered):"
        )
        cells = [
            f"{kind} {count}/{total.types[kind]}" + (f" +{total.partly[kind]}" if total.partly[kind] else "")
            for kind, count in sorted(total.missed.items(), key=lambda item: (-item[1], item[0]))
        ]
        wrapped(cells)
    if total.alarmed:
        rules = {}
        for _, _, names in total.alarmed:
            for rule in names:
                rules[rule] = rules.get(rule, 0) + 1
        print(f"\n{WHAT[name]}, negatives with a finding, by rule:")
        wrapped([f"{rule} {count}" for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0]))])
    if show_rows:
        for row, kind, category, partly in total.missed_rows:
            print(f"  missed {row} {kind} [{category}]{' partly' if partly else ''}")
        for row, category, rules in total.alarmed:
            print(f"  alarm {row} [{category}] {' '.join(rules)}")
        for category, counts in sorted(by_category(total).items()):
            print(f"  in {category}: {counts['missed']} missed, {counts['alarm']} alarms")


def wrapped(cells, width=116):
    line = " "
    for cell in cells:
        if len(line) + len(cell) + 2 > width:
            print(line)
            line = " "
        line += f" {cell},"
    print(line.rstrip(","))


def evasions(table, differing):
    """`table`: disguise to file to (kept, tried)."""
    names = [name for name in ("secrets", "pii", "injection")]
    print(
        f"\n{'disguises of what is found plainly':36}" + "".join(f"{name:>20}" for name in names) + f"{'together':>12}"
    )
    for disguise, files in table.items():
        cells = "".join(f"{share(files.get(name)):>20}" for name in names)
        total = together(files)
        print(f"{disguise:36}{cells}{total:>12.3f}  {mark(total >= EVASION_BAR)}")
    print(f"{'texts in pieces with other findings':36}{differing:>20}  {mark(differing == 0)}")


def share(pair):
    return f"{pair[0] / pair[1]:.3f} of {pair[1]}" if pair and pair[1] else "-"


def together(files):
    kept, tried = (sum(pair[index] for pair in files.values()) for index in (0, 1))
    return kept / tried if tried else 1.0


def evasion_failures(table, differing):
    out = [
        f"{disguise}: {together(files):.3f} of the plain recall is under {EVASION_BAR}"
        for disguise, files in table.items()
        if together(files) < EVASION_BAR
    ]
    if differing:
        out.append(f"{differing} texts have other findings when they come in pieces")
    return out
