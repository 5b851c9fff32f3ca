"""Writing days of a table, of a long range in several commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.content import DAY, day_hashes, schema_of
from ml_assets.errors import CommitConflict, TerminalError
from ml_assets.lake import delta as files
from ml_assets.lake.window import span
from ml_assets.ledger.entries import Entry

COMMIT_ATTEMPTS = 20

DAYS_AT_ONCE = 400
"""Days of one commit, a year of days: the writer takes 0.1 MiB of memory for each of them."""

ROW = "_row"
"""Stored column with the order of rows, dropped on read: training depends on it, Delta does not
keep it."""


@dataclass(frozen=True)
class WrittenDays:
    """Result of writing days.

    Attributes:
        versions: day → version of the table that its commit made.
        hashes: day → content hash.
        schema: columns and dtypes of the rows.
        files: day → identity of its files.
    """

    versions: Mapping[str, int]
    hashes: Mapping[str, str]
    schema: str
    files: Mapping[str, str]

    @property
    def version(self) -> int:
        """The newest of these versions."""
        return max(self.versions.values())

    def complete(self, entry: Entry) -> Entry:
        """An entry of one of the days, with its version, hash, schema and files."""
        return replace(
            entry,
            content_hash=self.hashes[entry.day],
            version=self.versions[entry.day],
            schema=self.schema,
            files=self.files[entry.day],
        )


def write(table: str, path: str, rows: pd.DataFrame, days: Sequence[str]) -> WrittenDays:
    """Replace the given days of a table by ``rows``; see ``Lake.write``."""
    if stray := sorted(set(rows[DAY].unique()) - set(days)):
        raise TerminalError(
            f"{table} got rows of {', '.join(stray[:3])}, which are not among the days of this run."
        )
    numbered = rows.assign(**{ROW: np.arange(len(rows), dtype="int32")})
    schema, hashes = schema_of(rows), day_hashes(rows, days)
    versions: dict[str, int] = {}
    identities: dict[str, str] = {}
    for start in range(0, len(days), DAYS_AT_ONCE):
        part = days[start : start + DAYS_AT_ONCE]
        of_part = numbered if len(part) == len(days) else numbered[numbered[DAY].isin(part)]
        metadata = _commit_metadata(of_part, {day: hashes[day] for day in part}, schema)
        version, found = _commit(table, path, of_part, part, metadata)
        versions |= dict.fromkeys(part, version)
        identities |= {day: of_day.identity for day, of_day in found.items()}
    return WrittenDays(versions, hashes, schema, identities)


def _commit(
    table: str, path: str, rows: pd.DataFrame, days: Sequence[str], metadata: Mapping[str, Any]
) -> tuple[int, dict[str, files.Files]]:
    """Replace days in one commit; the new version of the table, and the files of each day."""
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError

    data = pa.Table.from_pandas(rows, preserve_index=False)
    for _ in range(COMMIT_ATTEMPTS):
        try:
            with files.translated_errors(table, path):
                delta = files.open_table(table, path) or files.create_table(
                    table, path, data.schema
                )
                files.refuse_other_types(table, path, delta, data.schema)
                files.replace_days(delta, data, days, metadata)
                return delta.version(), files.files_of_days(delta, path, days)
        except CommitFailedError:
            continue
    raise CommitConflict(
        f"{table}: {COMMIT_ATTEMPTS} commits of {span(days)} failed because other writers "
        "committed the same days first. The run is retried; limit the table's pool if this repeats."
    )


def _commit_metadata(rows: pd.DataFrame, hashes: Mapping[str, str], schema: str) -> dict[str, Any]:
    """Metadata from which ``rebuilding`` recreates the ledger entries of the days."""
    counts = rows[DAY].value_counts()
    return {
        "schema": schema,
        "days": {day: [content, int(counts.get(day, 0))] for day, content in hashes.items()},
    }
