"""Reading rows of an opened table, and how a refusal to read them is told."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake import delta as files
from ml_assets.lake.verification import Opened
from ml_assets.lake.writing import ROW


def scan(
    opened: Opened,
    days: Sequence[str] | None,
    columns: Sequence[str] | None,
    version: int | None,
) -> pd.DataFrame:
    """Rows of some days of a table, in the order they were written, not verified."""
    import pyarrow as pa

    if opened.delta is None:
        raise LakeMismatch(
            f"Table {opened.table} is not in the lake{_at(version)}. Materialize its days again, or "
            "restore the lake from a backup."
        )
    wanted = None if columns is None else list(dict.fromkeys([*columns, DAY, ROW]))
    predicate = None if days is None else files.days_predicate(days)
    with files.explained(opened.table, opened.path, opened.delta.version()):
        scanned = pa.table(opened.delta.scan(columns=wanted, predicate=predicate))
    rows = scanned.to_pandas(split_blocks=True, self_destruct=True)
    return _in_order(rows).drop(columns=[ROW] if columns is None else {DAY, ROW} - {*columns})


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((rows[ROW].to_numpy(), rows[DAY].to_numpy(dtype="U10")))
    in_order = bool((np.diff(order) > 0).all())
    return rows if in_order else rows.take(order).reset_index(drop=True)


def refusal(
    opened: Opened, bad: Mapping[str, str], commands: Sequence[str], version: int | None
) -> str:
    """What a reader is told of damaged days.

    Args:
        opened: their table.
        bad: day → how it is damaged.
        commands: what computes them again; none when rows of an old version are damaged.
        version: table version that was asked for.
    """
    table, days = opened.table, sorted(bad)
    listed = "; ".join(f"{table} {day} was {bad[day]}" for day in days[:3])
    more = f" (and {len(days) - 3} more days until {days[-1]})" if len(days) > 3 else ""
    if not commands:
        return (
            f"{listed}{more}. These are not the rows{_at(version)} that the ledger recorded. Restore "
            "the lake from a backup."
        )
    return (
        f"{listed}{more}. The days count as missing now. To compute them again, run: "
        f"{'; '.join(commands)} (or restore the lake from a backup)."
    )


def _at(version: int | None) -> str:
    return "" if version is None else f" at version {version}"
