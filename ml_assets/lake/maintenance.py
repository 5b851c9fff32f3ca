"""Maintenance of the lake: compacts tables and deletes old files that no model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.lake.delta import open_table, translated_errors
from ml_assets.lake.store import Lake


@dataclass(frozen=True)
class MaintenanceResult:
    """Result of the maintenance of one table."""

    table: str
    version: int
    kept_versions: tuple[int, ...]
    files_compacted: int
    files_deleted: int


def maintain(
    lake: Lake, table: str, readers: Sequence[str], *, keeps_history: bool = False
) -> MaintenanceResult | None:
    """Compact a table and delete the files that no kept version needs.

    The newest version and every version that one of ``readers`` (the training datasets of models)
    was computed from are kept, so that those models can still be rebuilt.

    Args:
        lake: the lake with the table.
        table: table name.
        readers: tables whose inputs are kept.
        keeps_history: whether every version at which days were written is kept too.

    Raises:
        LakeMismatch: the table's log is damaged, or rows differ from the recorded ones. Nothing is
            deleted then, so that a restored log finds its files.

    Returns:
        The result; None when the lake has no such table.
    """
    delta = open_table(table, lake.path(table))
    if delta is None:
        return None
    lake.verify(table)
    before = delta.version()
    kept = {before} | {
        version for version in lake.ledger.versions_read(table, readers) if version <= before
    }
    if keeps_history:
        written = {entry.version for entry in lake.ledger.history(table)}
        kept |= {version for version in written if version is not None and version <= before}
    with translated_errors(table, lake.path(table)):
        compacted = delta.optimize.compact()
        if not compacted["numFilesRemoved"] and delta.history(1)[0]["operation"] == "VACUUM END":
            return MaintenanceResult(table, before, tuple(sorted(kept)), 0, 0)
        kept.add(delta.version())
        deleted = delta.vacuum(
            retention_hours=0,
            dry_run=False,
            enforce_retention_duration=False,
            keep_versions=sorted(kept),
        )
    return MaintenanceResult(
        table, delta.version(), tuple(sorted(kept)), compacted["numFilesRemoved"], len(deleted)
    )
