"""Keeping the lake small: compact files, drop old ones, keep what a model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.lake.delta import explained
from ml_assets.lake.store import Lake


@dataclass(frozen=True)
class Maintained:
    """What maintenance did to one table."""

    table: str
    version: int
    kept_versions: tuple[int, ...]
    files_compacted: int
    files_deleted: int


def maintain(
    lake: Lake, table: str, readers: Sequence[str], *, keeps_history: bool = False
) -> Maintained | None:
    """Compact a table and delete the files that no kept version needs.

    Kept are the newest version and every version that one of ``readers`` (the datasets models
    were trained on) was computed from, so those models can still be rebuilt.

    Args:
        lake: where the table is.
        table: its name.
        readers: tables whose inputs are kept.
        keeps_history: whether every version that days were written at is kept too.

    Raises:
        LakeMismatch: the table's log is damaged, or rows are not those that were recorded: nothing
            is deleted then, so that a restored log finds its files.

    Returns:
        What was done, or None when the lake has no such table.
    """
    delta = lake.open(table)
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
    with explained(table, lake.path(table)):
        compacted = delta.optimize.compact()
        if not compacted["numFilesRemoved"] and delta.history(1)[0]["operation"] == "VACUUM END":
            return Maintained(table, before, tuple(sorted(kept)), 0, 0)
        kept.add(delta.version())
        deleted = delta.vacuum(
            retention_hours=0,
            dry_run=False,
            enforce_retention_duration=False,
            keep_versions=sorted(kept),
        )
    return Maintained(
        table, delta.version(), tuple(sorted(kept)), compacted["numFilesRemoved"], len(deleted)
    )
