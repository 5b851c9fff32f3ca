"""Lake and ledger belong together: both carry one id, and neither is believed without the other.

The id is in the ledger's database and in the first commit of a table at the lake's root, so that it
works alike for folders, object stores, SQLite and Postgres: of several first writers one wins.
"""

from pathlib import Path

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.delta import is_local, open_table
from ml_assets.ledger.ledger import Identity, Ledger
from ml_assets.ledger.tables import build_anew

MARK = "_lake"
"""Name of the table that carries the id."""

_confirmed: set[tuple[str, str, str, int]] = set()
"""Lake, ledger, id and time of the mark of the pairs that this process found to belong together."""


def confirm(uri: str, ledger: Ledger) -> None:
    """Refuse a lake and a ledger that do not belong together; looked at once for each process.

    Args:
        uri: root of the lake.
        ledger: its ledger.

    Raises:
        LakeMismatch: the ledger is new, emptied or another lake's; or the lake is gone.
        ConfigurationError: the lake was written in an earlier format.
    """
    own = ledger.identity()
    key = (uri, str(ledger.url), own.id, _marked_at(uri))
    if key in _confirmed and own.has_entries:
        return
    carried = lake_id(uri)
    if carried is None:
        _refuse_unmarked(uri, ledger, own)
        return
    if not own.has_entries:
        raise LakeMismatch(
            f"The lake {uri} has tables, but the ledger {_shown(ledger)} is new or was emptied, so "
            "nothing is known of what is stored: releases, approvals, inputs. Nothing is read or "
            "written. Restore the ledger from a backup, or run 'ml-assets lake rebuild-ledger', "
            "which rebuilds what the lake itself still says."
        )
    if carried != own.id:
        raise LakeMismatch(
            f"The lake {uri} and the ledger {_shown(ledger)} do not belong together (the lake's id "
            f"is {carried}, the ledger's {own.id}). Nothing is read or written. Check "
            "ML_ASSETS_DATA, ML_ASSETS_LAKE and ML_ASSETS_POSTGRES_URL, or restore both from one "
            "backup."
        )
    _confirmed.add(key)


def mark(uri: str, ledger: Ledger) -> None:
    """Let a lake carry its ledger's id, if it carries none; of several writers one wins.

    Raises:
        LakeMismatch: it carries another ledger's id.
    """
    own = ledger.identity().id
    if (uri, str(ledger.url), own, _marked_at(uri)) in _confirmed:
        return
    if lake_id(uri) is None:
        _write(uri, own)
    if (carried := lake_id(uri)) != own:
        raise LakeMismatch(
            f"The lake {uri} was begun for another ledger meanwhile (id {carried}, not {own}). Check "
            "ML_ASSETS_LAKE."
        )
    _confirmed.add((uri, str(ledger.url), own, _marked_at(uri)))


def lake_id(uri: str) -> str | None:
    """The id that a lake carries; None for one that was never written to.

    Raises:
        LakeMismatch: the table that carries it is damaged.
    """
    delta = open_table(MARK, _path(uri), version=0)
    return None if delta is None else str(delta.metadata().description)


def _write(uri: str, own: str) -> None:
    """Create the table that carries the id, unless another process was faster."""
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
                f"The lake's id cannot be written to {path} ({error}). If it is there and damaged, "
                "remove it and try again; otherwise check ML_ASSETS_LAKE."
            ) from error


def _refuse_unmarked(uri: str, ledger: Ledger, own: Identity) -> None:
    has_tables = is_local(uri) and next(Path(uri).glob("*/*/_delta_log"), None) is not None
    if own.has_rows and not has_tables:
        raise LakeMismatch(
            f"The ledger {_shown(ledger)} says that tables are stored, but the lake {uri} is gone or "
            "empty. Restore it from a backup, or check ML_ASSETS_LAKE. If it is lost for good, run "
            "'ml-assets lake adopt': every day then counts as lost and is computed again when it "
            "is materialized."
        )
    if own.has_rows:
        raise LakeMismatch(
            f"The lake {uri} has tables but does not say which ledger it belongs to: its table "
            f"{MARK} is gone. Restore it from a backup; or run 'ml-assets lake adopt' if the ledger "
            f"{_shown(ledger)} is the right one: every row is verified when it is read."
        )
    if has_tables:
        raise ConfigurationError(
            f"The lake {uri} has tables that were written by an earlier version of this project, or "
            f"beside another ledger than {_shown(ledger)}. Nothing was changed. Check ML_ASSETS_LAKE; "
            f"to build all data anew from the source, run {build_anew(ledger.url)}."
        )


def _marked_at(uri: str) -> int:
    """When a folder was marked, in ns; −1 where it is not, 0 for an object store, which is not asked."""
    if not is_local(uri):
        return 0
    first = Path(_path(uri)) / "_delta_log" / f"{0:020}.json"
    return first.stat().st_mtime_ns if first.exists() else -1


def _path(uri: str) -> str:
    return f"{uri.rstrip('/')}/{MARK}"


def _shown(ledger: Ledger) -> str:
    return str(ledger.url.database or ledger.url.host)
