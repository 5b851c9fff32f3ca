"""Files of one pattern as a source: rows belong to the date of their file, or to that of a column.

If names contain a date, only the files of a span are read. With a time column too, a row's time has
to be in the period of its file, so that a row does not depend on which other files are read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ml_assets.errors import SourceCorrupt
from ml_assets.sources.clock import Clock
from ml_assets.sources.completeness import Hour
from ml_assets.sources.file_batches import FILE, FileBatch, FileBatches
from ml_assets.sources.file_formats import Chunk, Unreadable, chunks
from ml_assets.sources.file_names import FORMATS, FilePattern
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
    unknown_moments,
    without_rows,
    without_time_column,
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
        paths = self._paths(start, end)
        batches = FileBatches(paths)
        parts = [self._placed(batch).within(start, end) for batch in self._read(batches)]
        found = joined(parts)
        return batches.with_columns(found) if len(found.rows) else self._no_rows()

    def unplaced(self, first: datetime | None, until: datetime | None) -> Placed:
        """Raw rows that belong to no partition, and lines that are not rows.

        The time column of all files is read first, and the files with such rows are read again.
        """
        found, paths = self._implausible(self._paths(), first, until, self._time_columns)
        if self.clock is not None and paths:
            found, _ = self._implausible(paths, first, until, None)
        return joined([part for part in found if len(part.rows)] or [self._no_rows()])

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
        batches = FileBatches(self._paths())
        parts = []
        for batch in batches.read(self._chunks):
            for path, text, problem in batch.broken:
                raise SourceCorrupt(f"{path} in {self.store.name}: {problem}: {text}")
            parts.append(Placed(batch.rows, *unknown_moments(len(batch.rows))))
        return batches.with_columns(joined(parts)).rows

    def no_rows(self) -> pd.DataFrame:
        """An empty frame with the columns of the newest file that has rows or a header."""
        return self._no_rows().rows

    def _no_rows(self) -> Placed:
        for path in reversed(self._paths()):
            try:
                names = self._columns(path)
            except SourceCorrupt:
                continue
            if names:
                return Placed(without_rows(names), *unknown_moments(0))
        return Placed(pd.DataFrame(), *unknown_moments(0))

    def _columns(self, path: str) -> list[str]:
        """Columns of the first rows of a file."""
        return next((list(part.cells) for part in self._chunks(path)), [])

    def _paths(self, start: datetime | None = None, end: datetime | None = None) -> list[str]:
        """Paths of the files that may have rows of a span, in order of their periods."""
        found = [
            path for path in self.store.paths(self.pattern.folder) if self.pattern.matches(path)
        ]
        if not found:
            raise self.store.missing(self.pattern.text)
        if not self.pattern.has_date or start is None or end is None:
            return found
        dated = [(period, path) for path in found if (period := self.pattern.period(path))]
        return [path for (first, last), path in sorted(dated) if first < end and last > start]

    def _implausible(
        self,
        paths: Sequence[str],
        first: datetime | None,
        until: datetime | None,
        columns: Sequence[str] | None,
    ) -> tuple[list[Placed], list[str]]:
        """Rows that belong to no partition, and the paths of their files."""
        column = "the date of the file" if self.clock is None else self.clock.column
        found: list[Placed] = []
        of_files: set[str] = set()
        for batch in self._read(FileBatches(paths), columns, self._may_skip):
            part = implausible(self._placed(batch), column, first, until)
            of_files |= {paths[number] for number in part.rows[FILE].unique()}
            of_files |= {path for path, _, _ in batch.broken}
            found.append(Placed(part.rows.drop(columns=FILE), part.at, part.problems))
            if batch.broken:
                lines = pd.DataFrame({LINE: [text for _, text, _ in batch.broken]}, dtype=object)
                problems = pd.Series([f"{path}: {why}" for path, _, why in batch.broken])
                found.append(Placed(lines, unknown_moments(len(lines))[0], problems))
        return found, [path for path in paths if path in of_files]

    @property
    def _time_columns(self) -> list[str]:
        return [] if self.clock is None else [self.clock.column]

    def _may_skip(self, path: str) -> bool:
        """Whether a file that cannot be read is left out, as its own days report it."""
        return self.pattern.period(path) is not None

    def _moments(self, paths: Sequence[str]) -> Iterator[pd.Series]:
        for batch in self._read(FileBatches(paths), self._time_columns, self._may_skip):
            yield self._placed(batch).at

    def _read(
        self,
        batches: FileBatches,
        columns: Sequence[str] | None = None,
        may_skip: Callable[[str], bool] | None = None,
    ) -> Iterator[FileBatch]:
        """The rows of files in batches.

        Raises:
            ContractViolation: a file with rows lacks the time column, and its name has no date.
        """
        with_rows: set[int] = set()
        for batch in batches.read(self._chunks, columns, may_skip):
            with_rows |= {*batch.files}
            yield batch
        if self.clock is None or self.pattern.has_date:
            return
        for number in sorted(with_rows):
            if self.clock.column not in batches.columns[number]:
                path = batches.paths[number]
                where = f"{path} in {self.store.name}"
                raise without_time_column(self.clock.column, where, self._columns(path))

    def _placed(self, batch: FileBatch) -> Placed:
        found = self._by_time(batch) if self.clock else None
        if not self.pattern.has_date:
            assert found is not None
            return found
        periods: list[tuple[Any, Any]] = [
            self.pattern.period(path) or (pd.NaT, pd.NaT) for path in batch.paths
        ]
        starts, ends = (
            pd.Series(pd.to_datetime([period[n] for period in periods], utc=True)).dt.as_unit("us")
            for n in (0, 1)
        )
        start = starts.take(batch.files).reset_index(drop=True)
        end = ends.take(batch.files).reset_index(drop=True)
        if found is None:
            at, problems = start, pd.Series("", index=start.index, dtype=object)
        else:
            lacks_time = found.rows[FILE].isin(batch.lacking(self._time_columns[0]))
            at = found.at.where(~lacks_time, start)
            problems = found.problems.where(~lacks_time, "")
            outside = (at < start) | (at >= end)
            at = at.mask(outside)
            for path, rows in batch.of_paths(outside):
                problems[rows] = f"{self._time_columns[0]}: is not in the period of its file {path}"
        for path, rows in batch.of_paths(start.isna()):
            at = at.mask(rows)
            problems[rows] = f"{path} is not named by a date"
        return Placed(batch.rows if found is None else found.rows, at, problems)

    def _by_time(self, batch: FileBatch) -> Placed:
        """Rows placed by their time column; rows without it have no time."""
        assert self.clock is not None
        rows = batch.rows
        if self.clock.column not in rows.columns:
            rows = rows.assign(**{self.clock.column: None})
        return placed(rows, self.clock)

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
