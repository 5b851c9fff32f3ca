"""Delta tables: open, create, commit, and translate the errors of the libraries.

Only the package ``lake`` imports ``deltalake``, and only when a table is accessed.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ml_assets.content import DAY, digest
from ml_assets.errors import LakeMismatch, sentence

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable, WriterProperties

RETENTION = "interval 36500 days"
TABLE_PROPERTIES = {
    "delta.logRetentionDuration": RETENTION,
    "delta.deletedFileRetentionDuration": RETENTION,
    "delta.enableExpiredLogCleanup": "false",
}
"""By default, Delta deletes log files after 30 days, including versions that the ledger and models
refer to. ``ml-assets lake maintain`` deletes data files that no kept version needs, of any age."""

COMMIT_KEY = "ml_assets"
"""Key of the commit metadata with the written days, from which the ledger can be rebuilt."""

MISSING = "missing"

OPENED_TABLES = 64
"""Number of tables, each at a version, that a process keeps open for reading."""

LogFile = tuple[str, int, int, int, int]
"""Name, inode, size in bytes, and times of the last change of a file's content and of its metadata."""


@dataclass(frozen=True)
class Files:
    """The data files of one day at one version.

    Attributes:
        identity: digest of their paths, sizes and modification times; equal identity, equal content.
        missing: files of the table's log that do not exist.
    """

    identity: str
    missing: Sequence[str] = ()


@contextmanager
def translated_errors(table: str, path: str, version: int | None = None) -> Iterator[None]:
    """Translate errors of Delta, Arrow and the file system into one that names the remedy.

    Conflicts between writers are not translated, so that the caller can retry.

    Raises:
        LakeMismatch: the table's log or a data file is missing or damaged.
    """
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError:
        raise
    except (DeltaError, pa.ArrowException, OSError) as error:
        which = "" if version is None else f", version {version},"
        problem = " ".join(str(error).split())[:300]
        raise LakeMismatch(
            f"{table}{which} in {path} cannot be used: {sentence(problem)} A version whose files were "
            "vacuumed cannot be restored. Otherwise restore the table from a backup of the lake, "
            f"or remove {path} and materialize its days again: they count as lost then."
        ) from error


def open_table(table: str, path: str, version: int | None = None) -> "DeltaTable | None":
    """A table at a version, the newest when omitted; None when the table or version does not exist.

    Raises:
        LakeMismatch: the table's log cannot be read.
    """
    return _unless_missing(table, path, version, lambda: _open(path, version))


def open_for_reading(table: str, path: str, version: int | None = None) -> "DeltaTable | None":
    """The same for callers that do not change the table: while its log is unchanged, it is opened once.

    In an object store, where the log's files have no change time, it is opened anew.
    """
    if not is_local(path):
        return open_table(table, path, version)
    log = _files_of_log(path)
    return _unless_missing(table, path, version, lambda: _open_once(path, version, log))


def _unless_missing(
    table: str, path: str, version: int | None, opened: Callable[[], "DeltaTable"]
) -> "DeltaTable | None":
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        with translated_errors(table, path, version):
            return opened()
    except LakeMismatch as error:
        not_found = DeltaError if version is not None else TableNotFoundError
        if isinstance(error.__cause__, not_found):
            return None
        raise


def _open(path: str, version: int | None) -> "DeltaTable":
    from deltalake import DeltaTable

    return DeltaTable(path, version=version)


@lru_cache(maxsize=OPENED_TABLES)
def _open_once(path: str, version: int | None, log: frozenset[LogFile]) -> "DeltaTable":  # noqa: ARG001
    return _open(path, version)


def _files_of_log(path: str) -> frozenset[LogFile]:
    """The files of a table's log; a different set when one was added, removed or written in place."""
    try:
        with os.scandir(f"{path}/_delta_log") as found:
            return frozenset(_log_file(file.name, file.stat()) for file in found)
    except OSError:
        return frozenset()


