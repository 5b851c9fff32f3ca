"""Timestamps in queries, in particular those that SQLite stores as text.

``contracts.moments`` parses such texts.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
"""Python's earliest date plus two days, so that each timestamp has a day in any time zone."""

LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Later timestamps, including infinity, are not plausible."""

WIDEST_OFFSET = timedelta(hours=24)
"""Local times differ by less than this from UTC, so a text's date limits its UTC time."""

WIDE = timedelta(days=2)
"""More than local times and dates differ from UTC."""

DATE_LENGTH = len("YYYY-MM-DD")

_DIGIT = "[0-9]"
_DATE = f"{_DIGIT * 4}-{_DIGIT * 2}-{_DIGIT * 2}"
_MINUTE = f"{_DATE}[ T]{_DIGIT * 2}:{_DIGIT * 2}*"
_LONGEST = len("YYYY-MM-DD HH:MM:SS.ffffff+HH:MM")


def within(
    column: sa.ColumnElement[Any], start: datetime | None, end: datetime | None
) -> sa.ColumnElement[bool]:
    """Condition that all texts of timestamps in ``[start, end)`` meet, and few others.

    It compares texts, so that an index is used; callers parse them and select exactly.
    """
    conditions = []
    if start is not None:
        conditions.append(column >= _literal(start - WIDEST_OFFSET))
    if end is not None:
        conditions.append(column < _literal(end + WIDEST_OFFSET + timedelta(days=1)))
    return sa.and_(*conditions)


def distinct_texts(
    source: sa.FromClause, column: "sa.ColumnClause[datetime]", *where: "sa.ColumnElement[bool]"
) -> sa.Subquery:
    """Each text of a time column once, with its number of rows, read from the column's index.

    The limit prevents SQLite from evaluating conditions row by row before texts are grouped.
    """
    at = sa.type_coerce(column, sa.String).label("at")
    counted = sa.select(at, sa.func.count().label("rows")).select_from(source).where(*where)
    return counted.group_by(column).limit(-1).subquery()


def is_sure(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Condition for SQLite that only texts of timestamps meet, but not all of them.

    A date without a time does not meet it, as it is a local day.
    """
    date = sa.func.substr(column, 1, DATE_LENGTH)
    return sa.and_(
        sa.func.typeof(column) == "text",
        sa.func.length(column) <= _LONGEST,
        column.op("GLOB")(_MINUTE),
        column.op("NOT GLOB")("*[a-z]*"),
        column.op("NOT GLOB")("*  *"),
        column.op("GLOB")("*[0-9Z]"),
        column.op("NOT GLOB")("*.[^0-9]*"),
        sa.func.substr(column, 12, 2) < "24",
        sa.func.julianday(column).is_not(None),
        sa.func.date(sa.func.julianday(date)).is_not_distinct_from(date),
        date.between("0001-01-02", "9999-12-30"),
    )


def is_plausible(
    column: sa.ColumnElement[str], first: datetime | None, until: datetime | None
) -> sa.ColumnElement[bool]:
    """Condition for SQLite that only timestamps in ``[first, until)`` meet, but not all of them."""
    found = moment_of(column)
    conditions = [is_sure(column)]
    if first is not None:  # SQLite rounds to seconds
        conditions.append(found >= _literal(first + timedelta(seconds=1), "seconds"))
    if until is not None:
        conditions.append(found < _literal(until, "seconds"))
    return sa.and_(*conditions)


def hour_of(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The UTC hour of a text for SQLite; null if it is not a timestamp."""
    return sa.func.strftime("%Y-%m-%d %H:00:00", column)


def moment_of(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The UTC time of a text for SQLite, to the second; null if it is not a timestamp."""
    return sa.func.strftime("%Y-%m-%d %H:%M:%S", column)


def _literal(moment: datetime, precision: str = "") -> sa.BindParameter[str]:
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    text = utc.isoformat(" ", precision) if precision else utc.date().isoformat()
    return sa.literal(text, sa.String)


def earlier(moment: datetime) -> datetime:
    """A moment before the beginning of its day in any time zone."""
    return max(moment, EARLIEST + WIDE) - WIDE


def later(moment: datetime) -> datetime:
    """A moment after the end of its day in any time zone."""
    return moment + WIDE


def as_stored(moment: datetime, column: "sa.ColumnClause[Any]") -> "sa.ColumnElement[Any]":
    """A timestamp as a literal for a column of a database other than SQLite."""
    utc = moment.astimezone(UTC)
    if isinstance(column.type, sa.Date):
        return sa.literal(utc.date(), column.type)
    return sa.literal(
        utc if getattr(column.type, "timezone", False) else utc.replace(tzinfo=None), column.type
    )


def hour_in_utc(column: "sa.ColumnClause[datetime]") -> "sa.ColumnElement[Any]":
    """The UTC hour of a timestamp on Postgres, independent of the session's time zone."""
    has_zone = getattr(column.type, "timezone", False)
    return sa.func.date_trunc("hour", sa.func.timezone("UTC", column) if has_zone else column)


def in_utc(value: datetime) -> datetime:
    """A timestamp from a database in UTC; one without a zone is UTC."""
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
