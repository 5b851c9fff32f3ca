"""What the ledger says of a day: its state, and what it was computed from. Keeping it is in ``ledger``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ml_assets.lake.content import digest


class Status(StrEnum):
    """State of one day of one table."""

    WRITING = "writing"
    STORED = "stored"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Read:
    """One input day.

    Attributes:
        table: table that was read.
        day: day of it.
        content_hash: what it held; empty when it was absent, so that its arrival is a change.
        version: table version it was read at.
        is_pinned: it was used as it was decided then; that *its* inputs change later does not
            make the reader stale (a champion goes on serving when its training data is corrected).
    """

    table: str
    day: str
    content_hash: str
    version: int | None
    is_pinned: bool = False


@dataclass(frozen=True)
class Entry:
    """What happened to one day of a table."""

    table: str
    day: str
    status: Status
    reason: str = ""
    content_hash: str = ""
    rows: int = 0
    dead_letters: int = 0
    version: int | None = None
    code_version: str = ""
    inputs_hash: str = ""
    run_id: str = ""
    written_at: datetime | None = None
    reads: Sequence[Read] = field(default=(), compare=False)


def inputs_hash(code_version: str, reads: Iterable[Read]) -> str:
    """One hash of everything a day is computed from; equal hash, equal result."""
    return digest(
        code_version, *sorted(f"{read.table}|{read.day}|{read.content_hash}" for read in reads)
    )


def usable_hashes(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Day → content hash of the days that may be read."""
    return {
        day: entry.content_hash for day, entry in entries.items() if entry.status is Status.STORED
    }


def row_counts(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Day → number of rows of the days that may be read."""
    return {day: entry.rows for day, entry in entries.items() if entry.status is Status.STORED}
