"""Summary of a run's tables, computed from the ledger entries that it wrote."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ml_assets.cadence import as_key
from ml_assets.ledger.entries import Entry, Status

COMPLETE, INCOMPLETE = "complete", "incomplete"
"""Verdicts on a table after a run: whether all days of the run are stored."""

SHOWN = 3
"""Maximum number of days in a message."""


@dataclass(frozen=True)
class TableSummary:
    """Result of a run for one table.

    Attributes:
        table: table name.
        stored: number of days that the run stored.
        unchanged: number of days that were up to date already.
        skipped: day → why it could not be computed.
        quarantined: day → why its rows are not usable.
        dead_letters: number of rejected rows of these days.
    """

    table: str
    stored: int
    unchanged: int
    skipped: Mapping[str, str]
    quarantined: Mapping[str, str]
    dead_letters: int

    @property
    def verdict(self) -> str:
        """Whether all days of the run are stored now."""
        return INCOMPLETE if self.skipped or self.quarantined else COMPLETE

    @property
    def reason(self) -> str:
        """Explanation of the verdict: the days that are not stored, with their reasons."""
        days = self.stored + self.unchanged + len(self.skipped) + len(self.quarantined)
        if self.verdict == COMPLETE:
            return f"{self.stored + self.unchanged} of {days} days are stored"
        missing = [
            *(f"{day} is quarantined: {why}" for day, why in sorted(self.quarantined.items())),
            *(f"{day} is skipped: {why}" for day, why in sorted(self.skipped.items())),
        ]
        more = f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        return f"{len(missing)} of {days} days are not stored. {'; '.join(missing[:SHOWN])}{more}"

    @property
    def counted(self) -> str:
        """How many days ended how, and the most frequent reason of those that are not stored."""
        counts = (
            f"{self.table}: stored {self.stored:,}, unchanged {self.unchanged:,}, skipped "
            f"{len(self.skipped):,}, quarantined {len(self.quarantined):,}"
        )
        reasons = list({**self.skipped, **self.quarantined}.values())
        if not reasons:
            return counts
        alike = Counter(map(_without_days, reasons))
        [(most, number)] = alike.most_common(1)
        example = next(reason for reason in reasons if _without_days(reason) == most)
        return f"{counts}. Most frequent reason ({number:,}): {example}"


def by_reason(reasons: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Days that have the same reasons, as a text, and these reasons as a text.

    Args:
        reasons: day → its reasons, which may name it; a day without any is left out.
    """
    alike: dict[frozenset[str], list[str]] = {}
    for day in sorted(reasons):
        if reasons[day]:
            alike.setdefault(frozenset(map(_without_days, reasons[day])), []).append(day)
    return [(spelled(days), _listed(reasons[days[0]])) for days in alike.values()]


def spelled(days: Sequence[str]) -> str:
    """A day, or the first and the last of several with their number."""
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days):,} partitions)"


def _listed(reasons: Sequence[str]) -> str:
    """The first of reasons that differ in days only, and how many more there are."""
    different = {_without_days(reason): reason for reason in reversed(reasons)}
    shown = [reason for reason in reasons if reason in different.values()]
    more = len(reasons) - len(shown)
    return f"{'; '.join(shown)}{f', and {more} more of its kind' if more else ''}"


def _without_days(reason: str) -> str:
    return " ".join("" if as_key(word.strip(".,;:()")) else word for word in reason.split())


def table_summary(table: str, entries: Iterable[Entry], unchanged: int) -> TableSummary:
    """Summarize the result of a run for a table.

    Args:
        table: table name.
        entries: the last entry that the run wrote for each of its days.
        unchanged: number of days that were up to date already.
    """
    of_table = [entry for entry in entries if entry.table == table]

    def reasons(status: Status) -> dict[str, str]:
        return {entry.day: entry.reason for entry in of_table if entry.status is status}

    return TableSummary(
        table=table,
        stored=sum(entry.status is Status.STORED for entry in of_table),
        unchanged=unchanged,
        skipped=reasons(Status.SKIPPED),
        quarantined=reasons(Status.QUARANTINED),
        dead_letters=sum(entry.dead_letters for entry in of_table),
    )


def combined(summaries: Sequence[TableSummary]) -> TableSummary:
    """The summary of a run from those of consecutive parts of its days; at least one."""
    return TableSummary(
        table=summaries[0].table,
        stored=sum(part.stored for part in summaries),
        unchanged=sum(part.unchanged for part in summaries),
        skipped={day: why for part in summaries for day, why in part.skipped.items()},
        quarantined={day: why for part in summaries for day, why in part.quarantined.items()},
        dead_letters=sum(part.dead_letters for part in summaries),
    )
