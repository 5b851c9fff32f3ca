"""Delta tables: overwrite days in one commit, read a window of days.

Only this package imports ``deltalake``, and only when a table is touched. What the days mean
(good, quarantined, stale) is in ``ledger``; this module moves rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.errors import CommitConflict, LakeMismatch, TerminalError
from ml_assets.lake.content import DAY
from ml_assets.lake.entries import Read, Status, usable_hashes
from ml_assets.lake.ledger import Ledger
from ml_assets.lake.provenance import Provenance
from ml_assets.lake.shared import SharingLedger
from ml_assets.settings import settings

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable, WriterProperties

COMMIT_ATTEMPTS = 20

ROW = "_row"
"""Stored beside the rows and never handed out: Delta keeps no order, and training depends on it."""


@dataclass(frozen=True)
class Window:
    """Some days of a table, at one version, read when asked.

    Attributes:
        table: table name, ``pipeline/noun``.
        days: the days that were asked for.
        hashes: day → content hash of those among them that are stored.
        version: table version they are read at; None when the table does not exist yet.
    """

    lake: "Lake"
    table: str
    days: Sequence[str]
    hashes: Mapping[str, str]
    version: int | None

    def read(
        self, columns: Sequence[str] | None = None, days: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of the stored days (of those in ``days`` when given), in the order of the keys."""
        wanted = [day for day in (self.days if days is None else days) if day in self.hashes]
        if self.version is None or not wanted:
            raise LakeMismatch(
                f"{self.table} has no stored day among {_span(self.days)}, expected at least one. "
                "Materialize it first."
            )
        return self.lake.read(self.table, wanted, columns=columns, version=self.version)

    def reads(self, days: Sequence[str] | None = None) -> list[Read]:
        """What reading these days means for the ledger; absent days count."""
        return [
            Read(self.table, day, self.hashes.get(day, ""), self.version)
            for day in (self.days if days is None else days)
        ]


