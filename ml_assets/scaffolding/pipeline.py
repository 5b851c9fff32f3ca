"""The options of a user for a new pipeline, and the pipeline that is proposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ml_assets.cadence import Cadence
from ml_assets.scaffolding.history import ROWS, History
from ml_assets.scaffolding.leaks import Leak
from ml_assets.scaffolding.profile import Column
from ml_assets.scaffolding.reading import Origin
from ml_assets.scaffolding.times import Times

Task = Literal["classification", "multiclass", "regression"]

LEAST_TO_LEARN = 10
"""Rows of a class in the table below which it can neither be learned nor tested."""

LEAST_OF_CLASS = 30
"""Minimum number of test rows of a class: with fewer, a model's metrics are too uncertain for a decision."""

MAX_CATEGORIES = 50
"""Distinct texts of a column above which it is an id or a remark, and no feature."""


@dataclass(frozen=True)
class Request:
    """The options of a user for a pipeline; omitted ones are derived from the data.

    Attributes:
        name: name of the pipeline.
        target: column to predict.
        time: column with the time of a row.
        entity: columns that name one series of rows each.
        cadence: cadence of partitions.
        task: what is predicted.
        exclude: columns that the pipeline does not read.
        allow: columns that may be used although they seem to give the target away.
    """

    name: str
    target: str
    time: str | None = None
    entity: Sequence[str] = ()
    cadence: Cadence | None = None
    task: Task | None = None
    exclude: Sequence[str] = ()
    allow: Sequence[str] = ()