def _log_file(name: str, found: os.stat_result) -> LogFile:
    return name, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def create_table(table: str, path: str, schema: Any) -> "DeltaTable":
    """A new table, partitioned by day, that keeps its log."""
    from deltalake import DeltaTable

    if is_local(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return DeltaTable.create(
        path,
        schema=schema,
        mode="ignore",
        partition_by=[DAY],
        name=table,
        configuration=TABLE_PROPERTIES,
    )


def replace_days(
    delta: "DeltaTable", data: "pa.Table", days: Sequence[str], metadata: Mapping[str, Any]
) -> None:
    """Replace the rows of some days in one commit.

    Args:
        delta: the table; updated to the new version.
        data: the new rows.
        days: the days.
        metadata: commit metadata of these days.

    Raises:
        deltalake.exceptions.CommitFailedError: another writer committed the same days first.
    """
    from deltalake import CommitProperties, write_deltalake

    write_deltalake(
        delta,
        data,
        mode="overwrite",
        schema_mode="merge",
        predicate=days_predicate(days),
        writer_properties=_writer_properties(),
        commit_properties=CommitProperties(custom_metadata={COMMIT_KEY: json.dumps(metadata)}),
    )
    delta.update_incremental()


def commits(delta: "DeltaTable") -> list[tuple[int, int, dict[str, Any]]]:
    """Version, time (ms since 1970, UTC) and metadata of each commit of days, the oldest first."""
    return [
        (int(item["version"]), int(item["timestamp"]), json.loads(item[COMMIT_KEY]))
        for item in reversed(delta.history())
        if COMMIT_KEY in item
    ]


def refuse_other_types(table: str, path: str, delta: "DeltaTable", schema: Any) -> None:
    """Refuse to write columns whose type differs from the stored one.

    Raises:
        LakeMismatch: a column is stored with another type.
    """
    from deltalake import Schema

    stored = {field.name: str(field.type) for field in delta.schema().fields}
    new = {field.name: str(field.type) for field in Schema.from_arrow(schema).fields}
    other = [
        f"{name} is {stored[name]}, not {new[name]}"
        for name in new
        if stored.get(name, new[name]) != new[name]
    ]
    if other:
        raise LakeMismatch(
            f"{table} is stored with column types that differ from the new rows: "
            f"{'; '.join(other)}. Columns can be added to a contract; to change a type, delete "
            f"{path} and materialize all its days again."
        )


def files_of_days(delta: "DeltaTable", path: str, days: Sequence[str]) -> dict[str, Files]:
    """The data files of some days.

    The identity of a local file includes its modification time, so that overwriting it in place
    changes the identity. In an object store the identity is that in the table's log.

    Args:
        delta: the table.
        path: folder or URL of the table.
        days: the days; a day without files has the identity of an empty list.
    """
    import pyarrow as pa

    added = pa.table(delta.get_add_actions(flatten=True)).select(
        [f"partition.{DAY}", "path", "size_bytes", "modification_time"]
    )
    parts: dict[str, list[str]] = {day: [] for day in days}
    missing: dict[str, list[str]] = {day: [] for day in days}
    for day, url, size, moment in zip(*(column.to_pylist() for column in added), strict=True):
        if day not in parts:
            continue
        name = unquote(url)
        changed = _changed_at(path, name) if is_local(path) else ""
        if changed == MISSING:
            missing[day].append(name)
        parts[day].append(f"{name}|{size}|{moment}|{changed}")
    return {day: Files(digest(*sorted(parts[day])), missing[day]) for day in days}


def _changed_at(path: str, name: str) -> str:
    try:
        found = os.stat(f"{path}/{name}")  # noqa: PTH116 - a thousand files per read
    except OSError:
        return MISSING
    return f"{found.st_size}|{found.st_mtime_ns}"


def days_predicate(days: Sequence[str]) -> str:
    """SQL predicate that selects exactly these partition values."""
    return f"{DAY} in ({', '.join(repr(str(day)) for day in days)})"


def is_local(path: str) -> bool:
    """Whether a path is in the file system, not a URL of an object store."""
    return "://" not in path


def _writer_properties() -> "WriterProperties":
    """Small files without dictionaries; with them, reading a year takes a gigabyte of memory."""
    from deltalake import ColumnProperties, WriterProperties

    return WriterProperties(
        compression="ZSTD",
        default_column_properties=ColumnProperties(dictionary_enabled=False),
    )
