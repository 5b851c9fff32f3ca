"""Drift reports on data with and without drift."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import Cadence, Calendar, hour_of, weekday
from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.drift import (
    LEAST_DISTANCE,
    LEAST_MISSING,
    drift_report,
    reference_profile,
    summary,
    usual_min_rows,
)
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows

AS_OF = "2013-07-01"
SEEDS = [pytest.param(seed, id=f"seed {seed}") for seed in (1, 2)]
NUMERIC = ["temperature", "price", "weekday", "constant", "empty"]
CATEGORICAL = ["colour", "size"]
GROUPS = {"temperature": "environment", "price": "structural", "colour": "structural"}


def sample(
    seed: int, first: str = "2013-01-01", days: int = 120, per_day: int = 150
) -> pd.DataFrame:
    """Days that differ from each other by level, weekday and missing rows."""
    random = np.random.default_rng(seed)
    dates = pd.date_range(first, periods=days)
    level, count = random.normal(0, 3, days), days * per_day
    price = random.gamma(3, 40, count)
    return pd.DataFrame(
        {
            DAY: np.repeat(dates.strftime("%Y-%m-%d"), per_day),
            "temperature": random.normal(60 + np.repeat(level, per_day), 8),
            "price": np.where(random.random(count) < 0.05, np.nan, price),
            "weekday": np.repeat(dates.day_of_week, per_day),
            "constant": 7.0,
            "empty": np.nan,
            "colour": pd.Series(random.choice(["red", "blue", "green"], count), dtype="str"),
            "size": pd.Series(random.choice(["S", "L"], count, p=[0.9, 0.1]), dtype="str"),
        }
    )


@cache
def stored_reference(seed: int) -> pd.DataFrame:
    """A reference of four months, until the end of April."""
    return reference_profile(sample(seed), NUMERIC, CATEGORICAL, 7)


def compared(stored: pd.DataFrame, window: pd.DataFrame) -> pd.DataFrame:
    """The report of a window of days, by feature."""
    bins = [each.bins for each in reference_from_rows(stored)]
    profiles = to_rows(*daily_profiles(window, bins), AS_OF)
    report = drift_report(
        stored, profiles, GROUPS, day=window[DAY].max(), reference=AS_OF, min_rows=100
    )
    return report.set_index("feature", drop=False)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", [pytest.param(1, id="a day"), pytest.param(7, id="a week")])
def test_held_out_days_do_not_drift(seed: int, days: int) -> None:
    held_out = sample(seed + 10, "2013-05-01", days)

    report = compared(stored_reference(seed), held_out)

    assert report.index[report["drifted"]].tolist() == []
    assert report.loc["price", "window_days"] == days


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("days", [pytest.param(1, id="a day"), pytest.param(7, id="a week")])
@pytest.mark.parametrize(
    ("feature", "change"),
    [
        pytest.param("temperature", lambda values: values * 1.8 + 32, id="another unit"),
        pytest.param("price", lambda values: values / 10, id="a shifted decimal point"),
        pytest.param("price", lambda values: values.where(values > 100), id="values missing"),
        pytest.param("price", lambda values: values * np.nan, id="all values missing"),
        pytest.param("price", lambda values: values * np.inf, id="all values infinite"),
        pytest.param("constant", lambda values: values + 1e-9, id="a constant moved up"),
        pytest.param("constant", lambda values: values - 1e-9, id="a constant moved down"),
        pytest.param("empty", lambda values: values.fillna(1), id="an empty feature filled"),
        pytest.param("colour", lambda values: values.replace("red", "rot"), id="a new category"),
        pytest.param("colour", lambda values: values.replace("red", "blue"), id="one vanished"),
    ],
)
def test_what_changed_is_found_first(
    seed: int, days: int, feature: str, change: Callable[[pd.Series], pd.Series]
) -> None:
    window = sample(seed + 10, "2013-05-01", days)

    report = compared(stored_reference(seed), window.assign(**{feature: change(window[feature])}))

    assert report.loc[feature, "drifted"]
    assert report.loc[feature, "likely_cause_rank"] == 1
    assert report.index[0] == feature
    assert report["drifted"].sum() == 1
    assert validate(report, DriftReport, [window[DAY].max()]).row_counts == {
        window[DAY].max(): len(NUMERIC + CATEGORICAL)
    }


def test_distance_of_what_has_no_values_is_null() -> None:
    window = sample(5, "2013-05-01", 7).assign(price=np.nan)

    report = compared(stored_reference(1), window)

    measured = ["distance", "ratio", "psi", "wasserstein"]
    assert report.loc[["empty", "price"], measured].isna().all(axis=None)
    assert report.loc["price", ["missing_share", "unseen_share"]].tolist() == [1, 0]
    assert report.loc["empty", "missing_ratio"] == 0


def test_unseen_categories_are_reported_by_their_share() -> None:
    window = sample(5, "2013-05-01", 1)
    window.loc[window.index[:15], "size"] = "XXL"

    report = compared(stored_reference(1), window)

    assert report.loc["size", ["unseen_share", "measure"]].tolist() == [0.1, "js"]


def test_thresholds_are_those_of_the_span() -> None:
    stored = stored_reference(1).set_index("feature")

    day = compared(stored_reference(1), sample(5, "2013-05-01", 1))
    week = compared(stored_reference(1), sample(5, "2013-05-01", 7))

    pd.testing.assert_series_equal(
        day["threshold"], stored.loc[day.index, "daily_threshold"], check_names=False
    )
    pd.testing.assert_series_equal(
        week["threshold"], stored.loc[week.index, "window_threshold"], check_names=False
    )
    assert (stored["daily_threshold"] >= stored["window_threshold"]).all()


def test_what_never_changed_has_the_least_thresholds() -> None:
    stored = stored_reference(1).set_index("feature").loc[["constant", "empty"]]

    assert (stored[["daily_threshold", "window_threshold"]] == LEAST_DISTANCE).all(axis=None)
    assert (stored.filter(like="missing_threshold") == LEAST_MISSING).all(axis=None)


@pytest.mark.parametrize(
    ("values", "farthest"),
    [
        pytest.param([1], 0, id="one day"),
        pytest.param([0, 1], 0.5, id="two days"),
        pytest.param([1, 1, 0, 0, 1], 0.6, id="five days in windows of two"),
    ],
)
def test_a_short_reference_is_calibrated_on_windows_of_half_its_days(
    values: list[float], farthest: float
) -> None:
    rows = pd.DataFrame({"at": [f"2013-01-0{day}" for day, _ in enumerate(values, 1)]})

    stored = reference_profile(rows.assign(value=values), ["value"], [], 30, day="at")

    assert stored["window_threshold"].tolist() == [max(LEAST_DISTANCE, 1.5 * farthest)]


def test_profiles_against_other_references_are_left_out() -> None:
    stored = stored_reference(1)
    bins = [each.bins for each in reference_from_rows(stored)]
    profiles = to_rows(*daily_profiles(sample(5, "2013-05-01", 2), bins), "another")

    report = drift_report(stored, profiles, GROUPS, day="2013-05-02", reference=AS_OF, min_rows=100)

    assert report.empty
    assert [*validate(report, DriftReport, ["2013-05-02"]).quarantined] == ["2013-05-02"]
    assert summary(report)["drifted structural"] == 0


def test_summary_counts_by_group_and_names_the_strongest() -> None:
    window = sample(5, "2013-05-01", 7)
    window = window.assign(temperature=window["temperature"] + 200, price=np.nan, constant=8.0)

    report = compared(stored_reference(1), window)

    assert summary(report) == {
        "drifted structural": 1,
        "drifted environment": 1,
        "drifted other": 1,
        "strongest feature": "price",
        "strongest ratio": pytest.approx(report["missing_ratio"].max()),
    }


@pytest.mark.parametrize(
    ("rows", "days", "window_days", "expected"),
    [
        pytest.param(880 * 300, 300, 7, 400, id="many rows a day"),
        pytest.param(300 * 20, 300, 7, 105, id="20 rows a day"),
        pytest.param(300, 300, 60, 45, id="a row a day, sixty days"),
        pytest.param(300, 300, 7, 30, id="a row a day, a week of which is too few"),
        pytest.param(0, 0, 1, 30, id="no day"),
    ],
)
def test_rows_that_a_window_needs_follow_from_the_reference(
    rows: int, days: int, window_days: int, expected: int
) -> None:
    reference = pd.DataFrame({"rows": [rows, rows], "window_days": [window_days, window_days]})

    assert usual_min_rows(reference, days) == expected


def test_the_calendar_never_drifts_and_is_no_likely_cause() -> None:
    stored = stored_reference(1)
    bins = [each.bins for each in reference_from_rows(stored)]
    window = sample(5, "2013-05-01", 2).assign(weekday=9)
    profiles = to_rows(*daily_profiles(window, bins), AS_OF)

    def report(groups: dict[str, str]) -> pd.DataFrame:
        found = drift_report(
            stored, profiles, groups, day="2013-05-02", reference=AS_OF, min_rows=100
        )
        return found.set_index("feature", drop=False)

    moved = report({}).loc["weekday"]
    calm = report({"weekday": "calendar"})

    assert moved["drifted"]
    assert not calm.loc["weekday", "drifted"]
    assert calm.loc["weekday", "ratio"] == moved["ratio"]
    assert calm.loc["weekday", "likely_cause_rank"] == len(calm)
    assert "drifted calendar" not in summary(calm)
    assert summary(calm)["strongest feature"] != "weekday"


WORKDAYS = "from Monday to Friday"
NIGHTLESS = "hours of the day without those of the night"
PATTERNS = {
    WORKDAYS: (Calendar(), 7, 5, lambda key: weekday(key) not in {"Saturday", "Sunday"}),
    NIGHTLESS: (Calendar(Cadence.HOURLY), 24, 12, lambda key: "-08:00" <= hour_of(key) < "-20:00"),
    "a missing day": (Calendar(), 7, 7, lambda key: key != "2013-02-06"),
}


@pytest.mark.parametrize("per_day", [pytest.param(8, id="8 rows"), pytest.param(90, id="90 rows")])
@pytest.mark.parametrize(
    ("calendar", "length", "with_rows", "has_rows"),
    [pytest.param(*pattern, id=name) for name, pattern in PATTERNS.items()],
)
def test_a_usual_window_is_judged_though_partitions_without_rows_are_in_it(
    calendar: Calendar, length: int, with_rows: int, has_rows: Callable[[str], bool], per_day: int
) -> None:
    first = calendar.first_of("2013-01-07")
    keys = [
        key for key in calendar.keys(first, calendar.shifted(first, 20 * length)) if has_rows(key)
    ]
    rows = pd.DataFrame({DAY: np.repeat(keys, per_day)})
    rows["value"] = np.random.default_rng(0).normal(size=len(rows))
    before, window = rows.iloc[: -with_rows * per_day], rows.iloc[-with_rows * per_day :]

    stored = reference_profile(before, ["value"], [], length, calendar=calendar)
    bins = [each.bins for each in reference_from_rows(stored)]
    report = drift_report(
        stored,
        to_rows(*daily_profiles(window, bins), AS_OF),
        {},
        day=keys[-1],
        reference=AS_OF,
        min_rows=usual_min_rows(stored, before[DAY].nunique()),
    )

    assert stored["window_days"].tolist() == [with_rows]
    assert report["is_judged"].tolist() == [True]
    assert report["threshold"].tolist() == stored["window_threshold"].tolist()
    assert report["drifted"].tolist() == [False]
