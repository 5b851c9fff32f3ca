"""Loads stored evidence and checks that it is complete, up to date, unaltered and from this code."""

import pandas as pd

from ml_assets.errors import TransientError
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import hashes_as_stored
from ml_assets.ledger.entries import Entry, Status
from ml_assets.planning.staleness import stale
from ml_assets.release.evidence.values import EvidenceTable


def load_evidence(lake: Lake, table: str, as_of: str, code_version: str) -> EvidenceTable:
    """Evidence of one as-of day, or the reason why it cannot be used.

    Args:
        lake: lake with the evidence.
        table: name of its table.
        as_of: the as-of day.
        code_version: version of the current code that measures it.

    Raises:
        TransientError: the ledger or the lake does not respond.
    """
    entry = lake.ledger.latest(table, [as_of]).get(as_of)
    if entry is None:
        return EvidenceTable(table, None, "is missing")
    if problem := _problem(lake, entry, code_version):
        return EvidenceTable(table, None, problem, entry.content_hash)
    try:
        rows = lake.scan(table, [as_of])
    except TransientError:
        raise
    except Exception as error:  # a damaged table can make its reader raise anything
        return EvidenceTable(table, None, f"cannot be read ({error})", entry.content_hash)
    if hashes_as_stored(rows, {as_of: entry}).get(as_of) != entry.content_hash:
        return EvidenceTable(table, rows, _altered(rows), entry.content_hash)
    return EvidenceTable(table, rows, "", entry.content_hash)


def _problem(lake: Lake, entry: Entry, code_version: str) -> str:
    if entry.status is Status.WRITING:
        return "is incomplete, because its run was interrupted"
    if entry.status is not Status.STORED:
        return f"is {entry.status.value}: {entry.reason}"
    if entry.code_version != code_version:
        return "was measured by other code or rules than the current ones"
    reason = stale(lake.ledger, entry.table, [entry.day]).get(entry.day)
    return f"is stale ({reason})" if reason else ""


def _altered(rows: pd.DataFrame) -> str:
    change = "was emptied" if rows.empty else "was altered"
    return f"{change} after it was measured"
