"""One column of the table as the rules look at it: as numbers, as labels, as filled or not."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.history import History, seconds

READABLE = 0.95
"""Share of the texts of a column that must be numbers or times for it to be read as such."""

RECURRENCES = 2
"""Times that a calendar field must take each value; a month of a single year says nothing."""

CALENDAR = ("month", "day", "day_of_week", "day_of_year", "hour", "minute")
NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: its name.
        values: (n,) its values.
        history: the table it is in.
    """

    name: str
    values: pd.Series
    history: History

    @property
    def filled(self) -> np.ndarray:
        """(n,) which rows have a value."""
        return self.codes >= 0

    @cached_property
    def _factors(self) -> tuple[np.ndarray, pd.Index]:
        values = self.values.astype("str") if self.values.dtype == object else self.values
        codes, distinct = pd.factorize(values)
        distinct = pd.Index(distinct)
        if self.is_text and len(distinct):
            blank = distinct.astype("str").str.strip() == ""
            codes = np.where(blank[codes], -1, codes)
        return codes, distinct

    @property
    def codes(self) -> np.ndarray:
        """(n,) a number for each distinct value, -1 for null and for an empty text."""
        return self._factors[0]

    @property
    def distinct(self) -> pd.Index:
        """The distinct values, in the order of their codes."""
        return self._factors[1]

    @property
    def is_text(self) -> bool:
        """Whether the values are neither numbers nor times."""
        dtype = self.values.dtype
        return not (
            pd.api.types.is_numeric_dtype(dtype)
            or pd.api.types.is_datetime64_any_dtype(dtype)
            or pd.api.types.is_timedelta64_dtype(dtype)
        )

    @cached_property
    def texts(self) -> pd.Series:
        """The distinct values as texts, in the order of their codes."""
        return pd.Series(self.distinct).astype("str").reset_index(drop=True)

    @cached_property
    def numbers(self) -> np.ndarray:
        """(n,) the column as numbers, NaN where it is empty or none.

        Times become seconds since the row's own time, as the date itself says nothing about the
        target that the row's time does not.
        """
        if self._is_time:
            return self._from_distinct(seconds(pd.Series(self.distinct))) - self.history.moments
        if pd.api.types.is_timedelta64_dtype(self.values.dtype):
            return self.values.dt.total_seconds().to_numpy(dtype=float, na_value=np.nan)
        if not self.is_text:
            return self.values.to_numpy(dtype=float, na_value=np.nan)
        return self._from_distinct(_numbers_in(self.texts))

    @cached_property
    def _is_time(self) -> bool:
        if pd.api.types.is_datetime64_any_dtype(self.values.dtype):
            return True
        if not self.is_text or not len(self.texts):
            return False
        sample = self.texts.iloc[:200]
        return bool(sample.str.match(r"\d{4}-\d{2}-\d{2}").mean() >= READABLE)

    def _from_distinct(self, numbers: np.ndarray) -> np.ndarray:
        spread = np.append(numbers, np.nan)
        return spread[self.codes]

    @cached_property
    def has_numbers(self) -> bool:
        """Whether the column says something as numbers."""
        known = self.numbers[np.isfinite(self.numbers)]
        return len(known) > 0 and bool(np.ptp(known) > 0)

    @cached_property
    def is_calendar(self) -> bool:
        """Whether the row's time alone tells the value, so that it is known in advance."""
        return follows_calendar(self.codes, self.history.moments)


def follows_calendar(codes: np.ndarray, moments: np.ndarray) -> bool:
    """Whether one calendar field, such as the month, tells the code of (nearly) every row.

    Args:
        codes: (n,) codes of values, -1 for null.
        moments: (n,) times in seconds.
    """
    if len(codes) == 0 or codes.max() <= 0:
        return False
    clock = pd.DatetimeIndex(pd.to_datetime(moments, unit="s"))
    keys = [np.asarray(getattr(clock, name)) for name in CALENDAR]
    keys.append(np.asarray(clock.day_of_week * 24 + clock.hour))
    keys.append(np.asarray(clock.month * 24 + clock.hour))
    order = np.argsort(moments, kind="stable")
    return any(_recurs(key[order]) and _told(codes, key) for key in keys)


def _recurs(key: np.ndarray) -> bool:
    """Whether a calendar field, in the order of time, comes back to its values."""
    return 1 + np.sum(key[1:] != key[:-1]) >= RECURRENCES * len(np.unique(key))


def _told(codes: np.ndarray, key: np.ndarray) -> bool:
    """Whether the most frequent code of each key leaves at most a tenth of the usual errors."""
    pairs = pd.DataFrame({"key": key, "code": codes}).value_counts(sort=False)
    right = float(pairs.groupby(level="key").max().sum())
    usual = float(np.bincount(codes + 1).max())
    return len(codes) > usual and (len(codes) - right) <= 0.1 * (len(codes) - usual)


def _numbers_in(texts: pd.Series) -> np.ndarray:
    """The texts as numbers, or the first number of each; NaN where most have none."""
    if texts.empty:
        return np.empty(0)
    plain = pd.to_numeric(texts, errors="coerce")
    if plain.notna().mean() < READABLE:
        found = texts.str.replace(",", "", regex=False).str.extract(NUMBER, expand=False)
        plain = pd.to_numeric(found, errors="coerce")
    if plain.notna().mean() < READABLE:
        return np.full(len(texts), np.nan)
    return plain.to_numpy(dtype=float)
