"""How many days of a source are read at once."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.components.source_days import CHUNK_ROWS, SourceDays
from ml_assets.configuration.days import Days
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.partitions import partitions
from ml_assets.sources.clock import Clock
from ml_assets.sources.connections import Connections, SourceSpecification
from ml_assets.sources.file_names import FilePattern

FIRST, DAYS = "2024-01-01", 300


def source_days(folder: Path, rows_a_day: int, cadence: Cadence, column: str) -> SourceDays:
    """A table of one file with the rows of all days."""
    times = pd.date_range(FIRST, periods=DAYS).repeat(rows_a_day)
    pd.DataFrame({"at": times.strftime("%Y-%m-%d")}).to_csv(folder / "rows.csv", index=False)
    specification = SourceSpecification("files", files=FilePattern("rows.csv"), clock=Clock(column))
    return SourceDays(
        Connections({"files": str(folder)}).source(specification),
        Lake(str(folder / "lake"), Ledger("sqlite://")),
        "shop/rows",
        column,
        timedelta(),
        partitions(Days(first=FIRST, cadence=cadence)),
    )


@pytest.mark.parametrize(
    ("rows_a_day", "cadence", "column", "lengths"),
    [
        pytest.param(2, Cadence.DAILY, "at", [300], id="few rows: all days"),
        pytest.param(
            CHUNK_ROWS // 100, Cadence.DAILY, "at", [100] * 3, id="as many as are allowed"
        ),
        pytest.param(CHUNK_ROWS // 10, Cadence.DAILY, "at", [31] * 9 + [21], id="many: a month"),
        pytest.param(2, Cadence.WEEKLY, "at", [43], id="few rows: all weeks"),
        pytest.param(2, Cadence.DAILY, "when", [31] * 9 + [21], id="no time column: a month"),
    ],
)
def test_days_are_read_together_until_they_have_many_rows(
    tmp_path: Path, rows_a_day: int, cadence: Cadence, column: str, lengths: list[int]
) -> None:
    found = source_days(tmp_path, rows_a_day, cadence, column)
    calendar = Calendar(cadence)
    days = calendar.keys(FIRST, calendar.shifted(FIRST, sum(lengths) - 1))

    chunks = found.chunks(days)

    assert [len(chunk) for chunk in chunks] == lengths
    assert [day for chunk in chunks for day in chunk] == days