@dataclass(frozen=True)
class Proposal:
    """A pipeline for a table.

    Attributes:
        name: its name.
        origin: the table.
        columns: columns of the contract.
        times: the times of its rows.
        target: the column that is predicted.
        task: what is predicted.
        classes: classes of a multiclass task; the two values of a classification.
        entity: columns that name one series of rows each.
        is_series: whether a series has one row in a partition, so that earlier ones predict it.
        key: columns that identify a row.
        history: its partitions.
        rows: number of rows.
        used_rows: number of these in the partitions that are read.
        test_rows: number of rows that test a first model.
        rarest: number of these with the rarest class; None for numbers.
        rarest_rows: number of all rows with the rarest class; None for numbers.
        shares: shares of the classes, for people.
        possible_entity: a column that the user has not named, and that names series of rows.
        leaks: columns that seem to give the target away and are allowed.
        has_ended: whether the table has no recent rows.
    """

    name: str
    origin: Origin
    columns: Sequence[Column]
    times: Times
    target: Column
    task: Task
    classes: Sequence[object]
    entity: Sequence[str]
    is_series: bool
    key: Sequence[str]
    history: History
    rows: int
    used_rows: int
    test_rows: int
    rarest: int | None
    rarest_rows: int | None
    shares: str
    possible_entity: str | None
    leaks: Sequence[Leak]
    has_ended: bool

    @property
    def others(self) -> list[Column]:
        """Columns that may describe a row: neither key, time nor target."""
        taken = {self.target.name, self.times.column, *self.key}
        return [
            column for column in self.columns if column.name not in taken and column.kind != "time"
        ]

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers whose earlier values are features."""
        candidates = [self.target, *(self.others if self.is_series else [])]
        return [one.name for one in candidates if one.is_number or one.kind == "bool"]

    @property
    def texts(self) -> list[str]:
        """Columns of few texts of a series, whose last values are features."""
        candidates = [self.target, *self.others] if self.is_series else []
        return [column.name for column in candidates if is_category(column)]

    @property
    def described(self) -> list[Column]:
        """Columns of an event that are features themselves."""
        if self.is_series:
            return []
        ids = [one for one in self.others if one.kind == "int" and one.distinct == self.rows]
        usable = [one for one in self.others if one.kind != "text" or is_category(one)]
        return [one for one in usable if one not in ids]

    @property
    def feature_key(self) -> list[str]:
        """Columns that identify a row of the features and of the outcomes."""
        return [*self.entity, "period"] if self.is_series else list(self.key)

    @property
    def positive(self) -> object | None:
        """The value that is label 1, if a classification's values are not 0 and 1 already."""
        is_binary = self.task == "classification" and [*self.classes] != [0, 1]
        return self.classes[-1] if is_binary else None

    def use_of(self, name: str) -> str:
        """The use of a column, in words."""
        uses = [
            *(["time"] if name == self.times.column else []),
            *(["target"] if name == self.target.name else []),
            *(["series"] if name in self.entity else []),
            *(
                ["key"]
                if name in self.key and name not in [*self.entity, self.times.column]
                else []
            ),
            *(["earlier values"] if name in [*self.numbers, *self.texts] else []),
            *(["feature"] if name in [column.name for column in self.described] else []),
        ]
        return ", ".join(uses) or "stored only"

    @property
    def summary(self) -> list[str]:
        """The choices with their reasons, a line each."""
        history = self.history
        hint = (
            f"each {self.possible_entity} has one row in a partition: with --entity "
            f"{self.possible_entity}, earlier values of each would predict it"
        )
        empty_on = " and ".join(history.empty_on)
        passed = ": lags and means pass over them" if history.has_past else ""
        return [
            (
                f"{self.rows} rows, {history.first} to {history.last}: {history.count} "
                f"{self.times.cadence} partitions (UTC)"
            ),
            *self._used,
            self._predicted_by,
            *([f"never rows on {empty_on}{passed}"] if empty_on else []),
            *([hint] if self.possible_entity else []),
            f"task {self.task}" + (f": {self.shares}" if self.shares else ""),
            f"rows are identified by {', '.join(self.key)}",
            f"first model as of {history.as_of}; windows: "
            + (", ".join(f"{name} {text}" for name, text in history.windows.items()) or "as usual"),
            *self._tested,
            *self._judged_drift,
            *([self.told_of_described] if self.described else []),
            *(f"allowed: {leak.column} ({leak.rule}): {leak.finding}" for leak in self.leaks),
        ]

    @property
    def _used(self) -> list[str]:
        """Which part of a long history is read, and how to read more of it."""
        history = self.history
        if history.first_used == history.first:
            return []
        return [
            (
                f"uses {history.first_used} to {history.last}, {self.used_rows} of {self.rows} rows: its "
                "windows look back no further; for more, set an earlier 'first' in defs.yaml"
            )
        ]

    @property
    def _predicted_by(self) -> str:
        """The inputs that predict the target."""
        history = self.history
        past = (
            f"(lags {', '.join(map(str, history.lags))}; means of "
            f"{', '.join(map(str, history.means))})"
        )
        if self.is_series:
            return f"one row in each partition: earlier values predict it {past}"
        several = "several rows in a partition: the other columns of a row"
        if history.has_past:
            return f"{several}, and the means of {self.target.name} in earlier partitions {past}, predict it"
        return f"{several} predict it; earlier values do not, as {self.target.name} is no number"

    @property
    def told_of_described(self) -> str:
        """Which columns of a row are features as they are, and what to do with those known too late."""
        named = ", ".join(column.name for column in self.described)
        return (
            f"features with the value of the row itself: {named}. A column that is filled in only "
            "afterwards, such as a cost, a duration or a count of casualties, is not known when a row is "
            "predicted, and a model that has it looks better than it is: exclude it with --exclude COLUMN"
        )

    @property
    def _judged_drift(self) -> list[str]:
        """That drift is not judged, if a window has too few rows."""
        if self.history.drift_rows >= ROWS["drift_window"]:
            return []
        return [
            f"drift is not judged: a window of about {self.history.drift_rows} rows is too short to tell"
        ]

    @property
    def _tested(self) -> list[str]:
        """The number of rows that test the first model, and whether that is too few for a decision."""
        if self.rarest is None:
            return [f"it is tested on {self.test_rows} rows"]
        few = f", too few to tell whether it is better: {self._remedy}"
        return [
            f"it is tested on {self.test_rows} rows, {self.rarest} of them of the rarest class"
            + (few if self.rarest < LEAST_OF_CLASS else "")
        ]

    @property
    def _remedy(self) -> str:
        """The advice about too few test rows of a class."""
        if self.rarest_rows is not None and self.rarest_rows < 2 * LEAST_OF_CLASS:
            return f"the table has only {self.rarest_rows} of it, so join it with another class"
        return "try a longer --cadence, or a longer test_window in defs.yaml"


def is_category(column: Column) -> bool:
    """Whether a column has few different texts."""
    return column.kind == "text" and column.distinct <= MAX_CATEGORIES
