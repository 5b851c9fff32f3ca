"""Interface of all kinds of sources: raw rows of a span of time, row counts, rows without a time."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation
from ml_assets.names import suggestion
from ml_assets.sources.clock import Clock
from ml_assets.sources.completeness import Hour
from ml_assets.sources.moments import EARLIEST, LATEST

LINE = "line"
"""Column of a row that could not be split into columns: its text."""


@dataclass(frozen=True)
class Placed:
    """Raw rows and the moment that determines the partition of each.

    Attributes:
        rows: (n, columns) raw objects, without type inference.
        at: (n,) their moments in UTC, null where a row belongs to no partition.
        problems: (n,) why not; empty elsewhere.
        lacking: column → (n,) mask of rows whose file does not have it, where another file does.
    """

    rows: pd.DataFrame
    at: pd.Series
    problems: pd.Series
    lacking: Mapping[str, pd.Series] = field(default_factory=dict)

    def where(self, mask: pd.Series) -> "Placed":
        """The rows for which a mask is true."""
        return Placed(
            self.rows[mask].reset_index(drop=True),
            self.at[mask].reset_index(drop=True),
            self.problems[mask].reset_index(drop=True),
            {name: other[mask].reset_index(drop=True) for name, other in self.lacking.items()},
        )

    def within(self, start: datetime, end: datetime) -> "Placed":
        """The rows whose moment is in ``[start, end)``."""
        return self.where((self.at >= start) & (self.at < end))


class Source(Protocol):
    """One table of a source system, read-only.

    All methods raise ``SourceMissing``, ``SourceCorrupt`` or ``SourceUnavailable``, see
    ``ml_assets.errors``, and ``ContractViolation`` if the time column is missing. Moments are
    timezone-aware; spans are half-open, ``[start, end)``.
    """

    @property
    def name(self) -> str:
        """The table and its connection for messages, without credentials."""

    def rows(self, start: datetime, end: datetime) -> Placed:
        """Raw rows of a span."""

    def unplaced(self, first: datetime | None, until: datetime | None) -> Placed:
        """Raw rows that belong to no partition.

        Args:
            first: rows before this moment are not plausible; None when all early ones are.
            until: rows from this moment on are not plausible; None when all late ones are.

        Returns:
            Rows whose time is null, unreadable, or outside ``[first, until)``, with the problem of
            each.
        """

    def hours(self, since: datetime, until: datetime = LATEST) -> list[Hour]:
        """Row counts of each hour of a span; hours without rows are left out."""

    def oldest(self, since: datetime = EARLIEST) -> datetime | None:
        """The oldest moment from another on; None when there is none."""

    def snapshot(self) -> pd.DataFrame:
        """All raw rows of a table without days."""

    def no_rows(self) -> pd.DataFrame:
        """An empty frame with the table's columns."""


def placed(rows: pd.DataFrame, clock: Clock) -> Placed:
    """Raw rows with the moments of their time column.

    Args:
        rows: (n, columns) raw objects with the time column.
        clock: how it is read.
    """
    values = rows[clock.column]
    at = clock.moments(values)
    problems = pd.Series("", index=rows.index, dtype=object)
    if (unknown := at.isna()).any():
        problems[unknown] = f"{clock.column}: {clock.expected}"
        problems[values.isna()] = f"{clock.column}: must not be null"
    return Placed(rows.assign(**{clock.column: clock.normalized(values, at)}), at, problems)


def without_time_column(column: str, where: str, known: Collection[str]) -> ContractViolation:
    """The error for a source that lacks its time column.

    Args:
        column: the time column.
        where: the file, table or query.
        known: its columns.
    """
    return ContractViolation(
        f"schema is wrong: time column '{column}' is missing from {where}, which has "
        f"{', '.join(known)}.{suggestion(column, known)} Correct the source, or 'time_column' in defs.yaml"
    )


def implausible(
    batch: Placed, column: str, first: datetime | None, until: datetime | None
) -> Placed:
    """Rows that belong to no partition, or whose moment is outside ``[first, until)``."""
    problems = batch.problems.copy()
    if first is not None:
        problems[batch.at < first] = f"{column}: is far before all other rows"
    if until is not None:
        problems[batch.at >= until] = f"{column}: is far after all other rows"
    return Placed(batch.rows, batch.at, problems).where(problems != "")


def joined(parts: Sequence[Placed]) -> Placed:
    """Rows of several files or batches, at least one."""
    if len(parts) == 1:
        return parts[0]
    names = list(dict.fromkeys(name for part in parts for name in part.rows.columns))
    rows = {name: [value for part in parts for value in _values(part.rows, name)] for name in names}
    return Placed(
        pd.DataFrame({name: pd.Series(found, dtype=object) for name, found in rows.items()}),
        pd.concat([part.at for part in parts], ignore_index=True),
        pd.concat([part.problems for part in parts], ignore_index=True),
    )


def _values(rows: pd.DataFrame, name: str) -> Iterable[object]:
    return rows[name] if name in rows.columns else [None] * len(rows)


def hours_of(batches: Iterable[pd.Series], since: datetime, until: datetime) -> list[Hour]:
    """Row counts by hour.

    Args:
        batches: (n,) moments of the rows in UTC each, with nulls.
        since: first moment.
        until: first moment after.
    """
    rows: dict[datetime, int] = {}
    newest: dict[datetime, datetime] = {}
    for at in batches:
        found = at[(at >= since) & (at < until)]
        for hour, moments in found.groupby(found.dt.floor("h")):
            start, last = hour.to_pydatetime(), moments.max().to_pydatetime()
            rows[start] = rows.get(start, 0) + len(moments)
            newest[start] = max(newest.get(start, last), last)
    return [Hour(start, rows[start], newest[start]) for start in sorted(rows)]


def oldest_of(batches: Iterator[pd.Series], since: datetime) -> datetime | None:
    """The oldest moment from another on; None when there is none."""
    known = (at[(at >= since) & (at < LATEST)].min() for at in batches)
    found = min((moment for moment in known if not pd.isna(moment)), default=None)
    return None if found is None else found.to_pydatetime()


def unknown_moments(count: int) -> tuple[pd.Series, pd.Series]:
    """(n,) null moments and (n,) empty problems."""
    nothing = np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
    at = pd.Series(nothing).dt.tz_localize("UTC")
    return at, pd.Series([""] * count, dtype=object)


def without_rows(columns: Sequence[str]) -> pd.DataFrame:
    """An empty frame with some columns."""
    return pd.DataFrame({name: [] for name in columns}, dtype=object)
