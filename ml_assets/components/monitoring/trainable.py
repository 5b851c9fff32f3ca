"""Days that a model can be trained on, to measure the growth of the training data."""

from collections.abc import Sequence

from ml_assets.cadence import Calendar
from ml_assets.learning.dataset import Windows
from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger


def days_with_rows(ledger: Ledger, tables: Sequence[str]) -> list[str]:
    """Days that are stored with rows in all of some tables.

    Args:
        ledger: records of the stored days.
        tables: names of the tables of features and labels.
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


def trainable_days(
    with_rows: Sequence[str], as_of: str, windows: Windows, calendar: Calendar
) -> int:
    """Number of days that a model of an as-of day is trained on.

    Args:
        with_rows: days that a model can be trained on.
        as_of: the as-of day.
        windows: use of the days before an as-of day.
        calendar: partitions of as-of days.
    """
    first = calendar.shifted(as_of, -windows.window_days)
    end = calendar.shifted(as_of, -windows.held_out_days)
    return sum(first <= day < end for day in with_rows)
