"""Predictions as features: which ones a row gets, and which were known too late for it."""

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.learning.ensembles.chaining import chained, source_rows

MONDAY, TUESDAY = "2024-01-01", "2024-01-02"
BY_ORDER = {"expected": {"order": "order"}}
BY_HOUR = {"forecast": {"origin": "origin", "departs_in": "time_hour"}}
TIMES = {"cut": "known_by", "targets": {"forecast": "time_hour"}}


def orders(**changes: object) -> pd.DataFrame:
    """Three orders of two days."""
    days = pd.Series([MONDAY, MONDAY, TUESDAY], dtype="str")
    return pd.DataFrame({DAY: days, "order": [1, 2, 3], "items": [1.0, None, 3.0]}).assign(
        **changes
    )


def predictions(**changes: object) -> pd.DataFrame:
    """The predictions of these orders, none of them late."""
    found = orders()[[DAY, "order"]].assign(prediction=[10.0, 20.0, 30.0], horizon_hours=-24.0)
    return found.assign(is_late=False, is_replayed=True, **changes)


def flights() -> pd.DataFrame:
    """Two flights in the same hour, the first of which is predicted half an hour earlier."""
    at = pd.to_datetime(["2024-01-01 09:30", "2024-01-01 10:00"], utc=True)
    return pd.DataFrame(
        {
            DAY: pd.Series([MONDAY] * 2, dtype="str"),
            "flight": [1, 2],
            "origin": "JFK",
            "departs_in": pd.to_datetime(["2024-01-01 12:00"] * 2, utc=True),
            "known_by": at,
        }
    )


def forecasts(horizon: float) -> pd.DataFrame:
    """A forecast of the hour of these flights."""
    return pd.DataFrame(
        {
            DAY: pd.Series([MONDAY], dtype="str"),
            "origin": "JFK",
            "time_hour": pd.to_datetime(["2024-01-01 12:00"], utc=True),
            "prediction": 7.5,
            "horizon_hours": horizon,
            "is_late": False,
        }
    )


def values(rows: pd.DataFrame, column: str) -> list[float | None]:
    """A column with None for missing values."""
    return [None if pd.isna(value) else float(value) for value in rows[column]]


def test_rows_keep_their_values_and_get_the_prediction_with_their_key() -> None:
    shuffled = predictions().iloc[[2, 0, 1]]
    found = chained([MONDAY, TUESDAY], features=orders(), joined=BY_ORDER, expected=shuffled)
    assert values(found, "expected") == [10.0, 20.0, 30.0]
    pd.testing.assert_frame_equal(found[[*orders().columns]], orders())


def test_only_the_days_that_are_asked_for_have_rows() -> None:
    found = chained([TUESDAY], features=orders(), joined=BY_ORDER, expected=predictions())
    assert values(found, "expected") == [30.0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (predictions().iloc[1:], [None, 20.0, 30.0]),
        (predictions(order=[1, 2, 9]), [10.0, 20.0, None]),
        (predictions().assign(ds=[MONDAY, TUESDAY, TUESDAY]), [10.0, None, 30.0]),
        (predictions().assign(is_late=[True, False, False]), [None, 20.0, 30.0]),
        (pd.DataFrame({DAY: pd.Series([], dtype="str")}), [None, None, None]),
    ],
    ids=["row not predicted", "another key", "another day", "late prediction", "no day at all"],
)
def test_the_value_is_missing_without_a_prediction_in_time(
    given: pd.DataFrame, expected: list[float | None]
) -> None:
    found = chained([MONDAY, TUESDAY], features=orders(), joined=BY_ORDER, expected=given)
    assert values(found, "expected") == expected
    assert found["expected"].dtype == float


def test_columns_may_have_other_names_in_the_predictions() -> None:
    renamed = predictions().rename(columns={"order": "number"})
    joined = {"expected": {"order": "number"}}
    found = chained([MONDAY, TUESDAY], features=orders(), joined=joined, expected=renamed)
    assert values(found, "expected") == [10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    ("horizon", "expected"),
    [
        (3.0, [7.5, 7.5]),
        (2.5, [7.5, 7.5]),
        (2.25, [None, 7.5]),
        (2.0, [None, 7.5]),
        (1.5, [None, None]),
        (float("nan"), [None, None]),
    ],
    ids=[
        "before both cuts",
        "at the first cut",
        "between the cuts",
        "at the second cut",
        "after both cuts",
        "unknown",
    ],
)
def test_a_prediction_that_was_known_after_the_cut_of_a_row_is_not_used(
    horizon: float, expected: list[float | None]
) -> None:
    found = chained(
        [MONDAY], features=flights(), joined=BY_HOUR, forecast=forecasts(horizon), **TIMES
    )
    assert values(found, "forecast") == expected


def test_erasing_what_was_known_later_changes_no_row() -> None:
    later = pd.concat([forecasts(2.25), forecasts(1.5).assign(origin="EWR")])
    known = later["time_hour"] - pd.to_timedelta(later["horizon_hours"], unit="h")
    rows = pd.concat([flights(), flights().assign(origin="EWR")], ignore_index=True)
    every, erased = (
        chained([MONDAY], features=rows, joined=BY_HOUR, forecast=given, **TIMES)
        for given in (later, later[known <= rows["known_by"].max()])
    )
    pd.testing.assert_frame_equal(every, erased)


def test_several_predictions_of_a_row_are_refused() -> None:
    twice = pd.concat([predictions(), predictions()])
    with pytest.raises(
        ConfigurationError, match=r"several predictions with equal order.*join_keys"
    ):
        chained([MONDAY], features=orders(), joined=BY_ORDER, expected=twice)


def test_a_row_is_traced_to_its_features_and_its_prediction() -> None:
    rows = chained([MONDAY], features=orders(), joined=BY_ORDER, expected=predictions())
    found = source_rows(
        rows.iloc[1], features=orders(), joined=BY_ORDER, cut=None, expected=predictions()
    )
    assert {name: one["order"].tolist() for name, one in found.items()} == {
        "features": [2],
        "expected": [2],
    }
    assert found["expected"]["used_for"].tolist() == ["its expected"]


def test_predictions_that_were_not_used_are_not_traced() -> None:
    late = predictions().assign(is_late=True)
    rows = chained([MONDAY], features=orders(), joined=BY_ORDER, expected=late)

    found = source_rows(rows.iloc[1], features=orders(), joined=BY_ORDER, expected=late)

    assert values(rows, "expected") == [None, None]
    assert found["expected"].empty


def test_a_row_without_predictions_is_traced_to_its_features_alone() -> None:
    rows = chained([MONDAY], features=orders(), joined=BY_ORDER, expected=pd.DataFrame())
    found = source_rows(rows.iloc[0], features=orders(), joined=BY_ORDER, expected=pd.DataFrame())
    assert found["expected"].empty
    assert found["features"]["order"].tolist() == [1]
