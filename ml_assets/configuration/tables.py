"""Configuration of source tables, computed tables and their sensor in a ``defs.yaml``."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from ml_assets.cadence import Cadence, Calendar, Duration
from ml_assets.configuration.sections import (
    Days,
    DottedPath,
    Key,
    Name,
    Owner,
    Section,
)
from ml_assets.durations import (
    Age,
    DurationOrNone,
    PositiveDuration,
    partitions,
)

REVISITED = timedelta(days=3)
"""Last stored time that is compared with the source at every tick unless configured."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class SourceTableConfiguration(Section):
    """A table of the source database.

    Attributes:
        key: asset key, ``pipeline/noun``.
        table: its name in the source database.
        contract: dotted path of its contract.
        description: description for stakeholders.
        owners: ``team:…`` names.
        time_column: timestamp that assigns a row to a partition; omitted for a snapshot.
        days: days of the table and the cadence of its partitions; omitted for a snapshot.
        max_age: maximum age of the newest row at the end of its partition.
        revisit: length of the last stored partitions that are compared with the source at every
            tick and extracted again when they changed; ``0d`` for none.
        retention: time for which the source keeps rows, which it may delete later; omitted when it
            keeps all rows.
        statistics: numeric columns whose daily means the UI plots.
    """

    key: Key
    table: Text
    contract: DottedPath
    description: Text
    owners: tuple[Owner, ...] = Field(min_length=1)
    time_column: str | None = Field(None, min_length=1)
    days: Days | None = None
    max_age: Age | None = None
    revisit: DurationOrNone | None = None
    retention: PositiveDuration | None = None
    statistics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _days_have_a_time(self) -> Self:
        if (self.time_column is None) != (self.days is None):
            given, missing = (
                ("time_column", "days") if self.time_column else ("days", "time_column")
            )
            raise ValueError(f"{given} is given without {missing}: a table with days needs both")
        if self.days:
            for name in ("revisit", "retention"):
                if getattr(self, name):
                    partitions(self, name, self.days.calendar)
        return self

    @property
    def revisited(self) -> int:
        """Number of last stored partitions that are compared with the source at every tick."""
        assert self.days is not None
        if self.revisit is None:
            return max(1, REVISITED // self.days.calendar.longest_partition)
        return self.revisit.partitions(self.days.calendar)


class TableInput(Section):
    """One input of a computed table.

    Attributes:
        asset: asset key of the input.
        look_back: length of the earlier partitions of the input that a partition reads.
        cadence: partitions of the input, not coarser than the table's; by default those of its
            template, or of this table.
        is_snapshot: whether the input has no days.
        refreshes_history: whether a change of the snapshot makes all days stale that were computed
            with it; days that used no changed row keep their data version. Otherwise computed days
            keep the snapshot's earlier values, and only new days use the current ones.
    """

    asset: Key
    look_back: DurationOrNone = Duration.parse("0d")
    cadence: Cadence | None = None
    is_snapshot: bool = False
    refreshes_history: bool = True

    def look_back_partitions(self, calendar: Calendar) -> int:
        """Number of earlier partitions of the reading table that the look-back covers."""
        return partitions(self, "look_back", calendar)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        for name in ("look_back", "cadence"):
            if self.is_snapshot and name in self.model_fields_set:
                raise ValueError(f"{name} is given for a snapshot, which has no days")
        if not (self.is_snapshot or self.refreshes_history):
            raise ValueError(
                "'refreshes_history: false' is for snapshots only: days are always recomputed when "
                "their input days change. Remove it"
            )
        return self


class FeatureTableConfiguration(Section):
    """A table computed by a function.

    Attributes:
        key: asset key, ``pipeline/noun``.
        function: dotted path of ``f(days, *, <input>=frame, …, <parameter>=value, …)``.
        contract: dotted path of its contract.
        description: description for stakeholders.
        owners: ``team:…`` names.
        days: days of the table.
        inputs: argument name → input table.
        parameters: further keyword arguments of the function; validated by its annotations.
        statistics: numeric columns whose daily means the UI plots.
        source_rows: dotted path of ``f(row, *, <input>=frame, …, <parameter>=value, …)``, which
            returns the input rows of a row; used by ``ml-assets trace``.
    """

    key: Key
    function: DottedPath
    contract: DottedPath
    description: Text
    owners: tuple[Owner, ...] = Field(min_length=1)
    days: Days
    inputs: Mapping[Name, TableInput] = Field(min_length=1)
    parameters: dict[str, Any] = {}
    statistics: tuple[str, ...] = ()
    source_rows: DottedPath | None = None

    @model_validator(mode="after")
    def _inputs_fit(self) -> Self:
        calendar = self.days.calendar
        for name, item in self.inputs.items():
            try:
                item.look_back_partitions(calendar)
            except ValueError as error:
                raise ValueError(f"inputs.{name}.{error}") from None
            if item.cadence and calendar.is_finer_than(Calendar(item.cadence, calendar.timezone)):
                raise ValueError(
                    f"inputs.{name}: {item.asset} is {item.cadence}, so the {self.days.cadence} table "
                    "would read what is not known yet. Use an input that is as fine as the table"
                )
        return self


class NewDaysConfiguration(Section):
    """A sensor that keeps daily tables up to date with their sources.

    Attributes:
        name: name of the sensor.
        sources: asset keys of the daily source tables; a day is processed when all of them have it.
        snapshots: asset keys of tables without days; they are extracted again when they change.
        tables: asset keys of the daily tables that are computed from them in the same run.
    """

    name: Name
    sources: tuple[Key, ...] = Field(min_length=1)
    snapshots: tuple[Key, ...] = ()
    tables: tuple[Key, ...] = ()
