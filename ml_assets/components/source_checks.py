"""Checks of a source table: equal to the source, complete, and recent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from ml_assets.cadence import HOUR
from ml_assets.components.source_days import every_row_has_a_day
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.lake.rebuilding import REASON as REBUILT
from ml_assets.lake.remedy import impact_command, partition_option
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.orchestration.partitions import bounds, partitions
from ml_assets.planning.staleness import stale
from ml_assets.sources.connections import Connections

if TYPE_CHECKING:
    from ml_assets.components.source_table import SourceTable

UP_TO_DATE_CHECK = "up_to_date_with_source"
FRESHNESS_CHECK = "newest_row_is_recent"
RETENTION_CHECK = "still_in_source"


@dataclass(frozen=True)
class SourceChecks:
    """The checks of one source table.

    Attributes:
        table: the source table.
        contract: its contract.
    """

    table: "SourceTable"
    contract: type[Contract]

    def all(self) -> list[TableCheck]:
        """The standard checks and those of a source table."""
        table = self.table
        checks = standard_checks(self.contract)
        checks.append(
            TableCheck(
                UP_TO_DATE_CHECK,
                "The rows of this day in the source are the same as when they were extracted.",
                self._up_to_date,
            )
        )
        if table.config.days is not None:
            checks.append(
                TableCheck(
                    RETENTION_CHECK,
                    "The source still has the rows of this day, or the day is older than its "
                    "retention. Stored rows remain in use either way.",
                    self._still_in_source,
                    dg.AssetCheckSeverity.WARN,
                    reads_rows=False,
                )
            )
            checks.append(every_row_has_a_day(table.config.key, table.config.time_column))
        if table.config.max_age is not None and table.config.time_column is not None:
            checks.append(
                TableCheck(
                    FRESHNESS_CHECK,
                    f"The newest row is at most {table.config.max_age.words} older than the end of "
                    "its day, so the day is complete.",
                    self._newest_row_is_recent,
                    dg.AssetCheckSeverity.WARN,
                )
            )
        return checks

    def _up_to_date(self, stored: StoredDays) -> dict[str, DayVerdict]:
        if stored.is_just_written:
            return dict.fromkeys(stored.stored, DayVerdict(True))
        connections, lake = stored.workspace.connections, stored.lake
        unreadable: dict[str, str] = {}
        for days in self.table.chunks(connections, lake, stored.days):
            unreadable |= self.table.record_source(connections, lake, days)
        changed = stale(lake.ledger, self.table.config.key, stored.stored)
        return {
            day: DayVerdict(False, f"its source rows cannot be compared: {unreadable[day]}")
            if day in unreadable
            else _unknown_source(stored.entries[day])
            if stored.entries[day].reason == REBUILT
            else DayVerdict(False, f"its source rows changed. {self._repair(day)}")
            if day in changed
            else DayVerdict(True)
            for day in stored.stored
        }

    def _repair(self, day: str) -> str:
        command = impact_command(self.table.config.key, day)
        return f"To compute the day and what depends on it again, run: {command}"

    def _still_in_source(self, stored: StoredDays) -> dict[str, DayVerdict]:
        """Days whose rows the source deleted pass only if they are older than its retention."""
        if stored.is_just_written:
            return dict.fromkeys(stored.stored, DayVerdict(True))
        connections, lake = stored.workspace.connections, stored.lake
        gone: set[str] = set()
        for days in self.table.chunks(connections, lake, stored.stored):
            gone |= self.table.gone_from_source(connections, lake, days)
        kept_from = self._kept_from(connections, lake)
        return {
            day: DayVerdict(False, "the source deleted its rows; the stored rows remain in use")
            if day in gone and day >= kept_from
            else DayVerdict(True)
            for day in stored.stored
        }

    def _kept_from(self, connections: Connections, lake: Lake) -> str:
        """The first partition that the source should still have; empty if it keeps all days."""
        config = self.table.config
        newest = self.table.source_days(connections, lake).extent.newest
        if config.retention is None or config.days is None or newest is None:
            return ""
        calendar = config.days.calendar
        return calendar.shifted(calendar.key_of(newest), 1 - config.retention.partitions(calendar))

    def _newest_row_is_recent(self, stored: StoredDays) -> dict[str, DayVerdict]:
        newest = stored.rows.groupby(DAY)[str(self.table.config.time_column)].max()
        return {day: self._age_verdict(day, newest.get(day)) for day in stored.stored}

    def _age_verdict(self, day: str, newest: pd.Timestamp | None) -> DayVerdict:
        if newest is None:
            return DayVerdict(False, "the day has no rows")
        assert self.table.config.days is not None
        days = partitions(self.table.config.days)
        age = pd.Timestamp(bounds(days, day)[1]) - newest
        limit = self.table.config.max_age
        return DayVerdict(
            limit is not None and age <= limit.longest,
            f"its newest row is {age.total_seconds() / HOUR.total_seconds():.1f} h older than the end of the day",
        )


def _unknown_source(entry: Entry) -> DayVerdict:
    message = (
        "unknown, because the ledger was rebuilt: to compare it with the source, run "
        f"'ml-assets recompute {entry.table}{partition_option(entry.day)}'"
    )
    return DayVerdict(False, message, is_warning=True)
