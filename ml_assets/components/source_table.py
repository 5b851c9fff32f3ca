"""Template: one table of a source system, extracted by day, validated and stored.

A day whose source rows did not change is not written again. What is not right about a row or a
day is for its contract to say, see ``contracts``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

import dagster as dg
import pandas as pd

from ml_assets.components.source_days import SourceDays, every_row_has_a_day
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.lineage import copied
from ml_assets.contracts.validation import Validated, combine, validate
from ml_assets.extraction.database import SourceDatabase
from ml_assets.extraction.fingerprint import observed_schema, raw_fingerprints
from ml_assets.lake.code import code_version
from ml_assets.lake.content import DAY, SNAPSHOT, columns_of
from ml_assets.lake.entries import Entry, Status, usable_hashes
from ml_assets.lake.planning import Input, Plan, computing_skipped, keeping, merge, plan
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
"""Definition metadata of a source table: the attributes of its ``SourceTable``."""

UP_TO_DATE_CHECK = "up_to_date_with_source"
FRESHNESS_CHECK = "newest_row_is_recent"
RETENTION_CHECK = "still_in_source"


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
        revisit_days: how many of the last processed days are compared with the source again at
            every tick; what changed is extracted again.
        retention_days: how long the source keeps rows; what it deletes later is expected to be
            gone. Omitted when it keeps everything.
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
    revisit_days: int = 3
    retention_days: int | None = None
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
            metadata={SOURCE_KEY: self.model_dump(mode="json")},
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
        if self._partitions is not None:
            unplaced = self._source_days(source, lake).unplaced(self._contract)
            letters = pd.concat([validated.dead_letters, unplaced], ignore_index=True)
            validated = replace(validated, dead_letters=letters)
        return TableOutput(
            planned,
            validated,
            self._version,
            day_metadata=statistics_of_days(
                lake, self.key, planned, validated.rows, self.statistics
            ),
            places_every_row=self._partitions is not None,
        )

    def _extract_chunk(
        self, source: SourceDatabase, lake: Lake, days: Sequence[str]
    ) -> tuple[Plan, Validated]:
        raw, unreadable = self._read(source, lake, days)
        gone = self._observe(source, lake, days, raw, unreadable, is_extracted=True)
        planned = plan(
            lake,
            self.key,
            days,
            {"source": Input(self._origin, is_snapshot=self._partitions is None)},
            self._version,
        )
        planned = keeping(planned, lake.ledger.latest(self.key, sorted(gone)))
        planned = computing_skipped(planned, [day for day in unreadable if day in planned.skipped])
        wanted = raw[raw[DAY].isin(planned.compute)] if planned.unchanged else raw
        reasons = self._why_empty(source, lake, planned.compute, wanted)
        validated = validate(wanted, self._contract, planned.compute, reasons)
        refused = {day: unreadable[day] for day in planned.compute if day in unreadable}
        return planned, replace(validated, quarantined={**validated.quarantined, **refused})

    def _source_days(self, source: SourceDatabase, lake: Lake) -> SourceDays:
        assert self._partitions is not None
        assert self.time_column is not None
        return SourceDays(
            source,
            lake,
            self.key,
            self.table,
            self.time_column,
            self.max_age_hours or 0,
            self._partitions,
        )

    def _read(
        self, source: SourceDatabase, lake: Lake, days: Sequence[str]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Raw rows with ``ds``, and day → why it cannot be read."""
        if self._partitions is None or self.time_column is None:
            return source.snapshot(self.table).assign(**{DAY: SNAPSHOT}), {}
        return self._source_days(source, lake).read(days)

    def _bounds(self, day: str) -> tuple[datetime, datetime]:
        assert self._partitions is not None
        return bounds(self._partitions, day)

    def last_complete(self, source: SourceDatabase, lake: Lake, days: Sequence[str]) -> str:
        """The last of some days that the source has completely; empty when it has none."""
        return self._source_days(source, lake).last_complete(days)

    def look_again(self, source: SourceDatabase, lake: Lake, days: Sequence[str]) -> dict[str, str]:
        """Note in the ledger what the source holds of some days now.

        Returns:
            Day → why it cannot be read.
        """
        if not days:
            return {}
        raw, unreadable = self._read(source, lake, days)
        self._observe(source, lake, days, raw, unreadable)
        return unreadable

    def _observe(
        self,
        source: SourceDatabase,
        lake: Lake,
        days: Sequence[str],
        raw: pd.DataFrame,
        unreadable: Mapping[str, str],
        *,
        is_extracted: bool = False,
    ) -> set[str]:
        """Note in the ledger what the source holds now, where that is news.

        A day that was observed under another contract is compared by the columns of that contract
        until it is extracted again: a column more in the contract is no change of the source.

        Returns:
            Stored days that cannot be had from the source any more, because it deleted their rows
            or cannot read them: they stay as they are.
        """
        known = lake.ledger.latest(self._origin, days)
        schema = observed_schema(raw, columns(self._contract))
        schemas = {schema} if is_extracted else {known[day].schema for day in known} | {schema}
        found = {name: raw_fingerprints(raw, days, columns_of(name)) for name in schemas if name}
        changed = [
            day
            for day in days
            if day not in unreadable
            and (
                day not in known
                or found.get(known[day].schema, found[schema])[day] != known[day].content_hash
            )
        ]
        gone = self._gone(source, lake, changed, raw)
        counts = raw[DAY].value_counts()
        lake.ledger.append(
            [
                Entry(
                    self._origin,
                    day,
                    Status.STORED,
                    content_hash=found[schema][day],
                    rows=int(counts.get(day, 0)),
                    schema=schema,
                )
                for day in changed
                if day not in gone
            ]
        )
        kept = usable_hashes(lake.ledger.latest(self.key, list(unreadable))) if unreadable else {}
        lake.ledger.append(
            [
                Entry(self._origin, day, Status.QUARANTINED, reason=reason)
                for day, reason in unreadable.items()
                if day not in kept
                and (day not in known or known[day].status is not Status.QUARANTINED)
            ]
        )
        return gone | {*kept}

    def _gone(
        self, source: SourceDatabase, lake: Lake, days: Sequence[str], raw: pd.DataFrame
    ) -> set[str]:
        """Stored days of which the source no longer has any row, or deleted the oldest ones."""
        if self._partitions is None or self.time_column is None or not days:
            return set()
        entries = lake.ledger.latest(self.key, days)
        stored = [day for day in days if day in entries and entries[day].rows]
        present = set(raw[DAY].unique())
        gone = {day for day in stored if day not in present}
        oldest = source.oldest(self.table, self.time_column) if present & set(stored) else None
        boundary = [day for day in stored if oldest and self._contains(day, oldest)]
        for day in set(boundary) & present:
            moments = lake.window(self.key, [day]).read([self.time_column])[self.time_column]
            if moments.min() < oldest:
                gone.add(day)
        return gone

    def _contains(self, day: str, moment: datetime) -> bool:
        start, end = self._bounds(day)
        return start <= moment < end

    def _why_empty(
        self, source: SourceDatabase, lake: Lake, days: Sequence[str], rows: pd.DataFrame
    ) -> Mapping[str, str]:
        if self._partitions is None or set(days) <= set(rows[DAY].unique()):
            return {}
        return self._source_days(source, lake).why_empty(days, rows)

    def _checks(self) -> list[TableCheck]:
        checks = standard_checks(self._contract)
        checks.append(
            TableCheck(
                UP_TO_DATE_CHECK,
                "The source still holds the rows that were extracted for this day.",
                self._up_to_date,
            )
        )
        if self._partitions is not None:
            checks.append(
                TableCheck(
                    RETENTION_CHECK,
                    "The source still has the rows of this day, or its retention says that it "
                    "deletes them. Stored rows stay in use either way.",
                    self._still_in_source,
                    dg.AssetCheckSeverity.WARN,
                    reads_rows=False,
                )
            )
            checks.append(every_row_has_a_day(self.key, str(self.time_column)))
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
        unreadable: dict[str, str] = {}
        for start in range(0, len(stored.days), CHUNK_DAYS):
            unreadable |= self.look_again(source, lake, stored.days[start : start + CHUNK_DAYS])
        changed = stale(lake.ledger, self.key, stored.stored)
        return {
            day: Verdict(False, f"its source rows cannot be compared: {unreadable[day]}")
            if day in unreadable
            else Verdict(False, "its source rows changed: materialize it again")
            if day in changed
            else Verdict(True)
            for day in stored.stored
        }

    def _still_in_source(self, stored: StoredDays) -> dict[str, Verdict]:
        """Days whose rows the source deleted pass only where its retention says so."""
        if stored.is_just_written:
            return dict.fromkeys(stored.stored, Verdict(True))
        lake = Lake.of_project()
        source = SourceDatabase(settings().source_database_url)
        gone: set[str] = set()
        for start in range(0, len(stored.stored), CHUNK_DAYS):
            days = stored.stored[start : start + CHUNK_DAYS]
            raw, unreadable = self._read(source, lake, days)
            readable = [day for day in days if day not in unreadable]
            gone |= self._gone(source, lake, readable, raw)
        kept_from = self._kept_from(source)
        return {
            day: Verdict(False, "its rows are gone from the source; the stored rows stay in use")
            if day in gone and day >= kept_from
            else Verdict(True)
            for day in stored.stored
        }

    def _kept_from(self, source: SourceDatabase) -> str:
        """The first day that the source should still have; empty when it keeps every day."""
        newest = source.newest(self.table, str(self.time_column))
        if self.retention_days is None or newest is None:
            return ""
        return (newest - timedelta(days=self.retention_days - 1)).date().isoformat()

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
