"""Which earlier partitions features look at, and the windows that a table's history leaves."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from ml_assets.cadence import Cadence, Calendar, day_of, shifted, weekday
from ml_assets.contracts.contract import Weekday
from ml_assets.errors import ConfigurationError

UNITS = {Cadence.HOURLY: "h", Cadence.DAILY: "d", Cadence.WEEKLY: "w", Cadence.MONTHLY: "mo"}

LAGS = {
    Cadence.HOURLY: ((1, 2, 24), (24, 48)),
    Cadence.DAILY: ((1, 2, 7), (7, 28)),
    Cadence.WEEKLY: ((1, 2, 4), (4, 13)),
    Cadence.MONTHLY: ((1, 2, 3), (3, 12)),
}
"""Cadence → partitions before one whose values are features, and numbers of them of which means are."""

USUAL = {
    Cadence.HOURLY: (28 * 24, 7 * 24, 7 * 24),
    Cadence.DAILY: (28, 7, 7),
    Cadence.WEEKLY: (13, 4, 8),
    Cadence.MONTHLY: (12, 3, 6),
}
"""Cadence → partitions of the test, validation and drift windows that a ``defs.yaml`` need not name."""

WINDOW = {
    Cadence.HOURLY: 365 * 24,
    Cadence.DAILY: 365,
    Cadence.WEEKLY: 156,
    Cadence.MONTHLY: 60,
}
"""Cadence → partitions of the usual window before an as-of day."""

LEAST_TEST, LEAST_VALIDATION, LEAST_TRAINING = 10, 2, 20
"""Partitions with rows below which no first model is judged."""

WEEK, DAY_HOURS = 7, 24

LEAST_WEEKS, MOST_DAYS = 4, 0.8
"""Weeks from which a day of the week without rows is one that never has any, and the least share of
the other days that have rows: of fewer, one may lack rows by chance."""


@dataclass(frozen=True)
class History:
    """The partitions of a table, and how they are used.

    Attributes:
        calendar: its partitions.
        first: key of the first one.
        last: key of the last one.
        empty_on: days of the week that never have rows.
    """

    calendar: Calendar
    first: str
    last: str
    empty_on: tuple[Weekday, ...] = ()

    @classmethod
    def of(cls, calendar: Calendar, keys: Collection[str]) -> "History":
        """The history of a table.

        Args:
            calendar: its partitions.
            keys: those that have rows.
        """
        return cls(calendar, min(keys), max(keys), _empty_on(calendar, keys))

    @property
    def count(self) -> int:
        """Number of partitions from the first to the last."""
        return self.calendar.between(self.first, self.last) + 1

    @property
    def lags(self) -> tuple[int, ...]:
        """Partitions before one whose values are features, without those that never have rows."""
        return self._with_rows(LAGS[self.calendar.cadence][0])

    @property
    def means(self) -> tuple[int, ...]:
        """Numbers of partitions before one, whose means are features, counted as the lags."""
        return self._with_rows(LAGS[self.calendar.cadence][1])

    @property
    def look_back(self) -> int:
        """Partitions before one that its features read."""
        return self.spanned_by(max(self.means))

    @property
    def needed(self) -> int:
        """Number of partitions that a first model needs."""
        least = LEAST_TRAINING + LEAST_TEST + LEAST_VALIDATION + LEAST_TEST
        return self.look_back + self.spanned_by(least)

    @property
    def windows(self) -> dict[str, str]:
        """Windows of a ``defs.yaml`` that are shorter than usual, as the history is short."""
        test, validation, drift = USUAL[self.calendar.cadence]
        least = self.spanned_by(LEAST_VALIDATION)
        shorter = {
            "validation_window": (validation, max(self._usable // 12, least)),
            "test_window": (test, self._longest_test),
            "drift_window": (drift, max(self._usable // 6, least)),
        }
        return {name: self.text(limit) for name, (usual, limit) in shorter.items() if limit < usual}

    def is_in_usual_training(self, keys: pd.Series) -> pd.Series:
        """(n,) whether partitions train a first model with windows that are as usual."""
        test, validation, _ = USUAL[self.calendar.cadence]
        first = self.calendar.shifted(self.as_of, -WINDOW[self.calendar.cadence])
        end = self.calendar.shifted(self.as_of, -test - validation)
        return (keys >= first) & (keys < end)

    def is_in_test(self, keys: pd.Series) -> pd.Series:
        """(n,) whether partitions test a first model."""
        length = min(USUAL[self.calendar.cadence][0], self._longest_test)
        return (keys >= self.calendar.shifted(self.as_of, -length)) & (keys < self.as_of)

    @property
    def first_with_features(self) -> str:
        """Key of the first partition whose features are complete."""
        return self.calendar.shifted(self.first, self.look_back)

    @property
    def as_of(self) -> str:
        """Key of the as-of partition of a first model: some later ones are left to predict."""
        usual, least = USUAL[self.calendar.cadence][0], self.spanned_by(LEAST_TEST)
        left = max(min(self.count // 10, usual), least)
        return self.calendar.shifted(self.last, -left)

    def spanned_by(self, count: int) -> int:
        """The number of partitions of which ``count`` may have rows, wherever they begin.

        Args:
            count: number of partitions with rows.
        """
        return count + math.ceil(count / (self._week - self._empty)) * self._empty

    def text(self, count: int) -> str:
        """A number of partitions as a length of time."""
        return f"{count}{UNITS[self.calendar.cadence]}"

    def refuse_short(self) -> None:
        """Refuse a history from which no first model can be trained and judged.

        Raises:
            ConfigurationError: it is too short.
        """
        if self.count < self.needed:
            raise ConfigurationError(
                f"The table has {self.count} {self.calendar.cadence} partitions ({self.first} to "
                f"{self.last}), a first model needs {self.needed}. Add history, or give rows of a "
                "shorter cadence."
            )

    @property
    def _usable(self) -> int:
        """Partitions whose features are complete."""
        return self.count - self.look_back

    @property
    def _longest_test(self) -> int:
        """Partitions that the history leaves for the test window."""
        return max(self._usable // 4, self.spanned_by(LEAST_TEST))

    @property
    def _week(self) -> int:
        """Partitions of a week."""
        return WEEK * (DAY_HOURS if self.calendar.cadence is Cadence.HOURLY else 1)

    @property
    def _empty(self) -> int:
        """Partitions of a week that never have rows."""
        return self._week * len(self.empty_on) // WEEK

    def _with_rows(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of partitions; those of whole weeks without the partitions that have no rows."""
        return tuple(
            sorted({n if n % self._week else n - n // self._week * self._empty for n in counts})
        )


def _empty_on(calendar: Calendar, keys: Collection[str]) -> tuple[Weekday, ...]:
    """Days of the week that never have rows, if the others usually have."""
    if calendar.cadence not in {Cadence.HOURLY, Cadence.DAILY}:
        return ()
    days = {day_of(key) for key in keys}
    found = {weekday(day) for day in days}
    is_long = max(days) >= shifted(min(days), WEEK * LEAST_WEEKS - 1)
    count = Calendar().between(min(days), max(days)) + 1
    are_usual = len(days) >= MOST_DAYS * count * len(found) / WEEK
    return tuple(one for one in get_args(Weekday) if one not in found and is_long and are_usual)
