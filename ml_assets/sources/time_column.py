"""The time column of a database table, and conditions that let the database select by it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ml_assets.sources.clock import EPOCH, EPOCHS, Clock
from ml_assets.sources.moments import (
    as_stored,
    distinct_texts,
    earlier,
    is_plausible,
    later,
    within,
)

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class TimeColumn:
    """A time column and what the database can compare of it.

    Attributes:
        column: the column with its type in the database; for a query of SQLite the type is unknown.
        clock: how its values are read.
        is_sqlite: whether the database has no type for times.
    """

    column: "sa.ColumnClause[Any]"
    clock: Clock
    is_sqlite: bool

    @property
    def _is_number(self) -> bool:
        return isinstance(self.column.type, (sa.Numeric, sa.Integer))

    @property
    def has_texts(self) -> bool:
        """Whether the values are SQLite's texts of times in UTC."""
        return self.is_sqlite and self.clock.is_plain and not self._is_number

    @property
    def is_exact(self) -> bool:
        """Whether the database compares the values as moments."""
        has_zone = getattr(self.column.type, "timezone", False)
        is_time = isinstance(self.column.type, sa.DateTime) and not self.is_sqlite
        return is_time and self.clock.format is None and (has_zone or self.clock.is_plain)

    def near(self, start: datetime, end: datetime) -> Condition | None:
        """Condition that all rows of a span meet, and few others; None if there is none."""
        if self.is_sqlite and self.clock.format is None and not self._is_number:
            return within(self.column, start, end)
        if self.is_exact:
            return self.span(start, end)
        if self.clock.is_epoch and self._is_number:
            return sa.and_(
                self.column >= self._number(start) - 1, self.column <= self._number(end) + 1
            )
        if isinstance(self.column.type, (sa.DateTime, sa.Date)) and not self.is_sqlite:
            return self.span(earlier(start), later(end))
        return None

    def span(self, start: datetime, end: datetime) -> Condition:
        """Condition for timestamps or dates in ``[start, end)``, if ``column`` has such a type."""
        return sa.and_(
            self.column >= as_stored(start, self.column), self.column < as_stored(end, self.column)
        )

    def unclear(
        self, source: sa.FromClause, first: datetime | None, until: datetime | None
    ) -> Condition | None:
        """Condition that all rows meet that belong to no partition; None if there is none."""
        if self.has_texts:
            at = distinct_texts(source, self.column).c["at"]
            unclear = sa.select(at).where(sa.not_(is_plausible(at, first, until)))
            return sa.or_(self.column.is_(None), self.column.in_(unclear))
        outside: list[Condition] = [self.column.is_(None)]
        if self.is_exact:
            outside += [self.column < as_stored(first, self.column)] if first else []
            outside += [self.column >= as_stored(until, self.column)] if until else []
            return sa.or_(*outside)
        if self.clock.is_epoch and self._is_number:
            outside += [self.column <= self._number(first) + 1] if first else []
            outside += [self.column >= self._number(until) - 1] if until else []
            if self.is_sqlite:
                outside.append(sa.func.typeof(self.column).not_in(["integer", "real"]))
            return sa.or_(*outside)
        if isinstance(self.column.type, sa.Date) and not self.is_sqlite:
            outside += [self.column < as_stored(later(first), self.column)] if first else []
            outside += [self.column >= as_stored(earlier(until), self.column)] if until else []
            return sa.or_(*outside)
        return None

    def _number(self, moment: datetime) -> int:
        microseconds = (moment - EPOCH) // timedelta(microseconds=1)
        return microseconds // EPOCHS[str(self.clock.format)]
