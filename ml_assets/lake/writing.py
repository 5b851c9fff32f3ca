"""Writing days of a table in one commit."""

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

ROW = "_row"
"""Stored column with the order of rows, dropped on read: training depends on it, Delta does not
keep it."""


@dataclass(frozen=True)
class WrittenDays:
    """Result of one commit.

    Attributes:
        version: new version of the table.
        hashes: day → content hash.
        schema: columns and dtypes of the rows.
        files: day → identity of its files.
    """

    version: int
    hashes: Mapping[str, str]
    schema: str
    files: Mapping[str, str]

    def complete(self, entry: Entry) -> Entry:
        """An entry of one of the days, with its version, hash, schema and files."""
        return replace(
            entry,
            content_hash=self.hashes[entry.day],
            version=self.version,
            schema=self.schema,
            files=self.files[entry.day],
        )


def write(table: str, path: str, rows: pd.DataFrame, days: Sequence[str]) -> WrittenDays:
    """Replace the given days of a table by ``rows`` in one commit; see ``Lake.write``."""
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError

    if stray := sorted(set(rows[DAY].unique()) - set(days)):
        raise TerminalError(
            f"{table} got rows of {', '.join(stray[:3])}, which are not among the days of this run."
        )
    numbered = rows.assign(**{ROW: np.arange(len(rows), dtype="int32")})
    data = pa.Table.from_pandas(numbered, preserve_index=False)
    schema, hashes = schema_of(rows), day_hashes(rows, days)
    metadata = _commit_metadata(rows, hashes, schema)
    for _ in range(COMMIT_ATTEMPTS):
        try:
            with files.translated_errors(table, path):
                delta = files.open_table(table, path) or files.create_table(
                    table, path, data.schema
                )
                files.refuse_other_types(table, path, delta, data.schema)
                files.replace_days(delta, data, days, metadata)
                found = files.files_of_days(delta, path, days)
        except CommitFailedError:
            continue
        identities = {day: of_day.identity for day, of_day in found.items()}
        return WrittenDays(delta.version(), hashes, schema, identities)
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
