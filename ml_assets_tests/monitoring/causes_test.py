"""Which features moved with a breach, since when, and which source column explains it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import DAYS
from ml_assets.content import DAY
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.causes import (
    LEAST_STRENGTH,
    Movement,
    causes,
    columns_text,
    movements,
)

LAST = "2013-09-14"
WINDOW = ("2013-09-08", LAST)
SPECIFICATION = ModelSpecification(
    task="regression",
    estimator="sklearn.dummy.DummyRegressor",
    label="minutes",
    numeric=("delay", "wind"),
    categorical=("carrier",),
)
DELAY, ORIGIN, WIND = ("flights", "dep_delay"), ("flights", "origin"), ("weather", "wind_speed")


def history(days: int = 90, per_day: int = 60) -> pd.DataFrame:
    """Ordinary days up to the last: all features have the same distribution."""
    random = np.random.default_rng(0)
    names = DAYS.keys(DAYS.shifted(LAST, 1 - days), LAST)
    count = days * per_day
    return pd.DataFrame(
        {
            DAY: np.repeat(names, per_day),
            "delay": random.normal(10, 5, count),
            "wind": random.normal(10, 5, count),
            "carrier": random.choice(["EV", "UA"], count),
        }
    )


def moved(rows: pd.DataFrame, window: tuple[str, str] = WINDOW) -> dict[str, Movement]:
    """Feature → its movement in the last week, compared with four weeks."""
    return {one.feature: one for one in movements(SPECIFICATION, rows, window, 28, 147)}


def ratios(**values: float) -> list[Movement]:
    """Movements of features by their ratios."""
    return [Movement(name, ratio, LAST) for name, ratio in values.items()]


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("delay", lambda values: values + 30),
        ("delay", lambda values: values.where(values.index % 2 == 0)),
        ("delay", lambda values: values * 0 + 10),
        ("carrier", lambda values: values.replace("UA", "ZZ")),
    ],
    ids=["shift", "missing", "constant", "new category"],
)
def test_a_feature_that_changed_has_moved_since_its_first_day(feature, value) -> None:
    rows = history()
    changed = rows[DAY] >= "2013-09-10"
    rows[feature] = rows[feature].mask(changed, value(rows[feature]))

    found = moved(rows)

    assert found[feature].ratio > 1.5
    assert found[feature].since == "2013-09-10"
    assert all(one.ratio < 1.5 for name, one in found.items() if name != feature)


def test_what_happened_as_often_before_is_no_movement() -> None:
    rows = history()
    is_storm = rows[DAY].isin(DAYS.keys("2013-07-20", "2013-07-26")) | (rows[DAY] >= WINDOW[0])
    rows["wind"] += 30 * is_storm

    assert moved(rows)["wind"].ratio == pytest.approx(1, abs=0.05)


def test_later_days_than_the_window_do_not_count() -> None:
    rows = history()
    rows["delay"] += 30 * (rows[DAY] > "2013-09-12")

    assert moved(rows, ("2013-09-06", "2013-09-12"))["delay"].ratio < 1.5


def test_a_short_history_tells_nothing() -> None:
    assert movements(SPECIFICATION, history(days=40), WINDOW, 28, 147) == []


def test_too_few_rows_tell_nothing() -> None:
    assert movements(SPECIFICATION, history(per_day=4), WINDOW, 28, 147) == []


MADE_FROM = {
    "delay_1h": [DELAY, ORIGIN],
    "delay_3h": [DELAY, ORIGIN],
    "origin": [ORIGIN],
    "wind": [WIND, ORIGIN],
}


def test_the_column_whose_features_moved_together_is_first() -> None:
    first, *_ = causes(ratios(delay_1h=3, delay_3h=4, origin=0.5, wind=0.7), MADE_FROM)

    assert first.columns == (DELAY,)
    assert first.movement.feature == "delay_3h"
    assert first.is_likely
    assert first.strength == pytest.approx(np.log(4))


def test_a_column_that_all_that_moved_is_made_from_is_first() -> None:
    first, *_ = causes(ratios(delay_1h=3, delay_3h=3, origin=9, wind=3), MADE_FROM)

    assert first.columns == (ORIGIN,)
    assert first.movement.feature == "origin"


def test_columns_of_the_same_features_are_one_cause() -> None:
    made_from = {"seats": [("planes", "tailnum"), ("planes", "seats")], "wind": [WIND]}

    first, *others = causes(ratios(seats=5, wind=0.5), made_from)

    assert first.columns == (("planes", "seats"), ("planes", "tailnum"))
    assert columns_text(first.columns) == '["planes.seats", "planes.tailnum"]'
    assert others == []


def test_nothing_moved_is_no_cause() -> None:
    assert causes(ratios(delay_1h=0.9, wind=1), MADE_FROM) == []


def test_a_weak_movement_is_listed_but_not_likely() -> None:
    first, *_ = causes(ratios(delay_1h=1.05, delay_3h=1.05, origin=0.5, wind=0.5), MADE_FROM)

    assert first.columns == (DELAY,)
    assert not first.is_likely


def with_history(usual: Sequence[float], **values: float) -> list[Movement]:
    """Movements of features by their ratios; in the windows of the history one feature moved, too."""
    still = tuple(0.5 for _ in usual)
    return [
        Movement(name, ratio, LAST, tuple(usual) if name == "wind" else still)
        for name, ratio in values.items()
    ]


def test_a_movement_as_strong_as_in_one_of_five_windows_of_the_history_is_not_likely() -> None:
    usual = [*[0.9] * 16, *[4.0] * 4]

    (first, *_) = causes(with_history(usual, delay_1h=2, delay_3h=2, wind=0.5), MADE_FROM)
    (stronger, *_) = causes(with_history(usual, delay_1h=9, delay_3h=9, wind=0.5), MADE_FROM)

    assert first.columns == stronger.columns == (DELAY,)
    assert first.strength > LEAST_STRENGTH
    assert not first.is_likely
    assert stronger.is_likely


def test_a_movement_stronger_than_in_nine_of_ten_windows_of_the_history_is_likely() -> None:
    usual = [*[0.9] * 19, 4.0]

    (first, *_) = causes(with_history(usual, delay_1h=2, delay_3h=2, wind=0.5), MADE_FROM)

    assert first.is_likely


def test_windows_of_the_history_of_which_nothing_is_known_do_not_count() -> None:
    usual = [*[float("nan")] * 80, *[4.0] * 4]
    unknown = [replace(one, usual=tuple(usual)) for one in ratios(delay_1h=2, delay_3h=2)]

    (first, *_) = causes(unknown, MADE_FROM)

    assert not first.is_likely


def test_a_window_of_the_history_is_compared_with_those_that_do_not_overlap_it() -> None:
    rows = history()
    rows["wind"] += 30 * rows[DAY].isin(DAYS.keys("2013-08-04", "2013-08-10"))

    usual = moved(rows)["wind"].usual

    of_window = dict(zip(DAYS.keys("2013-07-21", "2013-09-07"), usual[-49:], strict=True))
    assert of_window["2013-08-10"] > 1.5
    assert of_window["2013-08-07"] > 1
    assert of_window["2013-07-28"] < 1


def test_features_whose_origin_is_not_given_are_ignored() -> None:
    assert causes(ratios(week_of_year=9), MADE_FROM) == []
