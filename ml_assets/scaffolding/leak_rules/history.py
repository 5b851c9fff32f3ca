"""The table that leaks are looked for in: rows in order, the target as numbers, its past."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.scores import Split, unexplained

MAX_ROWS = 200_000
"""Rows that are looked at; of more rows, blocks of consecutive ones are taken."""

BLOCKS = 20
SAMPLED_ROWS = 20_000
"""Rows, evenly spread, with which a rule looks at one column."""

HELD_OUT = 0.3
"""Share of the rows, the newest ones, on which a column must tell the target."""

MAX_CLASSES = 10
"""Classes whose indicators are looked at, the most frequent first."""

CALENDAR = ("month", "day_of_week", "day", "day_of_year", "hour", "minute")
RECURRENCES = 2
"""Times that a calendar field must take each value; a month of a single year says nothing."""

DAY = 24 * 3600
LATEST = 1e11
"""Seconds of a day, and those up to the year 5138."""

ROWS_PER_DAY = 3
"""Mean number of rows from which on days are looked at."""

PAST = (1, 2, 3, 7, 24, 168)
"""Earlier rows of an entity from which the target's own past is taken."""


@dataclass(frozen=True, eq=False)
class History:
    """Rows with a known target and time, in the order of entity and time; equal to itself only.

    Attributes:
        frame: (n, …) the rows.
        target: (n,) the target; of classes their codes, from 0.
        classes: the classes; empty for a regression.
        moments: (n,) times in seconds.
        entities: (n,) codes of the entities, ascending.
        unknown: (m, …) the rows without a target.
        name: name of the target.
    """

    frame: pd.DataFrame
    target: np.ndarray
    classes: tuple[str, ...]
    moments: np.ndarray
    entities: np.ndarray
    unknown: pd.DataFrame
    name: str

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def signals(self) -> list[np.ndarray]:
        """The target as numbers: itself, or the indicator of each class (of two, of one)."""
        if not self.classes:
            return [self.target]
        counts = np.bincount(self.target.astype(int), minlength=len(self.classes))
        frequent = np.argsort(-counts, kind="stable")[:MAX_CLASSES]
        chosen = [1] if len(self.classes) == 2 else sorted(frequent)
        return [(self.target == code).astype(float) for code in chosen]

    @cached_property
    def sample(self) -> np.ndarray:
        """Positions of at most ``SAMPLED_ROWS`` rows, evenly spread."""
        return evenly(len(self), SAMPLED_ROWS)

    def shifted(
        self, values: np.ndarray, rows: int, positions: np.ndarray | None = None
    ) -> np.ndarray:
        """The values ``rows`` rows later of the same entity, NaN beyond its first and last row.

        Args:
            values: (n,) values of all rows.
            rows: how many rows later; earlier if negative.
            positions: the rows for which they are wanted; all by default.
        """
        positions = np.arange(len(self)) if positions is None else positions
        wanted = positions + rows
        inside = (wanted >= 0) & (wanted < len(values))
        wanted = np.where(inside, wanted, 0)
        inside &= self.entities[wanted] == self.entities[positions]
        return np.where(inside, values[wanted], np.nan)

    @cached_property
    def by_time(self) -> np.ndarray:
        """(n,) positions of the rows from the oldest to the newest."""
        return np.argsort(self.moments, kind="stable")

    @cached_property
    def split(self) -> Split:
        """The older and the newer rows for the score of one column."""
        border = np.quantile(self.moments[self.sample], 1 - HELD_OUT)
        newer = self.moments[self.sample] > border
        return Split(self.sample[~newer], self.sample[newer], self.target, len(self.classes))

    @cached_property
    def calendar(self) -> list[np.ndarray]:
        """Calendar fields of the sampled rows as codes, of those that come back to their values."""
        moments = self.moments[self.sample]
        clock = pd.DatetimeIndex(pd.to_datetime(moments, unit="s"))
        fields = [np.asarray(getattr(clock, name)) for name in CALENDAR]
        fields.append(fields[0] * 24 + np.asarray(clock.hour))
        fields.append(fields[1] * 24 + np.asarray(clock.hour))
        order = np.argsort(moments, kind="stable")
        return [
            np.unique(field, return_inverse=True)[1] for field in fields if _recurs(field[order])
        ]

    @cached_property
    def by_day(self) -> list[tuple[np.ndarray, "History"]]:
        """The mean target of each day, of each entity and of all, where days have several rows.

        Each comes with the (n,) positions of the days to which the rows belong.
        """
        day = (self.moments // DAY).astype(int)
        made = []
        for entities in [self.entities, np.zeros_like(self.entities)]:
            keys, days = np.unique(np.column_stack([entities, day]), axis=0, return_inverse=True)
            if len(keys) * ROWS_PER_DAY > len(self):
                continue
            sizes = np.bincount(days)
            made += [
                (
                    days,
                    History(
                        frame=pd.DataFrame(index=range(len(keys))),
                        target=np.bincount(days, weights=signal) / sizes,
                        classes=(),
                        moments=keys[:, 1] * float(DAY),
                        entities=keys[:, 0],
                        unknown=self.unknown.iloc[:0],
                        name=self.name,
                    ),
                )
                for signal in self.signals
            ]
            if self.entities.max() == 0:
                break
        return made

    @cached_property
    def changes(self) -> np.ndarray:
        """(n,) whether the target differs from that of the row before."""
        before = self.shifted(self.target, -1)
        return ~np.isnan(before) & (before != self.target)

    @cached_property
    def innovation(self) -> float:
        """How far the target moves from row to row, at most its own standard deviation."""
        moves = (self.target - self.shifted(self.target, -1))[self.changes]
        spread = float(np.std(self.target))
        return min(spread, float(np.sqrt(np.mean(moves**2)))) if len(moves) else spread

    @cached_property
    def past_unexplained(self) -> float:
        """The share of the target that its own earlier values leave unexplained, at most 1."""
        lags = [self.shifted(self.target, -rows) for rows in PAST]
        known = [lag for lag in lags if np.isfinite(lag).mean() > 0.5]
        shares = [unexplained(self.split, lag) for lag in known]
        if not self.classes and len(known) > 1:
            shares.append(unexplained(self.split, _linear(self.target, known, self.split.older)))
        return min([1.0, *(share for share in shares if share is not None)])


def history(
    rows: pd.DataFrame, *, target: str, time: str, entity: Sequence[str], task: str
) -> History:
    """The rows in order, the target as numbers.

    Args:
        rows: (n, …) the table.
        target: name of the target.
        time: name of the time.
        entity: names of the columns whose values name one series of rows each.
        task: "classification", "multiclass" or "regression".
    """
    times = seconds(rows[time])
    codes = (
        rows.groupby(list(entity), dropna=False, sort=True).ngroup().to_numpy()
        if entity
        else np.zeros(len(rows), dtype=int)
    )
    order = np.lexsort((times, codes))
    order = order[np.isfinite(times[order])]
    labels = rows[target]
    values = (
        pd.to_numeric(labels, errors="coerce").astype(float)
        if task == "regression"
        else labels.where(labels.notna())
    )
    known = values.notna().to_numpy() & (
        np.isfinite(values.to_numpy(dtype=float, na_value=np.nan)) if task == "regression" else True
    )
    missing = order[~known[order]]
    order = order[known[order]]
    order = order[_blocks(len(order))]
    classes: tuple[str, ...] = ()
    numbers = values.iloc[order]
    if task != "regression":
        found, names = pd.factorize(numbers.astype(str), sort=True)
        numbers, classes = pd.Series(found), tuple(map(str, names))
    return History(
        frame=rows.iloc[order].reset_index(drop=True),
        target=numbers.to_numpy(dtype=float),
        classes=classes,
        moments=times[order],
        entities=codes[order],
        unknown=rows.iloc[missing[evenly(len(missing), SAMPLED_ROWS)]],
        name=target,
    )


def seconds(times: pd.Series) -> np.ndarray:
    """Times as seconds; NaN where they cannot be read.

    Numbers are seconds, or so large that they must be milli-, micro- or nanoseconds.
    """
    if pd.api.types.is_numeric_dtype(times.dtype):
        numbers = times.to_numpy(dtype=float, na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        largest = float(np.nanmax(np.abs(numbers), initial=0))
        units = (divisor for divisor in (1.0, 1e3, 1e6, 1e9) if largest / divisor <= LATEST)
        return numbers / next(units, 1e9)
    read = pd.to_datetime(times, errors="coerce", utc=True, format="mixed").dt.as_unit("ms")
    numbers = read.astype("int64").to_numpy() / 1000
    return np.where(read.isna().to_numpy(), np.nan, numbers)


def _recurs(field: np.ndarray) -> bool:
    """Whether a calendar field, in the order of time, comes back to its values."""
    return bool(1 + np.sum(field[1:] != field[:-1]) >= RECURRENCES * len(np.unique(field)))


def evenly(size: int, most: int) -> np.ndarray:
    """Positions of at most ``most`` rows, spread evenly."""
    return np.arange(size) if size <= most else np.linspace(0, size - 1, most).astype(int)


def _blocks(size: int) -> np.ndarray:
    """Positions of at most ``MAX_ROWS`` rows, in blocks of consecutive rows."""
    if size <= MAX_ROWS:
        return np.arange(size)
    length = MAX_ROWS // BLOCKS
    starts = np.linspace(0, size - length, BLOCKS).astype(int)
    return np.unique((starts[:, None] + np.arange(length)).ravel())


def _linear(target: np.ndarray, lags: list[np.ndarray], older: np.ndarray) -> np.ndarray:
    """The target as a linear function of earlier values, fitted on the older rows."""
    design = np.column_stack([np.ones(len(target)), *lags])
    whole = older[np.isfinite(design[older]).all(axis=1)]
    if len(whole) < 10 * design.shape[1]:
        return np.full(len(target), np.nan)
    weights = np.linalg.lstsq(design[whole], target[whole], rcond=None)[0]
    return design @ weights
