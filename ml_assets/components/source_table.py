"""Template: one table of a source system, extracted by day, validated and stored.

A day whose source rows did not change is not written again. What is not right about a row or a
day is for its contract to say, see ``contracts``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

import dagster as dg
import pandas as pd
from pydantic import BaseModel

from ml_assets.contracts.contract import Contract
from ml_assets.contracts.lineage import copied
from ml_assets.contracts.validation import Validated, combine, validate
from ml_assets.errors import ContractViolation
from ml_assets.extraction.database import SourceDatabase
from ml_assets.extraction.fingerprint import assign_days, raw_fingerprints
from ml_assets.lake.code import code_version
from ml_assets.lake.content import DAY, SNAPSHOT
from ml_assets.lake.entries import Entry, Status
from ml_assets.lake.planning import Input, Plan, merge, plan
from ml_assets.lake.staleness import stale
from ml_assets.lake.store import Lake
from ml_assets.orchestration.checks import (
    StoredDays,
    TableCheck,
    Verdict,
    standard_checks,
    table_checks,
)
from ml_assets.orchestration.partitions import Days, bounds
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.orchestration.tables import (
    dead_letter_spec,
    load_object,
    statistics_of_days,
    table_asset,
    table_spec,
)
from ml_assets.settings import settings

CHUNK_DAYS = 31
"""Days read from the source at once: bounds memory, not results."""

SOURCE_KEY = "ml_assets/source"
"""Definition metadata of a source table: where its rows come from, see ``Source``."""

UP_TO_DATE_CHECK = "up_to_date_with_source"
FRESHNESS_CHECK = "newest_row_is_recent"


class Source(BaseModel, extra="forbid"):
    """Where a table's rows come from, for whoever waits for them.

    Attributes:
        table: its name in the source database.
        time_column: timestamp that says which day a row belongs to; None for a snapshot.
        max_age_hours: how long before the end of a complete day its newest row may be.
    """

    table: str
    time_column: str | None
    max_age_hours: float | None


class SourceTable(dg.Component, dg.Model, dg.Resolvable):
    """A table of the source database as a partitioned, validated asset.

    Attributes:
        key: asset key, ``pipeline/noun``.
        table: its name in the source database.
        contract: dotted path of its contract.
        description: what it is, for a stakeholder.
        owners: ``team:…`` names.
        time_column: timestamp that says which day a row belongs to; omitted for a snapshot.
        days: the days it has; omitted for a snapshot.
        max_age_hours: how long before the end of its day the newest row may be.
        statistics: numeric columns whose daily means the UI plots.
    """

    key: str
    table: str
    contract: str
    description: str
    owners: list[str]
    time_column: str | None = None
    days: Days | None = None
    max_age_hours: float | None = None
    statistics: list[str] = []

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The table, the source table it comes from, its dead letters and its checks."""
        del context
        spec = self._spec
        origin = dg.AssetSpec(
            key=self._origin.split("/"),
            description=f"Table {self.table} of the source database, as the client keeps it.",
            kinds={"sql"},
            owners=self.owners,
            group_name=spec.group_name,
            partitions_def=self._partitions,
        )

        return dg.Definitions(
            assets=[
                origin,
                table_asset(spec, self._extract),
                dead_letter_spec(spec, self._contract),
            ],
            asset_checks=[table_checks(spec.key, self._partitions, self._checks())],
        )

    @cached_property
    def _contract(self) -> type[Contract]:
        return load_object(self.contract)

    @cached_property
    def _partitions(self) -> dg.DailyPartitionsDefinition | None:
        return self.days.definition() if self.days else None

    @property
    def _origin(self) -> str:
        return f"source_database/{self.table}"

    @cached_property
    def _version(self) -> str:
        return code_version(self._contract, self.table, self.time_column)

    @cached_property
    def _spec(self) -> dg.AssetSpec:
        source = Source(
            table=self.table, time_column=self.time_column, max_age_hours=self.max_age_hours
        )
        return table_spec(
            self.key,
            self._contract,
            copied(self._contract, self._origin),
            stage="tables",
            description=self.description,
            owners=self.owners,
            kinds={"pandas", "deltalake"},
            version=self._version,
            partitions_def=self._partitions,
            deps=[dg.AssetDep(self._origin.split("/"))],
            metadata={SOURCE_KEY: source.model_dump()},
        )

    def _extract(self, days: Sequence[str]) -> TableOutput:
        source = SourceDatabase(settings().source_database_url)
        lake = Lake.of_project()
        extracted = [
            self._extract_chunk(source, lake, days[start : start + CHUNK_DAYS])
            for start in range(0, len(days), CHUNK_DAYS)
        ]
        planned = merge([part for part, _ in extracted])
        validated = combine([part for _, part in extracted])
        return TableOutput(
            planned,
            validated,
            self._version,
            day_metadata=statistics_of_days(
                lake, self.key, planned, validated.rows, self.statistics
            ),
        )

    def _extract_chunk(
        self, source: SourceDatabase, lake: Lake, days: Sequence[str]
    ) -> tuple[Plan, Validated]:
        raw = self._read(source, days)
        self._observe(lake, days, raw)
        planned = plan(
            lake,
            self.key,
            days,
            {"source": Input(self._origin, is_snapshot=self._partitions is None)},
            self._version,
        )
        wanted = raw[raw[DAY].isin(planned.compute)] if planned.unchanged else raw
        reasons = self._why_empty(source, planned.compute, wanted)
        return planned, validate(wanted, self._contract, planned.compute, reasons)

    def _read(self, source: SourceDatabase, days: Sequence[str]) -> pd.DataFrame:
        if self._partitions is None or self.time_column is None:
            return source.snapshot(self.table).assign(**{DAY: SNAPSHOT})
        every = [day for day in self._partitions.get_partition_keys() if days[0] <= day <= days[-1]]
        starts = [self._bounds(day)[0] for day in every]
        try:
            rows = source.rows(self.table, self.time_column, starts[0], self._bounds(days[-1])[1])
        except ContractViolation:
            return source.no_rows(self.table).assign(**{DAY: ""})
        rows = assign_days(rows, self.time_column, every, starts)
        return rows if len(every) == len(days) else rows[rows[DAY].isin(days)]

    def _bounds(self, day: str) -> tuple[datetime, datetime]:
        assert self._partitions is not None
        return bounds(self._partitions, day)

    def _observe(self, lake: Lake, days: Sequence[str], raw: pd.DataFrame) -> None:
        """Note in the ledger what the source holds now, where that is news."""
        found = raw_fingerprints(raw, days)
        known = lake.ledger.latest(self._origin, days)
        counts = raw[DAY].value_counts()
        lake.ledger.append(
            [
                Entry(
                    self._origin,
                    day,
                    Status.STORED,
                    content_hash=fingerprint,
                    rows=int(counts.get(day, 0)),
                )
                for day, fingerprint in found.items()
                if day not in known or known[day].content_hash != fingerprint
            ]
        )

    def _why_empty(
        self, source: SourceDatabase, days: Sequence[str], rows: pd.DataFrame
    ) -> Mapping[str, str]:
        empty = sorted(set(days) - set(rows[DAY].unique()))
        if not empty or self.time_column is None or self.time_column not in rows.columns:
            return {}
        newest = source.newest(self.table, self.time_column)
        if newest is None:
            return dict.fromkeys(empty, f"source table {self.table} has no rows at all")
        return {
            day: f"no rows in the source, whose newest row is of {newest:%Y-%m-%d %H:%M} UTC"
            if self._bounds(day)[0] > newest
            else "no rows in the source, though it has later ones"
            for day in empty
        }

    def _checks(self) -> list[TableCheck]:
        checks = standard_checks(self._contract)
        checks.append(
            TableCheck(
                UP_TO_DATE_CHECK,
                "The source still holds the rows that were extracted for this day.",
                self._up_to_date,
            )
        )
        if self.max_age_hours is not None:
            checks.append(
                TableCheck(
                    FRESHNESS_CHECK,
                    f"The newest row is at most {self.max_age_hours:g} h older than the end of "
                    "its day: the source did not stop in between.",
                    self._newest_row_is_recent,
                    dg.AssetCheckSeverity.WARN,
                )
            )
        return checks

    def _up_to_date(self, stored: StoredDays) -> dict[str, Verdict]:
        if stored.is_just_written:
            return dict.fromkeys(stored.stored, Verdict(True))
        lake = Lake.of_project()
        source = SourceDatabase(settings().source_database_url)
        for start in range(0, len(stored.days), CHUNK_DAYS):
            days = stored.days[start : start + CHUNK_DAYS]
            self._observe(lake, days, self._read(source, days))
        changed = stale(lake.ledger, self.key, stored.stored)
        return {
            day: Verdict(False, "its source rows changed: materialize it again")
            if day in changed
            else Verdict(True)
            for day in stored.stored
        }

    def _newest_row_is_recent(self, stored: StoredDays) -> dict[str, Verdict]:
        newest = stored.rows.groupby(DAY)[str(self.time_column)].max()
        return {day: self._age_verdict(day, newest.get(day)) for day in stored.stored}

    def _age_verdict(self, day: str, newest: pd.Timestamp | None) -> Verdict:
        if newest is None:
            return Verdict(False, "the day has no rows")
        age = (pd.Timestamp(self._bounds(day)[1]) - newest).total_seconds() / 3600
        return Verdict(
            age <= (self.max_age_hours or 0),
            f"its newest row is {age:.1f} h older than the end of the day",
        )
