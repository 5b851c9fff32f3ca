"""What the ledger says of a day: its state, and what it was computed from. Keeping it is in ``ledger``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ml_assets.content import digest

K = TypeVar("K")
V = TypeVar("V")


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
        content_hash: what it held; empty when it was not usable (absent, quarantined, stale), so
            that its repair is a change.
        version: table version it was read at.
        is_pinned: it was used as it was known then. Later changes of *its* inputs do not make the
            reader stale (a champion keeps serving when its training data is corrected). Nor does
            a later change of a pinned snapshot.
    """

    table: str
    day: str
    content_hash: str
    version: int | None
    is_pinned: bool = False


@dataclass(frozen=True)
class Entry:
    """What happened to one day of a table.

    Attributes:
        table: table name, ``pipeline/noun``.
        day: the day.
        status: what became of it.
        reason: why, where it is not stored.
        content_hash: hash of its rows under ``schema``; of a model its fingerprint.
        rows: how many rows it has.
        dead_letters: how many rows were rejected.
        version: table version its rows were written at; None for what is no table of the lake.
        code_version: version of what computed it.
        inputs_hash: hash of everything it was computed from; empty when the day is to be computed
            again whatever its inputs.
        run_id: run that wrote it.
        written_at: when, UTC.
        schema: columns and dtypes it was stored with, see ``content.schema_of``.
        files: identity of the files that hold it, see ``files``; kept apart, so empty when read.
        reads: what it was computed from.
        is_final: the rows record what happened (a prediction, a decision). They stay as they were
            made when their inputs change, so the day is never stale.
    """

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
    is_final: bool = False
    schema: str = ""
    files: str = field(default="", compare=False)
    reads: Sequence[Read] = field(default=(), compare=False)


def inputs_hash(code_version: str, reads: Iterable[Read]) -> str:
    """One hash of everything a day is computed from; equal hash, equal result."""
    return digest(
        code_version, *sorted(f"{read.table}|{read.day}|{read.content_hash}" for read in reads)
    )


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Each key with all values that it is paired with: a table with its days, reads or columns."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def usable_hashes(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Day → content hash of the days that may be read."""
    return {
        day: entry.content_hash for day, entry in entries.items() if entry.status is Status.STORED
    }


ALTERED = "altered after it was stored"
LOST = "lost after it was stored"


def damage_of(entry: Entry) -> str:
    """How a day was damaged behind the ledger, if that is why it is quarantined; empty otherwise."""
    is_damaged = entry.status is Status.QUARANTINED and entry.reason.startswith((ALTERED, LOST))
    return entry.reason if is_damaged else ""


def row_counts(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Day → number of rows of the days that may be read."""
    return {day: entry.rows for day, entry in entries.items() if entry.status is Status.STORED}
