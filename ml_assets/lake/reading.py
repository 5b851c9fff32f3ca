"""Reading rows of an opened table, and the error message for damaged days."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY, KEY_LENGTH
from ml_assets.errors import LakeMismatch
from ml_assets.lake import delta as files
from ml_assets.lake.verification import OpenedTable
from ml_assets.lake.writing import ROW


def scan(
    opened: OpenedTable,
    days: Sequence[str] | None,
    columns: Sequence[str] | None,
    version: int | None,
) -> pd.DataFrame:
    """Rows of days of a table, in the order they were written, without verification."""
    import pyarrow as pa

    if opened.delta is None:
        raise LakeMismatch(
            f"Table {opened.table} is not in the lake{_at(version)}. Materialize its days again, or "
            "restore the lake from a backup."
        )
    wanted = None if columns is None else list(dict.fromkeys([*columns, DAY, ROW]))
    predicate = None if days is None else files.days_predicate(days)
    with files.translated_errors(opened.table, opened.path, opened.delta.version()):
        scanned = pa.table(opened.delta.scan(columns=wanted, predicate=predicate))
    rows = scanned.to_pandas(split_blocks=True, self_destruct=True)
    return _ordered(rows).drop(columns=[ROW] if columns is None else {DAY, ROW} - {*columns})


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((rows[ROW].to_numpy(), rows[DAY].to_numpy(dtype=f"U{KEY_LENGTH}")))
    is_ordered = bool((np.diff(order) > 0).all())
    return rows if is_ordered else rows.take(order).reset_index(drop=True)


def damage_message(
    opened: OpenedTable, bad: Mapping[str, str], commands: Sequence[str], version: int | None
) -> str:
    """The error message for damaged days (day → damage), with commands that compute them again."""
    table, days = opened.table, sorted(bad)
    listed = "; ".join(f"{table} {day} was {bad[day]}" for day in days[:3])
    more = f" (and {len(days) - 3} more days until {days[-1]})" if len(days) > 3 else ""
    if not commands:
        return (
            f"{listed}{more}. The rows{_at(version)} differ from those that the ledger recorded. "
            "Restore the lake from a backup."
        )
    return (
        f"{listed}{more}. The days count as missing now. To compute them again, run: "
        f"{'; '.join(commands)} (or restore the lake from a backup)."
    )


def _at(version: int | None) -> str:
    return "" if version is None else f" at version {version}"
