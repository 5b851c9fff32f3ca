"""Checks of a table, which return a verdict for each stored day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd

from ml_assets.lake.remedy import materialize_day_command
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class DayVerdict:
    """Result of one check for one day."""

    passed: bool
    reason: str = ""
    is_warning: bool = False
    """Whether a failure is a warning, whatever the check's severity."""


@dataclass(frozen=True)
class StoredDays:
    """Input of a check: the stored state of some days of one table."""

    workspace: Workspace
    lake: Lake
    """The workspace's lake; opened once, because each access confirms that its ledger belongs to it."""
    table: str
    days: Sequence[str]
    entries: Mapping[str, Entry]
    rows: pd.DataFrame
    """Rows of the stored days, with ``ds``."""
    damage: Mapping[str, str] = field(default_factory=dict)
    """Stored day whose rows do not match their record → the reason."""
    parts: Sequence[pd.DataFrame] = ()
    """The same rows, one frame for each schema they were stored with."""
    is_just_written: bool = False
    """Whether the run that checks them also wrote them."""

    @property
    def stored(self) -> list[str]:
        """Days with usable rows."""
        return [day for day in self.days if self._status(day) is Status.STORED]

    @property
    def skipped(self) -> set[str]:
        """Days that have no rows because of their inputs."""
        return {day for day in self.days if self._status(day) is Status.SKIPPED}

    def absence(self, day: str) -> DayVerdict:
        """The verdict on a day that is not stored."""
        status = self._status(day)
        if status is None:
            return DayVerdict(False, "not materialized")
        if status is Status.WRITING:
            command = materialize_day_command(self.table, day)
            return DayVerdict(
                False, f"is being written, or its run was interrupted. In that case run: {command}"
            )
        return DayVerdict(False, f"{status.value}: {self.entries[day].reason}")

    def _status(self, day: str) -> Status | None:
        return self.entries[day].status if day in self.entries else None


CheckFunction = Callable[[StoredDays], Mapping[str, DayVerdict]]


@dataclass(frozen=True)
class TableCheck:
    """A check of a table and the function that evaluates it for stored days."""

    name: str
    description: str
    judge: CheckFunction
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    reads_rows: bool = True
    fails_run: bool = True
    """Whether a failed day fails the run; False for gates, whose failures are a valid result."""