class Lake:
    """The tables under one root.

    Args:
        uri: a folder, or any object-store URL that deltalake takes.
        ledger: where the state of each day is recorded.
        elsewhere: table → root of the lake it is read from, for tables that belong to another.
    """

    def __init__(
        self, uri: str, ledger: Ledger, elsewhere: Mapping[str, str] | None = None
    ) -> None:
        self.uri = uri
        self.ledger = ledger
        self._elsewhere = elsewhere or {}

    @cached_property
    def provenance(self) -> Provenance:
        """What stands behind the entries of the ledger, in the same database."""
        return Provenance(self.ledger.url)

    @classmethod
    def of_project(cls) -> "Lake":
        """The lake that the settings name."""
        chosen = settings()
        if chosen.shared is None:
            return cls(chosen.lake_uri, Ledger(chosen.ledger_url))
        theirs, tables = Ledger(chosen.shared.ledger_url.get_secret_value()), chosen.shared.tables
        ledger = SharingLedger(chosen.ledger_url, theirs, tables)
        return cls(chosen.lake_uri, ledger, dict.fromkeys(tables, chosen.shared.lake))

    def window(self, table: str, days: Sequence[str]) -> Window:
        """The given days of a table as they are now, without reading a row."""
        hashes = usable_hashes(self.ledger.latest(table, days))
        while True:
            delta = self.open(table)
            version = delta.version() if delta else None
            again = usable_hashes(self.ledger.latest(table, days))
            if again == hashes:
                return Window(self, table, tuple(days), hashes, version)
            hashes = again

    def read(
        self,
        table: str,
        days: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Rows of some days, whatever the ledger says of them.

        Args:
            table: table name.
            days: days to read, all when omitted.
            columns: columns to read, all when omitted.
            version: table version, the newest when omitted.

        Raises:
            LakeMismatch: the table or the version is not there.
        """
        import pyarrow as pa

        delta = self.open(table, version)
        if delta is None:
            raise LakeMismatch(
                f"Table {table} is not in the lake (version {'newest' if version is None else version}). If the ledger "
                "says it was written, the lake was moved or emptied: restore it, or run "
                "'make clean' and materialize again."
            )
        wanted = None if columns is None else list(dict.fromkeys([*columns, DAY, ROW]))
        predicate = None if days is None else days_predicate(days)
        try:
            scanned = pa.table(delta.scan(columns=wanted, predicate=predicate))
        except (OSError, pa.ArrowInvalid) as error:
            raise LakeMismatch(
                f"Files of {table}, version {delta.version()}, cannot be read ({error}). A vacuumed "
                "version is gone for good; otherwise restore the lake."
            ) from error
        rows = scanned.to_pandas(split_blocks=True, self_destruct=True)
        return _in_order(rows).drop(columns=[ROW] if columns is None else {DAY, ROW} - {*columns})

    def overwrite(self, table: str, rows: pd.DataFrame, days: Sequence[str]) -> int:
        """Replace the given days by ``rows`` in one commit.

        Args:
            table: table name; the table is created when it is not there.
            rows: (n, columns) with the partition column ``ds``; each within ``days``.
            days: days that are replaced; one without rows becomes empty.

        Returns:
            The table's new version.

        Raises:
            CommitConflict: other writers of the same days kept winning.
            LakeMismatch: a column is stored with another type.
            TerminalError: the table belongs to another lake, or rows are outside the days.
        """
        import pyarrow as pa
        from deltalake import write_deltalake
        from deltalake.exceptions import CommitFailedError

        if table in self._elsewhere:
            raise TerminalError(f"{table} belongs to another lake and is only read here.")
        if stray := sorted(set(rows[DAY].unique()) - set(days)):
            raise TerminalError(f"{table}: rows of {stray[:3]} are outside the days written.")
        numbered = rows.assign(**{ROW: np.arange(len(rows), dtype="int32")})
        data = pa.Table.from_pandas(numbered, preserve_index=False)
        for _ in range(COMMIT_ATTEMPTS):
            try:
                delta = self.open(table) or self._create(table, data)
                self._refuse_other_types(table, delta, data)
                write_deltalake(
                    delta,
                    data,
                    mode="overwrite",
                    schema_mode="merge",
                    predicate=days_predicate(days),
                    writer_properties=_writer_properties(),
                )
                delta.update_incremental()
                return delta.version()
            except CommitFailedError:
                continue
        raise CommitConflict(
            f"{table}: {COMMIT_ATTEMPTS} commits of {_span(days)} lost against other writers of "
            "the same days. The run is retried; limit the table's pool if this repeats."
        )

    def exists(self, table: str) -> bool:
        """Whether the lake has this table."""
        return self.open(table) is not None

    def days_stored(self, table: str) -> list[str]:
        """Days that may be read, in order."""
        return sorted(
            day for day, entry in self.ledger.latest(table).items() if entry.status is Status.STORED
        )

    def _path(self, table: str) -> str:
        return f"{self._elsewhere.get(table, self.uri).rstrip('/')}/{table}"

    def _create(self, table: str, data: "pa.Table") -> "DeltaTable":
        from deltalake import DeltaTable

        if "://" not in self.uri:
            Path(self._path(table)).mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            self._path(table), schema=data.schema, mode="ignore", partition_by=[DAY], name=table
        )

    def _refuse_other_types(self, table: str, delta: "DeltaTable", data: "pa.Table") -> None:
        from deltalake import Schema

        stored = {field.name: str(field.type) for field in delta.schema().fields}
        new = {field.name: str(field.type) for field in Schema.from_arrow(data.schema).fields}
        other = [
            f"{name} is {stored[name]}, not {new[name]}"
            for name in new
            if stored.get(name, new[name]) != new[name]
        ]
        if other:
            raise LakeMismatch(
                f"{table} is stored with other column types than are to be written: "
                f"{'; '.join(other)}. A contract may gain columns; to change a type, delete "
                f"{self._path(table)} and materialize all its days again."
            )

    def open(self, table: str, version: int | None = None) -> "DeltaTable | None":
        """The Delta table, or None when the lake has no such table or version."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", table):
            raise TerminalError(f"Table name {table!r} must be lower-case words joined by '/'.")
        try:
            return DeltaTable(self._path(table), version=version)
        except TableNotFoundError:
            return None
        except DeltaError:
            if version is None:
                raise
            return None


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((rows[ROW].to_numpy(), rows[DAY].to_numpy(dtype="U10")))
    in_order = bool((np.diff(order) > 0).all())
    return rows if in_order else rows.take(order).reset_index(drop=True)


def _writer_properties() -> "WriterProperties":
    """Small files without dictionaries: a year's open files otherwise take a gigabyte."""
    from deltalake import ColumnProperties, WriterProperties

    return WriterProperties(
        compression="ZSTD",
        default_column_properties=ColumnProperties(dictionary_enabled=False),
    )


def days_predicate(days: Sequence[str]) -> str:
    """SQL predicate that selects exactly these partition values."""
    return f"{DAY} in ({', '.join(repr(str(day)) for day in days)})"


def _span(days: Sequence[str]) -> str:
    return str(days[0]) if len(days) == 1 else f"{min(days)}…{max(days)} ({len(days)} days)"
