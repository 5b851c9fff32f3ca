"""What happens on which day of a soak: drawn from a seed, so that it is written down before the run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_DAY = "2013-01-24"
"""The first day that the loop processes by itself; the days before it trained the champion."""

DAYS = 30
EVERY = 3
SEED = 10


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        id: the case of practice that it is an example of; the first letter is its class.
        text: what it does to day D.
        heals: when it is over and leaves no trace in sources, features and outcomes; empty when it
            lasts.
    """

    id: str
    text: str
    heals: str = ""

    @property
    def group(self) -> str:
        """Class of the case; of ``kill`` and ``outage`` their name."""
        return self.id[0] if self.id[0].isupper() else self.id


@dataclass(frozen=True)
class Planned:
    """A fault and its day."""

    day: str
    kind: Kind


KINDS = (
    Kind("A1", "no weather of D"),
    Kind("A2", "a new plane that nobody flies"),
    Kind("A3", "40 minutes more arrival delay for 50 flights of D−2"),
    Kind("A7", "132 flights of D delivered twice", "when it is read"),
    Kind("B1", "a new column in flights", "when it is read"),
    Kind("B3", "rows older than D−14 purged from the source", "when it is read"),
    Kind("C1", "100 flights of D arrive after it was processed", "with D+1"),
    Kind("C2", "100 landings of D are filled in after it was processed", "with D+1"),
    Kind("C3", "a row dated eight months ahead in flights and weather"),
    Kind("D1", "a tail number that cannot be decoded"),
    Kind("D2", "times of D with a T", "when it is read"),
    Kind("D3", "the zone of airport IAH is \\N"),
    Kind("D4", "three carriers of D end in a line break, three tail numbers are padded"),
    Kind("D5", "five departure delays of D with a fraction"),
    Kind("E1", "the stored features of D−1 deleted in Delta", "when they are read"),
    Kind("E2", "the stored features of D−1 changed in Delta", "when they are read"),
    Kind("E3", "the files of the stored flights of D−1 deleted", "when they are read"),
    Kind("F1", "70 % of the flights of D missing"),
    Kind("F2", "no arrival delay of D"),
    Kind("F3", "half of the flights of D without a time"),
    Kind("G1", "no late arrival of carrier US on D"),
    Kind("G3", "three flights on D"),
    Kind("outage", "the source cannot be opened while D begins", "before D is extracted"),
    Kind("kill", "SIGKILL of the run worker while D is processed", "when it is tried again"),
)


def drawn(seed: int, first: str = FIRST_DAY, days: int = DAYS, every: int = EVERY) -> list[Planned]:
    """The faults of a soak.

    Every class comes once, in random order, before any comes again.

    Args:
        seed: of the draw.
        first: first day of the soak.
        days: how many days it has.
        every: one fault in so many days, on the last but one of them.

    Returns:
        Faults in the order of their days.
    """
    draw = random.Random(seed)
    planned: list[Planned] = []
    groups: list[str] = []
    for offset in range(max(0, every - 2), days, every):
        if not groups:
            groups = sorted({kind.group for kind in KINDS})
            draw.shuffle(groups)
        group = groups.pop()
        of_group = [kind for kind in KINDS if kind.group == group]
        done = {one.kind.id for one in planned}
        kind = draw.choice([kind for kind in of_group if kind.id not in done] or of_group)
        planned.append(Planned(day_after(first, offset), kind))
    return planned


def named(ids: Sequence[str], first: str = FIRST_DAY) -> list[Planned]:
    """One fault a day, chosen by their ids."""
    kinds = {kind.id: kind for kind in KINDS}
    return [Planned(day_after(first, n), kinds[name]) for n, name in enumerate(ids)]


def day_after(day: str, count: int = 1) -> str:
    """The day so many days later."""
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def written(planned: Sequence[Planned]) -> str:
    """A schedule as a Markdown table."""
    rows = [
        f"| {one.day} | {one.kind.id} | {one.kind.text} | {one.kind.heals or 'never'} |"
        for one in planned
    ]
    return "\n".join(["| day D | case | fault | heals |", "| --- | --- | --- | --- |", *rows])
