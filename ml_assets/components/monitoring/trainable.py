"""Days that a model can learn from: what the growth of the training data is counted in."""

from collections.abc import Sequence

from ml_assets.cadence import shifted
from ml_assets.learning.dataset import Windows
from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger


def days_with_rows(ledger: Ledger, tables: Sequence[str]) -> list[str]:
    """Days of which every one of some tables is stored with rows.

    Args:
        ledger: what is stored.
        tables: names of the tables that a model learns from: features and labels.
    """
    stored = [
        {
            day
            for day, entry in ledger.latest(table).items()
            if entry.status is Status.STORED and entry.rows
        }
        for table in tables
    ]
    return sorted(set.intersection(*stored))


def trainable_days(with_rows: Sequence[str], as_of: str, windows: Windows) -> int:
    """How many days a model of an as-of day is trained on.

    Args:
        with_rows: days that a model can learn from.
        as_of: the as-of day.
        windows: how the days before it are used.
    """
    first = shifted(as_of, -windows.window_days)
    end = shifted(as_of, -windows.held_out_days)
    return sum(first <= day < end for day in with_rows)
