"""Confirms that a lake and a ledger belong together: both must contain the same ID.

The ID is in the ledger's database and in the first commit of a table at the lake's root. This works
for folders, object stores, SQLite and Postgres, also with several first writers: only one succeeds.
"""

from pathlib import Path

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.delta import is_local, open_table
from ml_assets.ledger.entries import Identity
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.tables import rebuild_commands

MARK = "_lake"
"""Name of the table with the ID."""

_confirmed: set[tuple[str, str, str, int]] = set()
"""Lake, ledger, ID and time of the mark, of pairs that this process has confirmed."""


def confirm(uri: str, ledger: Ledger) -> None:
    """Refuse a lake and a ledger that do not belong together; checked once in each process.

    Args:
        uri: root of the lake.
        ledger: its ledger.

    Raises:
        LakeMismatch: the ledger is new, emptied or another lake's; or the lake is missing.
        ConfigurationError: the lake was written in an earlier format.
    """
    own = ledger.identity()
    key = (uri, str(ledger.url), own.id, _marked_at(uri))
    if key in _confirmed and own.has_entries:
        return
    found = lake_id(uri)
    if found is None:
        _refuse_unmarked(uri, ledger, own)
        return
    if not own.has_entries:
        raise LakeMismatch(
            f"The lake {uri} has tables, but the ledger {_name_of(ledger)} is new or was emptied: "
            "releases, approvals and inputs of the tables are unknown. Nothing is read or "
            "written. Restore the ledger from a backup, or run 'ml-assets lake rebuild-ledger', "
            "which rebuilds its entries from the lake."
        )
    if found != own.id:
        raise LakeMismatch(
            f"The lake {uri} and the ledger {_name_of(ledger)} do not belong together (the lake's "
            f"ID is {found}, the ledger's {own.id}). Nothing is read or written. Check "
            "ML_ASSETS_DATA, ML_ASSETS_LAKE and ML_ASSETS_POSTGRES_URL, or restore both from one "
            "backup."
        )
    _confirmed.add(key)


def mark(uri: str, ledger: Ledger) -> None:
    """Write a ledger's ID to a lake that has none; of several writers one succeeds.

    Raises:
        LakeMismatch: the lake has another ledger's ID.
    """
    own = ledger.identity().id
    if (uri, str(ledger.url), own, _marked_at(uri)) in _confirmed:
        return
    if lake_id(uri) is None:
        _write(uri, own)
    if (found := lake_id(uri)) != own:
        raise LakeMismatch(
            f"The lake {uri} now belongs to another ledger (ID {found}, expected {own}). Check "
            "ML_ASSETS_LAKE."
        )
    _confirmed.add((uri, str(ledger.url), own, _marked_at(uri)))


def lake_id(uri: str) -> str | None:
    """The ID of a lake; None for a lake that was never written to.

    Raises:
        LakeMismatch: the table with the ID is damaged.
    """
    delta = open_table(MARK, _path(uri), version=0)
    return None if delta is None else str(delta.metadata().description)


def _write(uri: str, own: str) -> None:
    """Create the table with the ID, unless another process has created it."""
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path = _path(uri)
    if is_local(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    schema = pa.schema([pa.field("id", pa.string())])
    try:
        DeltaTable.create(path, schema=schema, mode="error", name=MARK, description=own)
    except DeltaError as error:
        if lake_id(uri) is None:
            raise LakeMismatch(
                f"The lake's ID cannot be written to {path} ({error}). If that table exists and is "
                "damaged, remove it and try again; otherwise check ML_ASSETS_LAKE."
            ) from error


def _refuse_unmarked(uri: str, ledger: Ledger, own: Identity) -> None:
    has_tables = is_local(uri) and next(Path(uri).glob("*/*/_delta_log"), None) is not None
    if own.has_rows and not has_tables:
        raise LakeMismatch(
            f"The ledger {_name_of(ledger)} has entries of stored tables, but the lake {uri} is "
            "missing or empty. Restore it from a backup, or check ML_ASSETS_LAKE. If there is no "
            "backup, run 'ml-assets lake adopt': every day then counts as lost and is computed "
            "again when it is materialized."
        )
    if own.has_rows:
        raise LakeMismatch(
            f"The lake {uri} has tables but no ID of the ledger it belongs to: its table "
            f"{MARK} is missing. Restore it from a backup; or run 'ml-assets lake adopt' if the "
            f"ledger {_name_of(ledger)} is the right one: every row is verified when it is read."
        )
    if has_tables:
        raise ConfigurationError(
            f"The lake {uri} has tables that were written by an earlier version of this project, or "
            f"with another ledger than {_name_of(ledger)}. Nothing was changed. Check "
            "ML_ASSETS_LAKE; to rebuild all data from the source, run "
            f"{rebuild_commands(ledger.url)}."
        )


def _marked_at(uri: str) -> int:
    """Time at which a folder was marked, in ns; −1 without a mark, 0 for an object store."""
    if not is_local(uri):
        return 0
    first = Path(_path(uri)) / "_delta_log" / f"{0:020}.json"
    return first.stat().st_mtime_ns if first.exists() else -1


def _path(uri: str) -> str:
    return f"{uri.rstrip('/')}/{MARK}"


def _name_of(ledger: Ledger) -> str:
    return str(ledger.url.database or ledger.url.host)
