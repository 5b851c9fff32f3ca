"""Configuration of source tables, computed tables and their sensor in a ``defs.yaml``."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ml_assets.cadence import Calendar
from ml_assets.configuration.days import CompletedDays
from ml_assets.configuration.inputs import TableInput
from ml_assets.configuration.sections import (
    ContractName,
    DottedPath,
    Key,
    Name,
    Owner,
    Section,
    Zone,
    may_lack,
)
from ml_assets.configuration.serving.online import Online
from ml_assets.durations import Age, DurationOrNone, PositiveDuration, partitions
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.online.definition import OnlineTable
from ml_assets.settings import SOURCE_DATABASE, SOURCE_FILES
from ml_assets.sources.clock import EPOCHS, Clock
from ml_assets.sources.connections import SourceSpecification
from ml_assets.sources.file_names import FilePattern

REVISITED = timedelta(days=3)
"""Last stored time that is compared with the source at every tick unless configured."""

SOURCES = "sources/"
"""Start of the keys of tables that belong to no pipeline."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _is_time_format(text: str) -> str:
    if text in EPOCHS:
        return text
    example = datetime(2024, 7, 8, 13, 5, 9, tzinfo=UTC)
    try:
        read = datetime.strptime(example.strftime(text), text)  # noqa: DTZ007
    except ValueError:
        read = None
    if read is None or read.date() != example.date() or read.hour not in (0, example.hour):
        raise ValueError(
            f"'{text}' is no format of a date or time.{suggestion(text, EPOCHS)} Expected "
            f"{', '.join(EPOCHS)}, or for example '%d.%m.%Y %H:%M'"
        )
    return text


TimeFormat = Annotated[str, AfterValidator(_is_time_format)]


class SourceTableConfiguration(Section, json_schema_extra=may_lack("owners")):
    """A table of a source system; one of ``table``, ``query`` and ``files`` is given.

    Attributes:
        key: asset key, ``pipeline/noun``.
        connection: name of the source system in the settings; the source database, or for files the
            folder of source files, when omitted.
        table: name of a database table, with its schema before a dot if it is not the default one.
        query: a SELECT of a database.
        files: pattern of file paths below the connection's folder, such as ``weather/%Y-%m-%d.csv``.
        contract: dotted path of its contract.
        description: description for stakeholders; the docstring of the contract when omitted.
        owners: ``team:…`` names.
        time_column: time that assigns a row to a partition; omitted for a snapshot, and for files
            that are assigned by the date in their name.
        time_format: format of the time column: ``epoch_s``, ``epoch_ms`` or ``epoch_us`` for numbers
            since 1970, or a format of ``strptime``; timestamps and ISO 8601 when omitted.
        time_zone: IANA zone of times without an offset, of dates and of file names; UTC when
            omitted, and for dates and file names the zone of the days.
        days: days of the table and the cadence of its partitions; omitted for a snapshot.
        max_age: maximum age of the newest row at the end of its partition.
        revisit: length of the last stored partitions that are compared with the source at every
            tick and extracted again when they changed; ``0d`` for none.
        retention: time for which the source keeps rows, which it may delete later; omitted when it
            keeps all rows.
        fresh_within: time from the end of a partition until it is stored, or else an alert tells so.
        statistics: numeric columns whose daily means the UI plots.
    """

    key: Key
    connection: Text | None = None
    table: Text | None = None
    query: Text | None = None
    files: Text | None = None
    contract: DottedPath
    description: Text | None = None
    owners: tuple[Owner, ...] = Field(min_length=1)
    time_column: str | None = Field(None, min_length=1)
    time_format: TimeFormat | None = None
    time_zone: Zone | None = None
    days: CompletedDays | None = None
    max_age: Age | None = None
    revisit: DurationOrNone | None = None
    retention: PositiveDuration | None = None
    fresh_within: Age | None = None
    statistics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _reads_one_thing(self) -> Self:
        given = [name for name in ("table", "query", "files") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) or 'none of table, query and files'} is given, expected one "
                "of table, query and files"
            )
        if self.query and not re.match(r"(select|with)\b", self.query, re.IGNORECASE):
            raise ValueError("query does not begin with SELECT or WITH")
        if self.files:
            self._pattern(self.files)
        return self

    @model_validator(mode="after")
    def _days_have_a_time(self) -> Self:
        is_dated = self.files is not None and self._pattern(self.files).has_date
        if self.time_column and not self.days:
            raise ValueError("time_column is given without days: a table with days needs both")
        if self.days and not (self.time_column or is_dated):
            raise ValueError(
                "days is given without time_column: a table with days needs both, or 'files' with "
                "the date in their name"
            )
        if self.time_format and not self.time_column:
            raise ValueError("time_format is given without time_column")
        for name in ("time_zone", "max_age", "revisit", "retention", "fresh_within"):
            if getattr(self, name) and not self.days:
                raise ValueError(f"{name} is given without days")
        if self.time_zone and self.time_format in EPOCHS and not is_dated:
            raise ValueError(
                f"time_zone has no effect on {self.time_format}, which is in UTC: remove it"
            )
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
            return self.days.calendar.nearest_count(REVISITED)
        return self.revisit.partitions(self.days.calendar)

    @property
    def specification(self) -> SourceSpecification:
        """Where the rows of the table are read from."""
        return SourceSpecification(
            connection=self.connection or (SOURCE_FILES if self.files else SOURCE_DATABASE),
            table=self.table,
            query=self.query,
            files=self._pattern(self.files) if self.files else None,
            clock=Clock(self.time_column, self.time_format, self.time_zone, self._day_zone)
            if self.time_column
            else None,
        )

    @property
    def origin(self) -> str:
        """Key of the asset that stands for what the table reads of its source system.

        It contains the table's own key, as two tables may read the same rows by different times.
        """
        own = re.sub(r"[^a-z0-9_]", "_", self.key.removeprefix(SOURCES).lower())
        return f"{self.specification.connection}/{own}"

    @property
    def what(self) -> str:
        """The source of the rows, for descriptions."""
        connection = self.specification.connection
        if self.table:
            return f"Rows of table {self.table} in {connection}"
        return f"Rows of {'a query' if self.query else f'files {self.files}'} in {connection}"

    @property
    def _day_zone(self) -> str:
        return self.days.timezone if self.days else "UTC"

    def _pattern(self, files: str) -> FilePattern:
        try:
            return FilePattern(files, self.time_zone or self._day_zone)
        except ConfigurationError as error:
            raise ValueError(f"files: {error}") from None


