"""A ledger rebuilt from the lake beside it, where the ledger was lost and there is no backup.

Each commit of a table says which days it wrote, with their hashes and schema. What else the ledger
knew (inputs, runs, code versions, approvals) was in its database only and is lost: days are computed
again when they are next materialized.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.delta import commits, explained
from ml_assets.lake.pair import lake_id
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import differing
from ml_assets.ledger.entries import Entry, Status

REASON = "rebuilt from the lake: what it was computed from is not known"


@dataclass(frozen=True)
class RebuiltTable:
    """What was rebuilt of one table.

    Attributes:
        table: its name.
        days: how many days are stored again.
        rows: how many rows they have.
        versions: how many table versions are known.
        damaged: day → why it is not stored.
        problem: why nothing was rebuilt; empty when something was.
    """

    table: str
    days: int = 0
    rows: int = 0
    versions: int = 0
    damaged: Sequence[str] = ()
    problem: str = ""


def refuse_to_rebuild(lake: Lake) -> str:
    """The id of the lake whose ledger can be rebuilt.

    Raises:
        ConfigurationError: the ledger has entries, or the lake was never written to.
    """
    if lake.ledger.identity().has_entries:
        raise ConfigurationError(
            f"The ledger {lake.ledger.url.database} has entries. Nothing was changed: a ledger is "
            "rebuilt only where it is new or was emptied. To rebuild it all the same, stop Dagster, "
            "keep a copy of the ledger's database, and remove the database first."
        )
    carried = lake_id(lake.uri)
    if carried is None:
        raise ConfigurationError(
            f"The lake {lake.uri} does not say that it was written to by this version of the project, "
            "so there is nothing to rebuild a ledger from. Check ML_ASSETS_LAKE; run 'make demo' to "
            "begin anew."
        )
    return carried


def entries_of_table(lake: Lake, table: str) -> tuple[list[Entry], RebuiltTable] | None:
    """Entries of every day and version that a table's commits tell of, the oldest first.

    The newest content of each day is read and hashed; a day that holds something else is
    quarantined, so that it is computed again.

    Returns:
        The entries and what they amount to; None when the lake has no such table.
    """
    try:
        delta = lake.open(table)
        if delta is None:
            return None
        with explained(table, lake.path(table)):
            found = [
                _entry(table, day, version, at, said["schema"], *content)
                for version, at, said in commits(delta)
                for day, content in said["days"].items()
            ]
    except LakeMismatch as error:
        return [], RebuiltTable(table, problem=str(error))
    newest = {entry.day: entry for entry in found}
    wrong = differing(lake.opened(table), newest)
    found += [
        replace(newest[day], status=Status.QUARANTINED, reason=reason)
        for day, reason in wrong.items()
    ]
    good = [entry for day, entry in newest.items() if day not in wrong]
    told = RebuiltTable(
        table,
        len(good),
        sum(entry.rows for entry in good),
        len({entry.version for entry in found}),
        sorted(wrong),
    )
    return found, told


def model_entry(table: str, as_of: str, fingerprint: str, at: datetime | None) -> Entry:
    """The entry of a model that a release names and whose file is intact."""
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
