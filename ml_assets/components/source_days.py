"""The days of one source table, and the rows whose timestamp belongs to no day.

``sources.completeness`` defines which row counts are usual and which timestamps are plausible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import dagster as dg
import pandas as pd

from ml_assets.cadence import day_of
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.dead_letters import dead_letters
from ml_assets.contracts.validation import schema_problem
from ml_assets.errors import ContractViolation, SourceCorrupt
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import usable_hashes
from ml_assets.orchestration.assets.dead_letters import UNPLACED, dead_letters_of
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.orchestration.partitions import Partitions, bounds, calendar_of
from ml_assets.sources.completeness import Extent, extent_of
from ml_assets.sources.fingerprint import assign_days
from ml_assets.sources.moments import EARLIEST
from ml_assets.sources.source import Source

PLACEMENT_CHECK = "every_row_has_a_day"

CHUNK, CHUNK_ROWS = timedelta(days=31), 30_000
"""Time that is read from the source at once, longer if it usually has fewer rows; limits memory use."""


@dataclass(frozen=True)
class SourceDays:
    """The current content of a source table by day. Days are passed in order.

    Attributes:
        source: the table in its source system.
        lake: lake whose ledger records the stored days.
        key: the table's name in the lake.
        time_column: stored column with the time that determines the day of a row; None if file
            names do.
        max_age: largest time between the newest row of a complete day and the day's end.
        partitions: the days of the table.
    """

    source: Source
    lake: Lake
    key: str
    time_column: str | None
    max_age: timedelta
    partitions: Partitions

    def read(
        self, days: Sequence[str], contract: type[Contract]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Raw rows of some days with ``ds``, and day → why it cannot be read or used.

        All days are read at once; if that fails, one by one. Days whose files lack a column of the
        contract cannot be used, and no day of a source without the time column.

        Raises:
            SourceMissing, SourceCorrupt, SourceUnavailable: the source cannot be read at all, or
                none of the days can be read and some of them are stored.
        """
        try:
            return self._rows(days, contract)
        except ContractViolation as error:
            nothing = self.source.no_rows()
            return nothing.assign(**{DAY: ""}), dict.fromkeys(days, str(error))
        except SourceCorrupt:
            nothing = self.source.no_rows()
        found, unreadable = [nothing.assign(**{DAY: ""})], dict[str, str]()
        for day in days:
            try:
                rows, unusable = self._rows([day], contract)
            except SourceCorrupt as error:
                unreadable[day] = str(error)
                if len(unreadable) == len(days) and usable_hashes(
                    self.lake.ledger.latest(self.key, days)
                ):
                    raise
            else:
                found.append(rows)
                unreadable |= unusable
        return pd.concat(found, ignore_index=True), unreadable

    def chunks(self, days: Sequence[str]) -> list[Sequence[str]]:
        """Consecutive parts of days, each of which is read at once."""
        calendar = calendar_of(self.partitions)
        try:
            usual = self.extent.usual or CHUNK_ROWS
        except (ContractViolation, SourceCorrupt):  # told when they are read
            usual = CHUNK_ROWS
        unit = calendar.at_least_daily().longest_partition
        size = calendar.covering(max(CHUNK, unit * int(CHUNK_ROWS // usual)))
        return [days[start : start + size] for start in range(0, len(days), size)]

    def last_complete(self, days: Sequence[str]) -> str:
        """The last of some days that is complete in the source; empty if none is."""
        if (until := self.extent.complete_until) is None:
            return ""
        last = calendar_of(self.partitions).last_ended(until)
        return max((day for day in days if day <= last), default="")

    def unplaced(self, contract: type[Contract]) -> pd.DataFrame:
        """Dead letters of all rows of the source that belong to no day.

        Their time is null, unreadable, or far from all other rows. Rows of a long history before
        the first day are not included.

        Args:
            contract: the table's contract.

        Returns:
            (n, …) dead letters whose ``ds`` is ``UNPLACED``.
        """
        try:
            found = self.source.unplaced(self._first_plausible, self._plausible_until)
        except ContractViolation:  # without the time column no day can be read
            return dead_letters(pd.DataFrame({DAY: []}), contract, [])
        return dead_letters(
            found.rows.assign(**{DAY: UNPLACED}), contract, found.problems.to_list()
        )

    def why_empty(self, days: Sequence[str], rows: pd.DataFrame) -> Mapping[str, str]:
        """Day without rows → the likely reason."""
        empty = sorted(set(days) - set(rows[DAY].unique()))
        if not empty or (self.time_column and self.time_column not in rows.columns):
            return {}
        newest = self.extent.newest
        if newest is None:
            return dict.fromkeys(empty, f"the source has no rows at all: {self.source.name}")
        return {
            day: f"no rows in the source, whose newest row is of {newest:%Y-%m-%d %H:%M} UTC"
            if self.bounds(day)[0] > newest
            else "no rows in the source, though it has later ones"
            for day in empty
        }

    def gone(self, days: Sequence[str], rows: pd.DataFrame) -> set[str]:
        """Stored days whose rows the source deleted, all of them or the oldest.

        Args:
            days: the days in question.
            rows: their raw rows with ``ds``.
        """
        stored = [day for day in days if self._stored.get(day)]
        present = set(rows[DAY].unique())
        gone = {day for day in stored if day not in present}
        if gone == set(stored) or self.time_column is None:
            return gone
        since = self._first_plausible or EARLIEST
        oldest = self.source.oldest(since)
        for day in set(stored) & present:
            start, end = self.bounds(day)
            if oldest and start <= oldest < end:
                known = self.lake.window(self.key, [day]).read([self.time_column])
                gone |= {day} if known[self.time_column].min() < oldest else set()
        return gone

    def bounds(self, day: str) -> tuple[datetime, datetime]:
        """First moment of a local day, and first moment after it."""
        return bounds(self.partitions, day)

    @cached_property
    def extent(self) -> Extent:
        """The time range of the source, determined from the newest stored days on."""
        return extent_of(
            calendar_of(self.partitions),
            day_of(self._first_day),
            self._stored,
            self.source.hours,
            self.max_age,
        )

    @property
    def _first_day(self) -> str:
        first = self.partitions.get_first_partition_key()
        assert first is not None
        return first

    @cached_property
    def _stored(self) -> dict[str, int]:
        """Stored day → its rows."""
        entries = self.lake.ledger.latest(self.key)
        return {day: entries[day].rows for day in usable_hashes(entries)}

    @cached_property
    def _plausible_until(self) -> datetime | None:
        known = [self.extent.plausible_until] if self.extent.plausible_until else []
        if self._stored:
            known.append(self.bounds(max(self._stored))[1])
        return max(known, default=None)

    @cached_property
    def _first_plausible(self) -> datetime | None:
        """Rows before it are errors. None if a usual day of rows is before it, which is history."""
        first = self.bounds(self._first_day)[0] - timedelta(days=1)
        early = self.source.hours(EARLIEST, first)
        is_history = sum(hour.rows for hour in early) >= (self.extent.usual or 1)
        return None if is_history else first

    def _rows(
        self, days: Sequence[str], contract: type[Contract]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Raw rows with ``ds``, and day → why its files cannot be used; its rows are left out."""
        every = calendar_of(self.partitions).keys(days[0], days[-1])
        starts = [self.bounds(day)[0] for day in every]
        end = self.bounds(days[-1])[1]
        until = self._plausible_until
        found = self.source.rows(starts[0], min(end, until) if until else end)
        rows = assign_days(found.rows, found.at, every, starts)
        problems = _schema_problems(rows, found.lacking, contract)
        is_usable = rows[DAY].isin(set(days) - problems.keys())
        return rows if is_usable.all() else rows[is_usable], problems


def _schema_problems(
    rows: pd.DataFrame, lacking: Mapping[str, pd.Series], contract: type[Contract]
) -> dict[str, str]:
    """Day → columns of the contract that some of its files lack.

    Args:
        rows: (n, columns) raw rows with ``ds``.
        lacking: column → (n,) mask of rows whose file does not have it.
        contract: the table's contract.
    """
    missing: dict[str, set[str]] = {}
    for name, mask in lacking.items():
        for day in rows.loc[mask, DAY].unique():
            missing.setdefault(day, set()).add(name)
    problems = {
        day: schema_problem(rows.drop(columns=[*names]), contract) for day, names in missing.items()
    }
    return {day: problem for day, problem in problems.items() if problem}


def every_row_has_a_day(key: str, time_column: str | None) -> TableCheck:
    """The check that every row of the source belongs to a day.

    Args:
        key: the table's name in the lake.
        time_column: time that determines the day of a row; None if file names do.
    """
    what = time_column or "date of their file"
    name = dead_letters_of(key)

    def judge(stored: StoredDays) -> dict[str, DayVerdict]:
        entry = stored.lake.ledger.latest(name, [UNPLACED]).get(UNPLACED)
        count = entry.rows if entry else 0
        verdicts = dict.fromkeys(stored.stored, DayVerdict(True))
        if count:  # these rows belong to no day: only the last day reports them
            verdicts[stored.stored[-1]] = DayVerdict(
                False,
                f"{count} rows of the source belong to no day, because their {what} is null, "
                f"unreadable or far from all others. They are in {name}, partition '{UNPLACED}'. "
                "Correct them in the source; the next extraction reads them again.",
            )
        return verdicts

    return TableCheck(
        PLACEMENT_CHECK,
        f"Every row of the source has a usable {time_column or 'date of its file'}, so it belongs to a day.",
        judge,
        dg.AssetCheckSeverity.WARN,
        reads_rows=False,
    )
