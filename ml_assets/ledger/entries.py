"""Entries of the ledger: the status of a day and its inputs. ``ledger`` stores them."""

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
        day: day that was read.
        content_hash: hash of its rows; empty when the day was not usable (missing, quarantined or
            stale), so that its repair counts as a change.
        version: table version at which it was read.
        is_pinned: whether later changes of *its* inputs leave the reader up to date (a champion
            keeps serving when its training data is corrected), as do later changes of a pinned
            snapshot.
    """

    table: str
    day: str
    content_hash: str
    version: int | None
    is_pinned: bool = False


@dataclass(frozen=True)
class Entry:
    """A recorded event of one day of a table.

    Attributes:
        table: table name, ``pipeline/noun``.
        day: the day.
        status: new status of the day.
        reason: why it is not stored; empty otherwise.
        content_hash: hash of its rows with ``schema``; for a model, its fingerprint.
        rows: number of rows.
        dead_letters: number of rejected rows.
        version: table version at which its rows were written; None for assets that are no tables.
        code_version: hash of the code that computed it.
        inputs_hash: hash of code and inputs; empty when the day is to be computed again whatever
            its inputs.
        run_id: the run that wrote it.
        written_at: time of writing, UTC.
        schema: columns and dtypes of its rows, see ``content.schema_of``.
        files: identity of its data files; only used for writing, empty when read.
        reads: the input days it was computed from.
        is_final: whether the rows record facts (a prediction, a decision), which do not change when
            their inputs change: the day is never stale.
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


@dataclass(frozen=True)
class Identity:
    """Identity of a ledger.

    Attributes:
        id: ID that its lake has as well.
        has_entries: whether it has any entry.
        has_rows: whether it has entries of rows in a lake.
    """

    id: str
    has_entries: bool
    has_rows: bool


def inputs_hash(code_version: str, reads: Iterable[Read]) -> str:
    """Hash of the code and all inputs of a day; an equal hash means an equal result."""
    return digest(
        code_version, *sorted(f"{read.table}|{read.day}|{read.content_hash}" for read in reads)
    )


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Key → all values that it is paired with, for example table → its days."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def usable_hashes(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Day → content hash, of stored days."""
    return {
        day: entry.content_hash for day, entry in entries.items() if entry.status is Status.STORED
    }


ALTERED = "altered after it was stored"
LOST = "lost after it was stored"


def damage_of(entry: Entry) -> str:
    """The reason of a day that is quarantined because of damaged rows; empty for other days."""
    is_damaged = entry.status is Status.QUARANTINED and entry.reason.startswith((ALTERED, LOST))
    return entry.reason if is_damaged else ""


def row_counts(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Day → number of rows, of stored days."""
    return {day: entry.rows for day, entry in entries.items() if entry.status is Status.STORED}
