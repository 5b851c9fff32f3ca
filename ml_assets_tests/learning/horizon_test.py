"""Horizons of predictions, and which of them were made after the fact."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.learning.horizon import PredictionTimes, with_times

NEW_YORK = "America/New_York"
DAYS, HOURS = Calendar(timezone=NEW_YORK), Calendar(Cadence.HOURLY, NEW_YORK)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "lead", "key", "hours"),
    [
        pytest.param(DAYS, 0, "2024-02-09", -24, id="a day that reads itself"),
        pytest.param(DAYS, 1, "2024-02-09", 0, id="a day that reads what is before it"),
        pytest.param(DAYS, 2, "2024-02-09", 24, id="two days before its end"),
        pytest.param(DAYS, 2, "2024-03-11", 23, id="a day after the clocks were set forward"),
        pytest.param(DAYS, 2, "2024-11-04", 25, id="a day after they were set back"),
        pytest.param(HOURS, 4, "2024-02-09-13:00", 3, id="an hour"),
        pytest.param(HOURS, 4, "2024-11-03-01:00-0500", 3, id="the repeated hour"),
    ],
)
def test_horizon_of_a_partition(calendar: Calendar, lead: int, key: str, hours: float) -> None:
    found = PredictionTimes(calendar, lead).of(pd.DataFrame({DAY: [key]}), LONG_AGO)

    assert found["horizon_hours"].tolist() == [hours]
    assert found["is_replayed"].tolist() == [False]


@pytest.mark.parametrize(
    ("hour", "is_replayed"),
    [pytest.param(6, False, id="begun"), pytest.param(24, True, id="ended")],
)
def test_a_day_is_replayed_when_it_has_ended(hour: int, is_replayed: bool) -> None:
    now = DAYS.start_of("2024-02-09") + timedelta(hours=hour)

    found = PredictionTimes(DAYS, 1).of(pd.DataFrame({DAY: ["2024-02-09"]}), now)

    assert found["is_replayed"].tolist() == [is_replayed]


def test_a_row_without_the_time_that_is_predicted_counts_as_replayed() -> None:
    rows = pd.DataFrame({DAY: ["2024-02-09"], "departs": pd.to_datetime([None], utc=True)})

    found = PredictionTimes(DAYS, target_time="departs").of(rows, LONG_AGO)

    assert found["is_replayed"].tolist() == [True]
    assert found["horizon_hours"].isna().all()


def test_times_of_rows_go_before_those_of_the_partition() -> None:
    departs = pd.to_datetime(["2024-02-09 10:00", "2024-02-09 23:30"], utc=True)
    rows = pd.DataFrame(
        {DAY: "2024-02-09", "departs": departs, "cut": departs - pd.Timedelta("90min")}
    )
    times = PredictionTimes(DAYS, predicted_at="cut", target_time="departs")

    found = times.of(rows, datetime(2024, 2, 9, 10, tzinfo=UTC))

    assert found["horizon_hours"].tolist() == [1.5, 1.5]
    assert found["is_replayed"].tolist() == [True, False]


def test_a_row_that_is_predicted_after_its_partition_began_needs_the_time_that_is_predicted() -> (
    None
):
    cut = pd.to_datetime(["2024-02-08 20:00", "2024-02-09 10:00"], utc=True)
    rows = pd.DataFrame({DAY: "2024-02-09", "cut": cut})

    with pytest.raises(ConfigurationError, match=r"'cut'.*10:00.*Name the column .* 'target_time'"):
        PredictionTimes(DAYS, 1, predicted_at="cut").of_batch(rows, LONG_AGO)
    found = PredictionTimes(DAYS, 1, predicted_at="cut").of_batch(rows.head(1), LONG_AGO)
    assert found["horizon_hours"].tolist() == [9]


def predictions(ids: list[str]) -> pd.DataFrame:
    """Predictions without times."""
    return pd.DataFrame({DAY: "2024-02-09", "prediction_id": ids, "prediction": 0.5})


def test_predictions_of_an_earlier_version_get_the_times_of_the_same_rows() -> None:
    stored = predictions(["gone", "b", "a"]).assign(is_late=False)
    scored = predictions(["a", "b", "new"]).assign(horizon_hours=[1.0, 2.0, 3.0], is_replayed=False)

    found = with_times(stored, scored, "prediction_id").set_index("prediction_id")

    assert found["horizon_hours"].dropna().to_dict() == {"a": 1, "b": 2}
    assert found["is_replayed"].to_dict() == {"gone": True, "b": False, "a": False}
    assert found["is_replayed"].dtype == bool
