"""Ledger entries of models when the ledger is rebuilt: released models whose files are intact."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.rebuilding import model_entry
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry

FINGERPRINT_COLUMNS = (("release_decision", "challenger"), ("champion", "fingerprint"))
"""Noun of a table, and its column with the fingerprint of an as-of day's model."""


@dataclass(frozen=True)
class RebuiltModels:
    """Models of one pipeline.

    Attributes:
        entries: ledger entries of the models with intact files.
        lost: as-of days whose model file is gone or altered.
    """

    entries: Sequence[Entry]
    lost: Sequence[str]


def released_models(
    lake: Lake, table: str, written: Iterable[Entry], is_intact: Callable[[str, str], bool]
) -> RebuiltModels:
    """The models in a pipeline's release decisions and champions.

    Args:
        lake: the lake with these tables.
        table: name of the pipeline's table of models.
        written: rebuilt entries; their times are those of the models.
        is_intact: (table, fingerprint) → whether the model's file is unaltered.
    """
    pipeline = table.rpartition("/")[0]
    times = {(entry.table, entry.day): entry.written_at for entry in written}
    entries: dict[str, Entry] = {}
    lost: set[str] = set()
    for noun, column in FINGERPRINT_COLUMNS:
        name = f"{pipeline}/{noun}"
        for as_of, fingerprint in _fingerprints(lake, name, column):
            if is_intact(table, fingerprint):
                at = times.get((name, as_of))
                entries[as_of] = model_entry(table, as_of, fingerprint, at)
            else:
                lost.add(as_of)
    return RebuiltModels(list(entries.values()), sorted(lost - {*entries}))


def _fingerprints(lake: Lake, table: str, column: str) -> list[tuple[str, str]]:
    try:
        rows = lake.scan(table, columns=[DAY, column])
    except LakeMismatch:
        return []
    return [
        (str(day), str(found)) for day, found in zip(rows[DAY], rows[column], strict=True) if found
    ]