class FeatureTableConfiguration(Section, json_schema_extra=may_lack("owners", "days")):
    """A table computed by a function.

    Attributes:
        key: asset key, ``pipeline/noun``.
        function: dotted path of ``f(days, *, <input>=frame, …, <parameter>=value, …)``.
        contract: dotted path of its contract.
        description: description for stakeholders; the docstring of the contract when omitted.
        owners: ``team:…`` names.
        days: days of the table.
        inputs: argument name → input table.
        rows: name of the input whose rows the table describes, one for one, such as a timetable: each
            partition has a row for each of them, or for each entity of a snapshot.
        parameters: further keyword arguments of the function; validated by its annotations.
        fresh_within: time from the end of a partition until it is stored, or else an alert tells so.
        statistics: numeric columns whose daily means the UI plots.
        source_rows: dotted path of ``f(row, *, <input>=frame, …, <parameter>=value, …)``, which
            returns the input rows of a row; used by ``ml-assets trace``.
        online: how its newest rows are found in the online store; omitted for a table that is not
            in it.
    """

    key: Key
    function: DottedPath
    contract: ContractName
    description: Text | None = None
    owners: tuple[Owner, ...] = Field(min_length=1)
    days: CompletedDays
    inputs: Mapping[Name, TableInput] = Field(min_length=1)
    rows: Name | None = None
    parameters: dict[str, Any] = {}
    fresh_within: Age | None = None
    statistics: tuple[str, ...] = ()
    source_rows: DottedPath | None = None
    online: Online | None = None

    @property
    def online_table(self) -> OnlineTable | None:
        """The table as the online store knows it; None if it is not in it."""
        return self.online.of(self.key, self.days.calendar) if self.online else None

    @model_validator(mode="after")
    def _online_rows_are_known(self) -> Self:
        if self.online and self.days.ahead and self.online.event_time is None:
            raise ValueError(
                "online.event_time is missing: a table with 'ahead' has rows before their partition ends, "
                "so name the column with the time at which a row is known"
            )
        return self

    @model_validator(mode="after")
    def _inputs_fit(self) -> Self:
        calendar = self.days.calendar
        if self.rows and self.rows not in self.inputs:
            raise ValueError(
                f"rows is '{self.rows}', which is no input.{suggestion(self.rows, self.inputs)}"
            )
        for name, item in self.inputs.items():
            if item.asset == self.key:
                raise ValueError(f"inputs.{name}: {self.key} cannot be an input of itself")
            try:
                _, last = item.offsets(calendar)
                if name == self.rows and last:
                    raise ValueError("window excludes the partition whose rows the table describes")
            except ValueError as error:
                raise ValueError(f"inputs.{name}.{error}") from None
            if item.cadence and calendar.is_finer_than(Calendar(item.cadence, calendar.timezone)):
                raise ValueError(
                    f"inputs.{name}: {item.asset} is {item.cadence}, so the {self.days.cadence} table "
                    "would read values that are not known yet. Use an input that is as fine as the table"
                )
        return self


class NewDaysConfiguration(Section, json_schema_extra=may_lack("name", "sources")):
    """A sensor or schedule that keeps daily tables up to date with their sources.

    A document without ``sources``, ``snapshots`` and ``tables`` is about all tables of its file, if
    it is the file's only one.

    Attributes:
        name: name of the sensor or schedule; that of the file's only pipeline and ``__new_days`` when
            omitted.
        sources: asset keys of the daily source tables; a day is processed when all of them have it.
        snapshots: asset keys of tables without days; they are extracted again when they change.
        tables: asset keys of the daily tables that are computed from them in the same run.
        schedule: cron schedule, in the time zone of the days of the first source; a sensor looks all
            the time when omitted.
        default_status: ``stopped`` if it waits to be switched on in the UI; ``running`` starts it unless
            the environment stops all sensors.
    """

    name: Name
    default_status: Literal["running", "stopped"] = "running"
    sources: tuple[Key, ...] = Field(min_length=1)
    snapshots: tuple[Key, ...] = ()
    tables: tuple[Key, ...] = ()
    schedule: Text | None = None
