"""The contract of a table's rows alone."""

import pandas as pd
import pytest

from ml_assets.scaffolding.contract import row_contract


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        pytest.param([0, 1, 1], "isin=[0, 1]", id="zeros and ones"),
        pytest.param([0, None, 1], "isin=[0, 1]", id="some missing"),
        pytest.param(["0", "1", "0"], "isin=[0, 1]", id="of a CSV file"),
        pytest.param([0.0, 0.5, 1.0], "ge=0, le=2", id="shares"),
        pytest.param([0, 0, 0], "ge=0, le=1", id="only zeros"),
        pytest.param([1, 2, 2], "ge=0, le=3", id="ones and twos"),
    ],
)
def test_bounds_are_what_a_number_may_be(values: list[object], bounds: str) -> None:
    assert bounds in row_contract(pd.DataFrame({"promotion": values}), "sales.csv")


@pytest.mark.parametrize(
    ("time", "days", "line"),
    [
        pytest.param("%Y-%m-%d", pd.bdate_range("2024-01-01", periods=80), True, id="weekdays"),
        pytest.param(
            "%d.%m.%Y", pd.bdate_range("2024-01-01", periods=80), True, id="of another format"
        ),
        pytest.param("%Y-%m-%d", pd.date_range("2024-01-01", periods=80), False, id="all days"),
    ],
)
def test_days_of_the_week_without_rows_are_proposed_as_empty(
    time: str, days: pd.DatetimeIndex, line: bool
) -> None:
    rows = pd.DataFrame({"day": days.strftime(time), "sold": range(len(days))})

    text = row_contract(rows, "sales.csv", "day")

    assert ('metadata: ClassVar = {"empty_on": ["Saturday", "Sunday"]}' in text) == line
    assert ("There never are rows on Saturday and Sunday." in text) == line
    compile(text, "contracts.py", "exec")
