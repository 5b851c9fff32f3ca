"""One column of the table as the rules look at it: as numbers, as labels, as filled or not."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.history import History, seconds

READABLE = 0.95
"""Share of the texts of a column that must be numbers or times for it to be read as such."""

CALENDAR_ERRORS = 0.1
"""Errors of a calendar field relative to those of the most frequent value."""

LARGEST = 1e100
NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: its name.
        series: (n,) its values.
        history: the table it is in.
    """

    name: str
    series: pd.Series
    history: History

    @property
    def filled(self) -> np.ndarray:
        """(n,) which rows have a value."""
        return self.codes >= 0

    @cached_property
    def _factors(self) -> tuple[np.ndarray, pd.Index]:
        values = self.series.astype("str") if self.series.dtype == object else self.series
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
        dtype = self.series.dtype
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
        """(n,) the column as numbers, NaN where it is empty, none, or beyond ``LARGEST``.

        Times become seconds since the row's own time, as the date itself says nothing about the
        target that the row's time does not.
        """
        numbers = self._read()
        return np.where(np.abs(numbers) <= LARGEST, numbers, np.nan)

    def _read(self) -> np.ndarray:
        if self._is_time:
            return self._from_distinct(seconds(pd.Series(self.distinct))) - self.history.moments
        if pd.api.types.is_timedelta64_dtype(self.series.dtype):
            return self.series.dt.total_seconds().to_numpy(dtype=float, na_value=np.nan)
        if not self.is_text:
            return self.series.to_numpy(dtype=float, na_value=np.nan)
        return self._from_distinct(_numbers_in(self.texts))

    @cached_property
    def _is_time(self) -> bool:
        if pd.api.types.is_datetime64_any_dtype(self.series.dtype):
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
        """Whether the row's time alone determines the value, so that it is known in advance."""
        return follows_calendar(self.codes, self.history)


def follows_calendar(codes: np.ndarray, history: History) -> bool:
    """Whether one calendar field, such as the month, determines the code of (nearly) every row.

    Args:
        codes: (n,) codes of values, -1 for null.
        history: the table with the times.
    """
    found = np.unique(codes[history.sample], return_inverse=True)[1]
    usual = len(found) - int(np.bincount(found).max())
    return usual > 0 and any(
        _errors(found, field) <= CALENDAR_ERRORS * usual for field in history.calendar
    )


def _errors(codes: np.ndarray, field: np.ndarray) -> int:
    """Rows whose code is not the most frequent one of their value of a calendar field."""
    size = int(codes.max()) + 1
    pairs, rows = np.unique(field * size + codes, return_counts=True)
    most = np.zeros(int(field.max()) + 1, dtype=int)
    np.maximum.at(most, pairs // size, rows)
    return len(codes) - int(most.sum())


def _numbers_in(texts: pd.Series) -> np.ndarray:
    """The texts as numbers, or the first number of each; NaN where most have none."""
    sample = texts.iloc[:: max(len(texts) // 1_000, 1)]
    for read in (_plain, _first_number):
        if len(sample) and read(sample).notna().mean() >= READABLE:
            return read(texts).to_numpy(dtype=float)
    return np.full(len(texts), np.nan)


def _plain(texts: pd.Series) -> pd.Series:
    return pd.to_numeric(texts, errors="coerce")


def _first_number(texts: pd.Series) -> pd.Series:
    return _plain(texts.str.replace(",", "", regex=False).str.extract(NUMBER, expand=False))
