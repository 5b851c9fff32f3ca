"""Whether a stored table is evidence: there, finished, up to date, unaltered, made by this code."""

import pandas as pd

from ml_assets.errors import TransientError
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import hashes_as_stored
from ml_assets.ledger.entries import Entry, Status
from ml_assets.planning.staleness import stale
from ml_assets.release.evidence.values import EvidenceTable


def exhibit(lake: Lake, table: str, as_of: str, code_version: str) -> EvidenceTable:
    """A table of evidence of one as-of day, or why it is none.

    Args:
        lake: where it is stored.
        table: its name.
        as_of: the as-of day.
        code_version: version of the code that would measure it now.

    Raises:
        TransientError: the ledger or the lake does not answer; that says nothing of the evidence.
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
        return "was cut short while it was written"
    if entry.status is not Status.STORED:
        return f"is {entry.status.value}: {entry.reason}"
    if entry.code_version != code_version:
        return "was measured by other code or rules than are in force"
    reason = stale(lake.ledger, entry.table, [entry.day]).get(entry.day)
    return f"is stale ({reason})" if reason else ""


def _altered(rows: pd.DataFrame) -> str:
    what = "was emptied" if rows.empty else "was altered"
    return f"{what} after it was measured"
