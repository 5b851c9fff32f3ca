"""When a row was predicted, relative to the time that is predicted."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from ml_assets.cadence import HOUR, Calendar
from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError

HORIZON, IS_REPLAYED = "horizon_hours", "is_replayed"


@dataclass(frozen=True)
class PredictionTimes:
    """How to find the two times of a row.

    Attributes:
        calendar: partitions of the features.
        lead: partitions before the end of a partition at which its features can be computed.
        predicted_at: column of the features with the time at which all of a row was known; None for
            the end of what the features read.
        target_time: column of the features with the time that is predicted; None for the time of
            the partition.
    """

    calendar: Calendar
    lead: int = 0
    predicted_at: str | None = None
    target_time: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the features that are read."""
        return [name for name in (self.predicted_at, self.target_time) if name]

    def of(self, features: pd.DataFrame, now: datetime | pd.Series) -> pd.DataFrame:
        """The horizon of each row, and whether it is predicted after the fact.

        Args:
            features: (n, …) feature rows with ``ds``.
            now: time at which they are predicted, timezone-aware; or (n,) a time of each row.

        Returns:
            (n, 2) indexed as ``features``: ``horizon_hours``, the time from what was known to what is
            predicted, negative if the former is later, and ``is_replayed``.
        """
        bounds = {day: self.calendar.bounds(day) for day in features[DAY].unique()}
        known_until = {day: self._known_until(day) for day in bounds}
        known = self._times(features, self.predicted_at, known_until)
        starts, ends = (
            self._times(
                features, self.target_time, {day: pair[end] for day, pair in bounds.items()}
            )
            for end in (0, 1)
        )
        return pd.DataFrame(
            {
                HORIZON: (starts - known).dt.total_seconds() / HOUR.total_seconds(),
                IS_REPLAYED: ~(ends > (now if isinstance(now, pd.Series) else pd.Timestamp(now))),
            },
            index=features.index,
        )

    def of_batch(self, features: pd.DataFrame, now: datetime) -> pd.DataFrame:
        """The same of rows that are predicted in a batch.

        Raises:
            ConfigurationError: a row is predicted after the time of its partition, and nothing says
                which later time is predicted.
        """
        found = self.of(features, now)
        is_negative = found[HORIZON] < 0
        if self.predicted_at and not self.target_time and is_negative.any():
            row = features[is_negative].iloc[0]
            raise ConfigurationError(
                f"'predicted_at' names '{self.predicted_at}', which is {row[self.predicted_at]} in a row of "
                f"{row[DAY]}. That is later than the start of the partition, which is predicted unless "
                "'target_time' says more: 'horizon_hours' would be negative. Name the column with the "
                "time that is predicted as 'target_time' in defs.yaml."
            )
        return found

    def _known_until(self, day: str) -> datetime:
        return self.calendar.bounds(self.calendar.shifted(day, -self.lead))[1]

    @staticmethod
    def _times(
        features: pd.DataFrame, column: str | None, of_days: dict[str, datetime]
    ) -> pd.Series:
        """(n,) times in UTC from a column, or by the partition of each row."""
        if column:
            return features[column]
        by_day = {day: pd.Timestamp(time).tz_convert("UTC") for day, time in of_days.items()}
        return pd.to_datetime(features[DAY].map(by_day), utc=True)


def with_times(stored: pd.DataFrame, scored: pd.DataFrame, key: str) -> pd.DataFrame:
    """Stored predictions of an earlier version, which had no times, with those of the same rows.

    Args:
        stored: (n, …) stored predictions.
        scored: (m, …) predictions of all current rows, with their times.
        key: column that identifies a prediction.

    Returns:
        (n, …) the stored rows. A row that no longer exists has no horizon, and counts as replayed.
    """
    if HORIZON in stored.columns:
        return stored
    times = scored.set_index(key)[[HORIZON, IS_REPLAYED]].reindex(stored[key])
    return stored.assign(
        **{
            HORIZON: times[HORIZON].to_numpy(dtype=float),
            IS_REPLAYED: times[IS_REPLAYED].ne(False).to_numpy(),
        }
    )
