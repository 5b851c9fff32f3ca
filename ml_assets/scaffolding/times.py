"""The time of a table's rows: which column, its format, and the cadence that partitions get."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from ml_assets.cadence import Cadence, Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding.profile import Column
from ml_assets.sources.clock import EPOCHS, Clock

SAMPLE = 2_000
"""Values that decide on a format; then all are read with it."""

DATES = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%b %d %Y", "%d %b %Y", "%Y%m%d")
CLOCKS = ("", " %H:%M", " %H:%M:%S")
FORMATS = (None, *(date + clock for date in DATES for clock in CLOCKS))

SINCE, UNTIL = pd.Timestamp("1990-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")
"""Numbers between these moments since 1970 may be times."""

LONGEST = {
    Cadence.HOURLY: pd.Timedelta(hours=6),
    Cadence.DAILY: pd.Timedelta(days=4),
    Cadence.WEEKLY: pd.Timedelta(days=16),
}
"""Cadence → usual time between two rows, up to which it suits; longer ones are monthly."""

REGULAR = 0.5
"""Share of gaps of equal length above which rows come at fixed times."""


@dataclass(frozen=True)
class Times:
    """The times of a table's rows.

    Attributes:
        column: their column.
        format: their format in a ``defs.yaml``; None for timestamps and ISO 8601.
        moments: (n,) the times in UTC.
        cadence: cadence of partitions.
    """

    column: str
    format: str | None
    moments: pd.Series
    cadence: Cadence

    @property
    def calendar(self) -> Calendar:
        """The partitions."""
        return Calendar(self.cadence, "UTC")


def times(
    rows: pd.DataFrame, columns: Sequence[Column], asked: str | None
) -> tuple[str, str | None]:
    """The time column and its format.

    Args:
        rows: (n, …) raw values.
        columns: the table's columns.
        asked: name of the time column, if the user says it.

    Raises:
        ConfigurationError: there is none, there are several, or its values have no common format.
    """
    if asked is not None:
        return asked, _format(rows[asked], asked)
    found = {}
    for column in columns:
        if column.kind in {"time", "text"}:
            fitting = _fitting(rows[column.name])
            if fitting:
                found[column.name] = fitting
    if not found:
        raise ConfigurationError(
            "No column is a time. Name one with --time, or add the time of each row to the table."
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"{', '.join(found)} may be the time of a row. Name the one that is known first with --time."
        )
    [name] = found
    return name, _format(rows[name], name)


def cadence_of(moments: pd.Series) -> Cadence:
    """The cadence that suits the times of rows: each partition has about one time of a series.

    Rows at irregular times, such as orders, get days.
    """
    distinct = moments.drop_duplicates().sort_values()
    gaps = distinct.diff().dropna()
    if gaps.empty:
        return Cadence.DAILY
    usual = pd.Timedelta(gaps.median())
    is_regular = gaps.value_counts(normalize=True).iloc[0] >= REGULAR
    if not is_regular and usual <= LONGEST[Cadence.DAILY]:
        return Cadence.DAILY
    return next((one for one, longest in LONGEST.items() if usual <= longest), Cadence.MONTHLY)


def _format(values: pd.Series, name: str) -> str | None:
    fitting = _fitting(values)
    if not fitting:
        known = values.dropna()
        first = known.iloc[0] if len(known) else "nothing"
        raise ConfigurationError(
            f"Column '{name}' is no time in one format: it begins with '{first}'. Write all times as "
            "2024-07-08 12:00, or name another column with --time."
        )
    if len(fitting) > 1:
        raise ConfigurationError(
            f"The times in '{name}' may be read as {' or '.join(map(str, fitting))}. Write them as "
            "2024-07-08 12:00."
        )
    return fitting[0]


def _fitting(values: pd.Series) -> list[str | None]:
    """The formats that all values of a column have."""
    known = values.dropna()
    if known.empty:
        return []
    sample = known.drop_duplicates().head(SAMPLE)
    if sample.map(lambda value: isinstance(value, date)).all():
        return [None]
    numbers = pd.to_numeric(sample.astype("str"), errors="coerce")
    if numbers.notna().all():
        found = [one for one in (*EPOCHS, "%Y%m%d") if _reads(sample, one)]
        return [*[one for one in found if _is_recent(sample, one)][:1]]
    return [one for one in FORMATS if _reads(sample, one) and _reads(known, one)]


def _reads(values: pd.Series, format_: str | None) -> bool:
    if format_ == "%Y%m%d":
        values = values.astype("str")
    return bool(Clock("", format_).moments(values).notna().all())


def _is_recent(values: pd.Series, format_: str) -> bool:
    texts = values.astype("str") if format_ == "%Y%m%d" else values
    return bool(Clock("", format_).moments(texts).between(SINCE, UNTIL).all())
