"""Entries of models in a ledger that is rebuilt: those that releases name and whose files are intact."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.rebuilding import model_entry
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry

NAMED_IN = (("release_decision", "challenger"), ("champion", "fingerprint"))
"""Second part of a table's name, and the column of it that names the model of an as-of day."""


@dataclass(frozen=True)
class Models:
    """Models of one pipeline.

    Attributes:
        entries: of those that are there.
        lost: as-of days whose model is named and whose file is gone or altered.
    """

    entries: Sequence[Entry]
    lost: Sequence[str]


def models_of(
    lake: Lake, table: str, written: Iterable[Entry], is_intact: Callable[[str, str], bool]
) -> Models:
    """The models that a pipeline's release decisions and champions name.

    Args:
        lake: where these are.
        table: name of the pipeline's models.
        written: rebuilt entries; of release decisions and champions they say when.
        is_intact: whether the file of a model, by table and fingerprint, is as it was stored.
    """
    pipeline = table.rpartition("/")[0]
    times = {(entry.table, entry.day): entry.written_at for entry in written}
    entries: dict[str, Entry] = {}
    lost: set[str] = set()
    for noun, column in NAMED_IN:
        name = f"{pipeline}/{noun}"
        for as_of, fingerprint in _named(lake, name, column):
            if is_intact(table, fingerprint):
                at = times.get((name, as_of))
                entries[as_of] = model_entry(table, as_of, fingerprint, at)
            else:
                lost.add(as_of)
    return Models(list(entries.values()), sorted(lost - {*entries}))


def _named(lake: Lake, table: str, column: str) -> list[tuple[str, str]]:
    try:
        rows = lake.scan(table, columns=[DAY, column])
    except LakeMismatch:
        return []
    return [
        (str(day), str(found)) for day, found in zip(rows[DAY], rows[column], strict=True) if found
    ]
