"""What a check of a table is: a verdict for each stored day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd

from ml_assets.ledger.entries import Entry, Status
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class DayVerdict:
    """Result of one check for one day."""

    passed: bool
    reason: str = ""
    is_warning: bool = False
    """Whether not passing is a warning, whatever the check's severity."""


@dataclass(frozen=True)
class StoredDays:
    """What a check looks at: the stored state of some days of one table."""

    workspace: Workspace
    table: str
    days: Sequence[str]
    entries: Mapping[str, Entry]
    rows: pd.DataFrame
    """Rows of the stored days, with ``ds``."""
    damage: Mapping[str, str] = field(default_factory=dict)
    """Stored day → why its rows are not those that were recorded, where they are not."""
    parts: Sequence[pd.DataFrame] = ()
    """The same rows, those that were stored with one schema together and typed by it."""
    is_just_written: bool = False
    """Whether the run that checks them also wrote them."""

    @property
    def stored(self) -> list[str]:
        """Days that have rows that may be read."""
        return [day for day in self.days if self._status(day) is Status.STORED]

    @property
    def skipped(self) -> set[str]:
        """Days that have no rows because of what they are made from."""
        return {day for day in self.days if self._status(day) is Status.SKIPPED}

    def absence(self, day: str) -> DayVerdict:
        """The verdict on a day that is not stored."""
        status = self._status(day)
        if status is None:
            return DayVerdict(False, "not materialized")
        if status is Status.WRITING:
            return DayVerdict(False, "a run died while writing it: materialize it again")
        return DayVerdict(False, f"{status.value}: {self.entries[day].reason}")

    def _status(self, day: str) -> Status | None:
        return self.entries[day].status if day in self.entries else None


CheckFunction = Callable[[StoredDays], Mapping[str, DayVerdict]]


@dataclass(frozen=True)
class TableCheck:
    """A promise about a table and the function that judges it for stored days."""

    name: str
    description: str
    judge: CheckFunction
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    reads_rows: bool = True
    fails_run: bool = True
    """Whether a day that does not pass ends the run as failed. A gate that blocks has done its work."""
