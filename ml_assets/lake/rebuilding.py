"""Rebuilding a lost ledger from the lake, if there is no backup.

The metadata of each commit contains the written days with their hashes and schema. Inputs, runs,
code versions and approvals were only in the ledger and are lost: days are computed again when they
are next materialized.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.delta import commits, translated_errors
from ml_assets.lake.pair import lake_id
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import differing_days
from ml_assets.ledger.entries import Entry, Status

REASON = "rebuilt from the lake: inputs, code and run are unknown"


@dataclass(frozen=True)
class RebuiltTable:
    """Result of rebuilding the entries of one table.

    Attributes:
        table: table name.
        days: number of days with a rebuilt entry.
        rows: number of their rows.
        versions: number of table versions.
        damaged: days whose rows differ from their commit metadata.
        problem: why nothing was rebuilt; empty otherwise.
    """

    table: str
    days: int = 0
    rows: int = 0
    versions: int = 0
    damaged: Sequence[str] = ()
    problem: str = ""


def rebuildable_lake_id(lake: Lake) -> str:
    """The ID of a lake whose ledger can be rebuilt.

    Raises:
        ConfigurationError: the ledger has entries, or the lake was never written to.
    """
    if lake.ledger.identity().has_entries:
        raise ConfigurationError(
            f"The ledger {lake.ledger.url.database} has entries. Nothing was changed: a ledger is "
            "rebuilt only if it is new or was emptied. To rebuild it anyway, stop Dagster, "
            "keep a copy of the ledger's database, and remove the database first."
        )
    carried = lake_id(lake.uri)
    if carried is None:
        raise ConfigurationError(
            f"The lake {lake.uri} has no ID: it is missing or empty, or an earlier version of the "
            "project wrote it. No ledger can be rebuilt from it. Check ML_ASSETS_LAKE; run "
            "'make demo' to create a new lake."
        )
    return carried


def entries_of_table(lake: Lake, table: str) -> tuple[list[Entry], RebuiltTable] | None:
    """Entries of every day and version in a table's commits, the oldest first.

    The newest rows of each day are read and hashed; a day whose hash differs is quarantined, so
    that it is computed again.

    Returns:
        The entries and their summary; None when the lake has no such table.
    """
    try:
        delta = lake.open(table)
        if delta is None:
            return None
        with translated_errors(table, lake.path(table)):
            found = [
                _entry(table, day, version, at, metadata["schema"], *content)
                for version, at, metadata in commits(delta)
                for day, content in metadata["days"].items()
            ]
    except LakeMismatch as error:
        return [], RebuiltTable(table, problem=str(error))
    newest = {entry.day: entry for entry in found}
    wrong = differing_days(lake.opened_table(table), newest)
    found += [
        replace(newest[day], status=Status.QUARANTINED, reason=reason)
        for day, reason in wrong.items()
    ]
    good = [entry for day, entry in newest.items() if day not in wrong]
    summary = RebuiltTable(
        table,
        len(good),
        sum(entry.rows for entry in good),
        len({entry.version for entry in found}),
        sorted(wrong),
    )
    return found, summary


def model_entry(table: str, as_of: str, fingerprint: str, at: datetime | None) -> Entry:
    """The entry of a released model whose file is intact."""
    return Entry(table, as_of, Status.STORED, REASON, content_hash=fingerprint, written_at=at)


def _entry(  # noqa: PLR0917
    table: str, day: str, version: int, at: int, schema: str, content_hash: str, rows: int
) -> Entry:
    return Entry(
        table,
        day,
        Status.STORED,
        REASON,
        content_hash=content_hash,
        rows=rows,
        version=version,
        written_at=datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None),
        schema=schema,
    )
