"""What must be reached, and the tables beside it."""

from dataclasses import dataclass


@dataclass
class Bar:
    title: str
    # None where it could not be measured, which holds nothing.
    value: float | None
    most: float | None = None
    least: float | None = None

    @property
    def held(self):
        if self.value is None:
            return False
        return self.value <= self.most if self.most is not None else self.value >= self.least

    def __str__(self):
        shown = "not measured" if self.value is None else f"{self.value:.2f}"
        wanted = f"at most {self.most:.2f}" if self.most is not None else f"at least {self.least:.2f}"
        return f"{self.title:56}{shown:>13}   ({wanted}){'' if self.held else '   MISSED'}"


def ratio(figures, key, peer, ours="nanogate"):
    """Ours to a peer's; None where one of them has no such figure."""
    mine, theirs = figures.get(ours, {}).get(key), figures.get(peer, {}).get(key)
    return mine / theirs if mine is not None and theirs else None


def best(rounds, most=()):
    """Of each figure the best round, because everything else that runs on a machine only ever adds."""
    return {key: (max if key in most else min)(one[key] for one in rounds) for key in rounds[0]}


def percentile(ordered, percent):
    """Nearest rank."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]


def table(title, figures, columns):
    """One row a proxy; `columns` are heading, key and digits."""
    print(f"\n{title}")
    print(" " * 18 + "".join(heading.rjust(14) for heading, _, _ in columns))
    for name, row in figures.items():
        cells = (f"{row[key]:.{digits}f}" if key in row else "-" for _, key, digits in columns)
        print(f"{name:18}" + "".join(cell.rjust(14) for cell in cells), flush=True)
