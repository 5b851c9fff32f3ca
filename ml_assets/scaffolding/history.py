"""Which earlier partitions features look at, and the windows that a table's history leaves."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from ml_assets.cadence import Cadence, Calendar, day_of, shifted, weekday
from ml_assets.contracts.contract import Weekday
from ml_assets.durations import LONGEST, Duration
from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding.as_of import LEAST_LEFT, LEFT_SHARE, TEST, first_as_of, predicted

UNITS = {Cadence.HOURLY: "h", Cadence.DAILY: "d", Cadence.WEEKLY: "w", Cadence.MONTHLY: "mo"}

LAGS = {
    Cadence.HOURLY: ((1, 2, 24), (24, 48)),
    Cadence.DAILY: ((1, 2, 7), (7, 28)),
    Cadence.WEEKLY: ((1, 2, 4), (4, 13)),
    Cadence.MONTHLY: ((1, 2, 3), (3, 12)),
}
"""Cadence → partitions before one whose values are features, and numbers of them of which means are."""

USUAL = {
    Cadence.HOURLY: (7 * 24, 7 * 24),
    Cadence.DAILY: (7, 7),
    Cadence.WEEKLY: (4, 8),
    Cadence.MONTHLY: (3, 6),
}
"""Cadence → partitions of the validation and drift windows that a ``defs.yaml`` need not name."""

WINDOW = {
    Cadence.HOURLY: 365 * 24,
    Cadence.DAILY: 365,
    Cadence.WEEKLY: 156,
    Cadence.MONTHLY: 60,
}
"""Cadence → partitions of the usual window before an as-of day."""

ROWS = {"window": 1000, "validation_window": 30, "test_window": 100, "drift_window": 40}
"""Window → rows that it should have, if the history is long enough: fewer train and test a model badly,
and three quarters of a drift window have to be the 30 rows from which drift is judged."""

LEAST_TEST, LEAST_VALIDATION, LEAST_TRAINING = 10, 2, 20
"""Partitions with rows below which no first model is judged."""

WEEK, DAY_HOURS = 7, 24

LEAST_WEEKS, MOST_DAYS = 4, 0.8
"""Weeks from which a day of the week without rows is one that never has any, and the least share of
the other days that have rows: of fewer, one may lack rows by chance."""

MUCH_LONGER = 2
"""A history that is so many times as long as what a first model uses is not read from its beginning."""


@dataclass(frozen=True)
class History:
    """The partitions of a table, and how they are used.

    Attributes:
        calendar: its partitions.
        first: key of the first one.
        last: key of the last one.
        rows: number of its rows.
        empty_on: days of the week that never have rows.
        test_rows: rows that should test a model.
        has_past: whether values of earlier partitions are features.
        trains_on_all: whether all partitions train a model, as fewer lack a class.
    """

    calendar: Calendar
    first: str
    last: str
    rows: int
    empty_on: tuple[Weekday, ...] = ()
    test_rows: int = ROWS["test_window"]
    has_past: bool = True
    trains_on_all: bool = False

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        keys: Collection[str],
        rows: int,
        test_rows: int = ROWS["test_window"],
        *,
        has_past: bool = True,
    ) -> "History":
        """The history of a table.

        Args:
            calendar: its partitions.
            keys: those that have rows.
            rows: number of rows.
            test_rows: rows that should test a model.
            has_past: whether values of earlier partitions are features.
        """
        found = empty_on(calendar, keys)
        return cls(calendar, min(keys), max(keys), rows, found, test_rows, has_past)

    @property
    def count(self) -> int:
        """Number of partitions from the first to the last."""
        return self.calendar.between(self.first, self.last) + 1

    @property
    def lags(self) -> tuple[int, ...]:
        """Partitions before one whose values are features, without those that never have rows."""
        return self._with_rows(LAGS[self.calendar.cadence][0]) if self.has_past else ()

    @property
    def means(self) -> tuple[int, ...]:
        """Numbers of partitions before one, whose means are features, counted as the lags."""
        return self._with_rows(LAGS[self.calendar.cadence][1]) if self.has_past else ()

    @property
    def look_back(self) -> int:
        """Partitions before one that its features read."""
        return self.spanned_by(max(self.means, default=0))

    @property
    def needed(self) -> int:
        """Number of partitions that a first model needs."""
        least = LEAST_TRAINING + LEAST_TEST + LEAST_VALIDATION + LEAST_TEST
        return self.look_back + self.spanned_by(least)

    @property
    def windows(self) -> dict[str, str]:
        """Windows of a ``defs.yaml`` that are not as usual.

        They are shorter if the history is short, and longer if it is long and has few rows.
        """
        usual = self._usual
        return {
            name: self.text(length)
            for name, length in self._lengths.items()
            if length != usual[name]
        }

    @property
    def longest_window(self) -> int:
        """Partitions of the longest window: all, or as many as a duration may have."""
        return min(self.count, LONGEST // Duration.of(1, self.calendar.cadence).longest)

    @property
    def drift_rows(self) -> int:
        """Rows of a drift window, about."""
        return round(self._lengths["drift_window"] * self._per_partition)

    def is_in_training(self, keys: pd.Series) -> pd.Series:
        """(n,) whether partitions train a first model."""
        lengths = self._lengths
        first = self.calendar.shifted(self.as_of, -lengths["window"])
        held_out = lengths["test_window"] + lengths["validation_window"]
        return (keys >= first) & (keys < self.calendar.shifted(self.as_of, -held_out))

    def is_in_test(self, keys: pd.Series) -> pd.Series:
        """(n,) whether partitions test a first model."""
        length = self._lengths["test_window"]
        return (keys >= self.calendar.shifted(self.as_of, -length)) & (keys < self.as_of)

    @property
    def first_used(self) -> str:
        """Key of the first partition that is read.

        Of a history that is much longer than needed it is the first one that a first model looks back on.
        """
        used = self._lengths["window"] + self.look_back
        start = min(
            self.calendar.shifted(self.as_of, -used),
            self.calendar.shifted(
                self.last, -LEFT_SHARE * predicted(self.calendar, self._lengths["drift_window"])
            ),
        )
        start = self.calendar.first_of(day_of(start))
        is_much_longer = self.count > MUCH_LONGER * self.calendar.between(start, self.last)
        return start if is_much_longer else self.first

    @property
    def first_with_features(self) -> str:
        """Key of the first partition whose features are complete."""
        return self.calendar.shifted(self.first_used, self.look_back)

    @property
    def as_of(self) -> str:
        """Key of the as-of partition of a first model: later ones are left to predict, and judge drift."""
        drift, least = self._lengths["drift_window"], self.spanned_by(LEAST_LEFT)
        return first_as_of(self.calendar, self.first, self.last, drift, least)

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
    def _per_partition(self) -> float:
        """Rows of a partition on average, with those that have none."""
        return self.rows / self.count

    @property
    def _usual(self) -> dict[str, int]:
        """Window → partitions that it has if the ``defs.yaml`` does not name it."""
        validation, drift = USUAL[self.calendar.cadence]
        return {
            "window": WINDOW[self.calendar.cadence],
            "validation_window": validation,
            "test_window": TEST[self.calendar.cadence],
            "drift_window": drift,
        }

    @property
    def _lengths(self) -> dict[str, int]:
        """Window → its partitions: as usual, or enough for its rows, as far as the history allows."""
        least = self.spanned_by(LEAST_VALIDATION)
        longest = {
            "validation_window": max(self._usable // 12, least),
            "test_window": max(self._usable // 4, self.spanned_by(LEAST_TEST)),
            "drift_window": max(self._usable // 6, least),
        }
        wanted = {**ROWS, "test_window": self.test_rows}
        enough = {name: math.ceil(rows / self._per_partition) for name, rows in wanted.items()}
        usual = self._usual
        found = {name: min(max(usual[name], enough[name]), most) for name, most in longest.items()}
        held_out = found["validation_window"] + found["test_window"]
        window = max(usual["window"], min(enough["window"] + held_out, self.longest_window))
        return {"window": self.longest_window if self.trains_on_all else window, **found}

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


def empty_on(calendar: Calendar, keys: Collection[str]) -> tuple[Weekday, ...]:
    """Days of the week that never have rows, if the others usually have.

    Args:
        calendar: partitions of a table.
        keys: those that have rows.
    """
    if calendar.cadence not in {Cadence.HOURLY, Cadence.DAILY}:
        return ()
    days = {day_of(key) for key in keys}
    found = {weekday(day) for day in days}
    is_long = max(days) >= shifted(min(days), WEEK * LEAST_WEEKS - 1)
    count = Calendar().between(min(days), max(days)) + 1
    are_usual = len(days) >= MOST_DAYS * count * len(found) / WEEK
    return tuple(one for one in get_args(Weekday) if one not in found and is_long and are_usual)
