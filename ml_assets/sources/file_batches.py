"""Rows of many files as few frames, as small files would cost more in frames than in reading."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from ml_assets.errors import SourceCorrupt
from ml_assets.sources.file_formats import CHUNK_ROWS, Chunk
from ml_assets.sources.file_names import FORMATS
from ml_assets.sources.source import Placed

FILE = "_file"
"""Column with the position of a row's file among the paths."""

Read = Callable[[str, Sequence[str] | None], Iterator[Chunk]]


@dataclass
class FileBatch:
    """Rows of some files.

    Attributes:
        paths: all paths that are read.
        columns: position of a path → columns of its file that were seen.
        cells: column → (n,) values, null where a file lacks it.
        files: (n,) position of each row's file.
        broken: path, text and problem of each line that is not a row.
    """

    paths: Sequence[str]
    columns: dict[int, dict[str, None]]
    cells: dict[str, list[Any]] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    broken: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, number: int, chunk: Chunk) -> None:
        """Add the rows of a file."""
        self.columns.setdefault(number, {}).update(dict.fromkeys(chunk.cells))
        if chunk.count:
            for name in chunk.cells:
                self.cells.setdefault(name, [None] * len(self.files))
            for name, values in self.cells.items():
                values.extend(chunk.cells.get(name, [None] * chunk.count))
            self.files.extend([number] * chunk.count)
        path = self.paths[number]
        self.broken += [(path, text, problem) for text, problem in chunk.broken]

    @property
    def rows(self) -> pd.DataFrame:
        """(n, columns) raw objects with ``FILE``."""
        found = {name: pd.Series(values, dtype=object) for name, values in self.cells.items()}
        return pd.DataFrame({**found, FILE: pd.Series(self.files, dtype="int64")})

    def lacking(self, column: str) -> set[int]:
        """Positions of files with rows that lack a column; JSON lines leave out what is null."""
        return {
            number
            for number in set(self.files)
            if column not in self.columns[number]
            and FORMATS[PurePosixPath(self.paths[number]).suffix] != "jsonl"
        }

    def of_paths(self, mask: pd.Series) -> Iterator[tuple[str, pd.Series]]:
        """Path of each file with rows for which a mask is true, and the mask of these rows."""
        files = pd.Series(self.files, dtype="int64")
        for number in files[mask].unique():
            yield self.paths[number], mask & (files == number)


@dataclass
class FileBatches:
    """The files of some paths.

    Attributes:
        paths: the paths.
        columns: position of a path → columns of its file that were seen.
    """

    paths: Sequence[str]
    columns: dict[int, dict[str, None]] = field(default_factory=dict)

    def read(
        self,
        read: Read,
        columns: Sequence[str] | None = None,
        may_skip: Callable[[str], bool] | None = None,
    ) -> Iterator[FileBatch]:
        """The rows of all files, in batches of about ``CHUNK_ROWS``; at least one batch.

        Args:
            read: reads the chunks of a path.
            columns: columns to read; None for all.
            may_skip: whether a path is left out if it cannot be read; None if none is.
        """
        batch = FileBatch(self.paths, self.columns)
        for number, path in enumerate(self.paths):
            try:
                for chunk in read(path, columns):
                    batch.add(number, chunk)
                    if len(batch.files) >= CHUNK_ROWS:
                        yield batch
                        batch = FileBatch(self.paths, self.columns)
            except SourceCorrupt:
                if may_skip is None or not may_skip(path):
                    raise
        yield batch

    def with_columns(self, found: Placed) -> Placed:
        """Rows with all columns of their files, and without ``FILE``.

        Args:
            found: rows with ``FILE`` of what was read.
        """
        files = found.rows[FILE]
        present = {number: self.columns[number] for number in files.unique()}
        names = list(dict.fromkeys(name for of_file in present.values() for name in of_file))
        rows = found.rows.reindex(columns=names)
        lacking = {
            name: files.isin([number for number in present if name not in present[number]])
            for name in names
            if any(name not in of_file for of_file in present.values())
        }
        return Placed(rows, found.at, found.problems, lacking)
