"""Which earlier partitions features look at, and the windows that a table's history leaves."""

from dataclasses import dataclass

import pandas as pd

from ml_assets.cadence import Cadence, Calendar
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
"""Partitions below which no first model is judged."""


@dataclass(frozen=True)
class History:
    """The partitions of a table, and how they are used.

    Attributes:
        calendar: its partitions.
        first: key of the first one.
        last: key of the last one.
        count: number of partitions from the first to the last.
    """

    calendar: Calendar
    first: str
    last: str

    @property
    def count(self) -> int:
        """Number of partitions from the first to the last."""
        return self.calendar.between(self.first, self.last) + 1

    @property
    def lags(self) -> tuple[int, ...]:
        """Partitions before one whose values are features."""
        return LAGS[self.calendar.cadence][0]

    @property
    def means(self) -> tuple[int, ...]:
        """Numbers of partitions before one, whose means are features."""
        return LAGS[self.calendar.cadence][1]

    @property
    def look_back(self) -> int:
        """Partitions before one that its features read."""
        return max(self.means)

    @property
    def needed(self) -> int:
        """Number of partitions that a first model needs."""
        return self.look_back + LEAST_TRAINING + LEAST_TEST + LEAST_VALIDATION + LEAST_TEST

    @property
    def windows(self) -> dict[str, str]:
        """Windows of a ``defs.yaml`` that are shorter than usual, as the history is short."""
        test, validation, drift = USUAL[self.calendar.cadence]
        usable = self.count - self.look_back
        shorter = {
            "validation_window": (validation, max(usable // 12, LEAST_VALIDATION)),
            "test_window": (test, max(usable // 4, LEAST_TEST)),
            "drift_window": (drift, max(usable // 6, LEAST_VALIDATION)),
        }
        return {name: self.text(limit) for name, (usual, limit) in shorter.items() if limit < usual}

    def is_in_usual_training(self, keys: pd.Series) -> pd.Series:
        """(n,) whether partitions train a first model with windows that are as usual."""
        test, validation, _ = USUAL[self.calendar.cadence]
        first = self.calendar.shifted(self.as_of, -WINDOW[self.calendar.cadence])
        end = self.calendar.shifted(self.as_of, -test - validation)
        return (keys >= first) & (keys < end)

    @property
    def first_with_features(self) -> str:
        """Key of the first partition whose features are complete."""
        return self.calendar.shifted(self.first, self.look_back)

    @property
    def as_of(self) -> str:
        """Key of the as-of partition of a first model: some later ones are left to predict."""
        left = max(min(self.count // 10, USUAL[self.calendar.cadence][0]), LEAST_TEST)
        return self.calendar.shifted(self.last, -left)

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
