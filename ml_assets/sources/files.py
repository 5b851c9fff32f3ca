"""Files of one pattern as a source: rows belong to the date of their file, or to that of a column.

If names contain a date, only the files of a span are read. With a time column too, a row's time has
to be in the period of its file, so that a row does not depend on which other files are read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation, SourceCorrupt
from ml_assets.sources.clock import Clock
from ml_assets.sources.completeness import Hour
from ml_assets.sources.file_formats import Chunk, Unreadable, chunks
from ml_assets.sources.file_names import FORMATS, FilePattern, Period
from ml_assets.sources.file_store import FileStore
from ml_assets.sources.moments import EARLIEST, LATEST
from ml_assets.sources.source import (
    LINE,
    Placed,
    hours_of,
    implausible,
    joined,
    oldest_of,
    placed,
    without_rows,
)


@dataclass(frozen=True)
class SourceFiles:
    """Files of one pattern; see ``Source``.

    Attributes:
        store: the folder.
        pattern: which files.
        clock: their time column; None if names alone determine the partition, or for a table
            without days.
    """

    store: FileStore
    pattern: FilePattern
    clock: Clock | None = None

    @property
    def name(self) -> str:
        """The pattern and the folder."""
        return f"files '{self.pattern.text}' in {self.store.name}"

    def rows(self, start: datetime, end: datetime) -> Placed:
        """Raw rows of a span."""
        parts = [self._rows_of(path, start, end) for path in self._paths(start, end)]
        return joined([part for part in parts if len(part.rows)] or [self._no_rows()])

    def unplaced(self, first: datetime | None, until: datetime | None) -> Placed:
        """Raw rows that belong to no partition, and lines that are not rows."""
        found = [
            part
            for path in self._paths()
            for part in self._unplaced_of(path, first, until)
            if len(part.rows)
        ]
        return joined(found or [self._no_rows()])

    def hours(self, since: datetime, until: datetime = LATEST) -> list[Hour]:
        """Row counts of each hour of a span; hours without rows are left out."""
        return hours_of(self._moments(self._paths(since, until)), since, until)

    def oldest(self, since: datetime = EARLIEST) -> datetime | None:
        """The oldest moment from another on."""
        paths = self._paths(since, LATEST)
        if not self.pattern.has_date:
            return oldest_of(self._moments(paths), since)
        ordered = (oldest_of(self._moments([path]), since) for path in paths)
        return next((found for found in ordered if found is not None), None)

    def snapshot(self) -> pd.DataFrame:
        """All raw rows of a table without days."""
        parts = []
        for path in self._paths():
            for chunk in self._chunks(path):
                for text, problem in chunk.broken:
                    raise SourceCorrupt(f"{path} in {self.store.name}: {problem}: {text}")
                parts.append(Placed(chunk.rows, *_unknown(len(chunk.rows))))
        return joined(parts).rows

    def no_rows(self) -> pd.DataFrame:
        """An empty frame with the columns of the newest file that has rows or a header."""
        return self._no_rows().rows

    def _no_rows(self) -> Placed:
        for path in reversed(self._paths()):
            try:
                names = next((list(map(str, part.rows)) for part in self._chunks(path)), [])
            except SourceCorrupt:
                continue
            if names:
                return Placed(without_rows(names), *_unknown(0))
        return Placed(pd.DataFrame(), *_unknown(0))

    def _paths(self, start: datetime | None = None, end: datetime | None = None) -> list[str]:
        """Paths of the files that may have rows of a span, in order of their periods."""
        found = [
            path for path in self.store.paths(self.pattern.folder) if self.pattern.matches(path)
        ]
        if not found:
            raise self.store.missing(self.pattern.text)
        if not self.pattern.has_date:
            return found
        periods = {path: self.pattern.period(path) for path in found}
        if start is None or end is None:
            return found
        dated = [(period, path) for path, period in periods.items() if period]
        return [path for (first, last), path in sorted(dated) if first < end and last > start]

    def _rows_of(self, path: str, start: datetime, end: datetime) -> Placed:
        """The rows of a span in one file, with all of its columns."""
        names: dict[str, None] = {}
        parts = []
        for chunk in self._chunks(path):
            names |= dict.fromkeys(chunk.rows.columns)
            parts.append(self._placed(path, chunk.rows).within(start, end))
        if not parts:
            return Placed(pd.DataFrame(), *_unknown(0))
        found = joined(parts)
        missing = {name: None for name in names if name not in found.rows.columns}
        return Placed(found.rows.assign(**missing), found.at, found.problems)

    def _unplaced_of(
        self, path: str, first: datetime | None, until: datetime | None
    ) -> Iterator[Placed]:
        """Rows of one file that belong to no partition; its time column is read first."""
        columns = None if self.clock is None else [self.clock.column]
        try:
            parts = list(self._implausible(path, first, until, columns))
            if self.clock is not None and any(len(part.rows) for part in parts):
                parts = list(self._implausible(path, first, until, None))
        except SourceCorrupt:
            if self.pattern.period(path) is None:
                raise
            return  # its own days are reported when they are read
        yield from parts

    def _implausible(
        self,
        path: str,
        first: datetime | None,
        until: datetime | None,
        columns: Sequence[str] | None,
    ) -> Iterator[Placed]:
        column = "the date of the file" if self.clock is None else self.clock.column
        for chunk in self._chunks(path, columns):
            yield implausible(self._placed(path, chunk.rows), column, first, until)
            if chunk.broken:
                texts, problems = zip(*chunk.broken, strict=True)
                rows = pd.DataFrame({LINE: pd.Series(texts, dtype=object)})
                at, _ = _unknown(len(rows))
                yield Placed(rows, at, pd.Series([f"{path}: {why}" for why in problems]))

    def _moments(self, paths: Sequence[str]) -> Iterator[pd.Series]:
        columns = [] if self.clock is None else [self.clock.column]
        for path in paths:
            try:
                yield from [
                    self._placed(path, chunk.rows).at for chunk in self._chunks(path, columns)
                ]
            except SourceCorrupt:
                if self.pattern.period(path) is None:
                    raise

    def _placed(self, path: str, rows: pd.DataFrame) -> Placed:
        period = self.pattern.period(path) if self.pattern.has_date else None
        if self.pattern.has_date and period is None:
            return Placed(rows, *_unknown(len(rows), f"{path} is not named by a date"))
        if self.clock and FORMATS[self.pattern.suffix] == "jsonl":  # it leaves out what is null
            rows = rows.assign(**{self.clock.column: rows.get(self.clock.column)})
        if self.clock is None or self.clock.column not in rows.columns:
            return self._placed_by_name(path, rows, period)
        found = placed(rows, self.clock)
        if period is None:
            return found
        outside = (found.at < period[0]) | (found.at >= period[1])
        problem = f"{self.clock.column}: is not in the period of its file {path}"
        problems = found.problems.mask(outside, problem)
        return Placed(found.rows, found.at.mask(outside), problems)

    def _placed_by_name(self, path: str, rows: pd.DataFrame, period: Period | None) -> Placed:
        """Rows without a time column: the file's period has to be known."""
        if period is None:
            assert self.clock is not None
            if rows.columns.empty:
                return Placed(rows, *_unknown(len(rows)))
            raise ContractViolation(
                f"schema is wrong: time column '{self.clock.column}' is missing from {path}, which "
                f"has {', '.join(map(str, rows.columns))}"
            )
        at, problems = _unknown(len(rows))
        return Placed(rows, at.fillna(pd.Timestamp(period[0])), problems)

    def _chunks(self, path: str, columns: Sequence[str] | None = None) -> Iterator[Chunk]:
        with self.store.connected():
            try:
                yield from chunks(
                    self.store.filesystem,
                    self.store.full_path(path),
                    FORMATS[self.pattern.suffix],
                    columns,
                )
            except Unreadable as error:
                raise SourceCorrupt(
                    f"{path} in {self.store.name} cannot be read ({self.store.cause(error)}). "
                    "Have it delivered again, and materialize its days again."
                ) from None


def _unknown(count: int, problem: str = "") -> tuple[pd.Series, pd.Series]:
    """(n,) null moments and (n,) problems."""
    nothing = np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
    at = pd.Series(nothing).dt.tz_localize("UTC")
    return at, pd.Series([problem] * count, dtype=object)
