"""Time columns: how their values are read as moments, one value at a time.

A value that is not a time is null, never guessed. Values of a day without a clock time (dates, and
texts such as ``2024-07-08``) are the beginning of a local day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ml_assets.contracts.moments import DATE, moments, of_text

EPOCHS = {"epoch_s": 10**6, "epoch_ms": 10**3, "epoch_us": 1}
"""Format of numbers since 1970 → microseconds of their unit."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """How a time column is read.

    Attributes:
        column: its name.
        format: a key of ``EPOCHS``, or a format of ``datetime.strptime``; None for ISO 8601 texts
            and for values that are times already.
        zone: IANA zone of times without an offset, and of dates; None for UTC, and for dates the
            zone of the table's days. A time that occurs twice is the first one.
        day_zone: zone of the table's days.
    """

    column: str
    format: str | None = None
    zone: str | None = None
    day_zone: str = "UTC"

    @property
    def expected(self) -> str:
        """The expected form of a value, for messages."""
        if self.format is None:
            return "must be a moment like 2024-07-08 12:00:00"
        if self.is_epoch:
            return f"must be a number since 1970 ({self.format})"
        return f"must be a time in the format '{self.format}'"

    @property
    def is_epoch(self) -> bool:
        """Whether values are numbers since 1970."""
        return self.format in EPOCHS

    @property
    def is_plain(self) -> bool:
        """Whether texts are ISO 8601, in UTC when they have no offset."""
        return self.format is None and self.zone in (None, "UTC")

    def moments(self, values: pd.Series) -> pd.Series:
        """(n,) timestamps in UTC with microseconds, null where a value is not a time."""
        objects = values.to_numpy(dtype=object)
        if pd.api.types.infer_dtype(objects, skipna=True) in ("string", "integer"):
            codes, distinct = pd.factorize(objects, use_na_sentinel=False)
            found = self._moments(distinct)[codes]
        else:
            found = self._moments(objects)
        return pd.Series(found, index=values.index).dt.tz_localize("UTC")

    def normalized(self, values: pd.Series, found: pd.Series) -> pd.Series:
        """(n,) the values, with timestamps where a contract would read them as another moment.

        Args:
            values: (n,) raw values.
            found: (n,) their moments.
        """
        read = moments(values)
        is_other = found.notna() & ~(read == found)
        if not is_other.any():
            return values
        result = values.to_numpy(dtype=object).copy()
        result[is_other.to_numpy()] = found[is_other].dt.to_pydatetime().to_numpy()
        return pd.Series(result, index=values.index, dtype=object)

    def moment(self, value: Any) -> datetime | None:
        """A value as a timestamp in UTC; None when it is not a time."""
        found = self._read(value)
        if found is None:
            return None
        try:
            if isinstance(found, datetime):
                return _in_utc(found, self._zone)
            return datetime.combine(found, time(), self._day_zone).astimezone(UTC)
        except OverflowError:
            return None

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone or "UTC")

    @cached_property
    def _day_zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone or self.day_zone)

    def _moments(self, values: Any) -> np.ndarray:
        found = (self.moment(value) for value in values)
        naive = [None if moment is None else moment.replace(tzinfo=None) for moment in found]
        return np.array(naive, dtype="datetime64[us]")

    def _read(self, value: Any) -> date | None:
        if self.is_epoch:
            return _since_1970(value, EPOCHS[str(self.format)])
        if isinstance(value, str):
            return self._of_text(value)
        if self.format is not None and _is_whole(value):  # 20240708 for %Y%m%d
            return self._of_text(str(value))
        if isinstance(value, np.datetime64):
            value = pd.Timestamp(value)
        if value is pd.NaT or not isinstance(value, date):
            return None
        return value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value

    def _of_text(self, text: str) -> date | None:
        if self.format is None:
            found = of_text(text)
            return found.date() if found and DATE.fullmatch(text) else found
        try:
            parsed = datetime.strptime(text, self.format)  # noqa: DTZ007
        except ValueError:
            return None
        has_time = any(part in self.format for part in ("%H", "%I", "%c", "%X"))
        return parsed if has_time else parsed.date()


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _since_1970(value: Any, unit: int) -> datetime | None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, _NUMBERS):
        return None
    try:
        number = Decimal(value if isinstance(value, (str, int)) else str(value))
        return EPOCH + timedelta(microseconds=int(number * unit))
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _in_utc(found: datetime, zone: ZoneInfo) -> datetime | None:
    """A time in UTC; None for a local time that does not exist."""
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    utc = found.replace(tzinfo=zone).astimezone(UTC)
    return utc if utc.astimezone(zone).replace(tzinfo=None) == found else None


_NUMBERS = (str, int, float, Decimal, np.integer, np.floating)
