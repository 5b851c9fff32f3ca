"""Performance in rolling windows: values, intervals, windows and limits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.learning.evaluation import OVERALL, EvaluationRules
from ml_assets.learning.predictions import with_predictions
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.contracts.rolling import PerformanceReport
from ml_assets.monitoring.limits import Limit, PerformanceRules, ReportRules
from ml_assets.monitoring.performance import NO_LABELS, NOTHING, TOO_FEW
from ml_assets.monitoring.rolling import (
    NOT_AT_RELEASE,
    TOO_YOUNG,
    performance_report,
    report_summary,
)
from ml_assets.release.champion import Champion

CALENDAR = Calendar()
LAST = "2013-09-14"
REGRESSION = ModelSpecification(
    task="regression", estimator="sklearn.dummy.DummyRegressor", label="minutes", numeric=["x"]
)
CLASSIFICATION = replace(REGRESSION, task="classification", label="late")
CHAMPION = Champion("2013-08-01", "f1", 10.0, 28, "2013-07-01", "mae", "2013-08-01")
OTHER = replace(CHAMPION, fingerprint="f2")
RULES = ReportRules(
    calendar=CALENDAR,
    window=7,
    arrives_within=3,
    segments=("carrier",),
    evaluation=EvaluationRules(metrics=("mae",), resamples=200),
    performance=PerformanceRules(),
    policy_drop=None,
)


def days(count: int = 28, last: str = LAST) -> list[str]:
    """Days in a row."""
    return CALENDAR.keys(CALENDAR.shifted(last, 1 - count), last)


def rows(errors: dict[str, list[float]], carrier: str = "EV", model: str = "f1") -> pd.DataFrame:
    """Predictions with their labels: day → the error of each."""
    found = pd.DataFrame(
        [(day, error) for day, of_day in errors.items() for error in of_day],
        columns=["prediction_day", "label"],
    )
    return found.assign(
        **{DAY: found["prediction_day"]},
        prediction_id=[f"{carrier}{number}" for number in range(len(found))],
        prediction=0.0,
        carrier=carrier,
        model_version=model,
        is_late=False,
    )


def evaluation(value: float = 10, spread: float = 0, metric: str = "mae") -> pd.DataFrame:
    """The champion's evaluation at release, of all rows and of a carrier."""
    return pd.DataFrame(
        [
            {
                "split": "test",
                "segment_column": column,
                "segment": segment,
                "metric": metric,
                "value": value,
                "low": value - spread,
                "high": value + spread,
            }
            for column, segment in ((OVERALL, OVERALL), ("carrier", "EV"))
        ]
    )


def report(
    labelled: pd.DataFrame,
    *,
    predicted: pd.DataFrame | None = None,
    released: pd.DataFrame | None = None,
    rules: ReportRules = RULES,
    specification: ModelSpecification = REGRESSION,
    champion: Champion = CHAMPION,
    day: str = LAST,
) -> pd.DataFrame:
    """The report of a day."""
    predictions = labelled if predicted is None else predicted
    return performance_report(
        specification,
        predictions.assign(**{DAY: predictions["prediction_day"]}),
        labelled,
        evaluation() if released is None else released,
        champion,
        rules,
        day=day,
    )


def overall(found: pd.DataFrame) -> dict[str, Any]:
    """The row of the first metric of all rows."""
    return found[found["segment_column"] == OVERALL].to_dict("records")[0]


def steady(error: float, count: int = 28, per_day: int = 10) -> dict[str, list[float]]:
    """The same error on every day."""
    return {day: [error] * per_day for day in days(count)}


def test_a_value_that_is_worse_than_at_release_by_more_than_a_tenth_breaks_the_limit() -> None:
    found = overall(report(rows(steady(12))))

    assert (found["value"], found["low"], found["high"]) == pytest.approx((12, 12, 12))
    assert (found["at_release"], found["limit"]) == pytest.approx((10, 11))
    assert found["is_breached"]
    assert (found["window_first"], found["window_last"]) == ("2013-09-08", LAST)
    assert (found["rows"], found["predictions"], found["coverage"]) == (70, 70, 1)


def test_a_value_within_a_tenth_of_the_release_breaks_no_limit() -> None:
    assert not overall(report(rows(steady(10.9))))["is_breached"]


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, performance=PerformanceRules(drop=3)),
        replace(RULES, policy_drop=3),
        replace(RULES, policy_drop=1, performance=PerformanceRules(drop=3)),
    ],
    ids=["configured drop", "drop of the policy", "configured before that of the policy"],
)
def test_the_tolerated_drop(rules: ReportRules) -> None:
    found = overall(report(rows(steady(12)), rules=rules))

    assert found["limit"] == 13
    assert not found["is_breached"]


def test_chance_breaks_no_limit() -> None:
    noisy = {day: [40.0 * (number % 3 == 0)] * 10 for number, day in enumerate(days())}

    found = overall(report(rows(noisy)))

    assert found["value"] == pytest.approx(40 * 10 / 28)
    assert found["value"] > found["limit"] > found["low"]
    assert not found["is_breached"]
    assert found["window_first"] == days()[0]


def test_the_uncertainty_of_the_value_at_release_counts() -> None:
    assert not overall(report(rows(steady(12)), released=evaluation(spread=2)))["is_breached"]
    assert overall(report(rows(steady(13.1)), released=evaluation(spread=2)))["is_breached"]


def test_a_champion_without_an_evaluation_has_no_limit() -> None:
    found = overall(report(rows(steady(12)), released=evaluation()[:0]))

    assert np.isnan(found["limit"])
    assert found["note"] == NOT_AT_RELEASE


def test_a_window_ends_with_the_newest_day_that_has_its_labels() -> None:
    everything = rows(steady(10))
    arrived = everything[everything["prediction_day"] <= "2013-09-12"]

    found = overall(report(arrived, predicted=everything))

    assert (found["window_first"], found["window_last"]) == ("2013-09-06", "2013-09-12")
    assert found["coverage"] == 1


def test_a_breach_with_too_few_labels_is_provisional() -> None:
    everything = rows(steady(12))
    arrived = everything.groupby("prediction_day").head(7)

    found = overall(report(arrived, predicted=everything))

    assert found["coverage"] == pytest.approx(0.7)
    assert found["is_provisional"]
    assert not found["is_breached"]


def test_days_without_labels_have_a_coverage() -> None:
    everything = rows(steady(12))

    found = overall(report(everything[:0], predicted=everything))

    assert (found["coverage"], found["note"], found["is_provisional"]) == (0, NO_LABELS, True)
    assert overall(report(everything[:0]))["note"] == NOTHING


def test_only_what_the_champion_predicted_in_time_counts() -> None:
    own = rows(steady(10))
    late = rows(steady(99), "UA").assign(is_late=True)
    of_others = rows(steady(99), "DL", model="f2")

    found = report(pd.concat([own, late, of_others]))

    assert overall(found)["value"] == 10
    assert set(found["segment"]) == {OVERALL, "EV"}


def test_a_champion_that_is_younger_than_a_window_is_not_judged() -> None:
    young = overall(report(rows(steady(12, count=6))))
    old = overall(report(rows(steady(12, count=7))))

    assert (young["is_breached"], young["note"]) == (False, TOO_YOUNG)
    assert old["is_breached"]


def test_a_segment_with_few_rows_has_a_longer_window() -> None:
    few = rows({day: [10.0] * 4 for day in days()}, "F9")

    found = report(pd.concat([rows(steady(10)), few])).set_index("segment")

    assert found.loc[OVERALL, "window_first"] == "2013-09-08"
    assert found.loc["F9", ["window_first", "rows"]].tolist() == [days()[0], 112]


def test_a_segment_with_too_few_rows_has_no_value() -> None:
    few = rows({day: [99.0] for day in days()}, "F9")

    found = report(pd.concat([rows(steady(10)), few])).set_index("segment")

    assert np.isnan(found.loc["F9", "value"])
    assert (found.loc["F9", "note"], found.loc["F9", "rows"]) == (TOO_FEW, 28)


def test_the_last_of_repeated_labels_counts() -> None:
    right = rows(steady(10))
    wrong = right.assign(label=99.0, **{DAY: CALENDAR.shifted(days()[0], -1)})

    assert overall(report(pd.concat([wrong, right]), predicted=right))["value"] == 10


def flights(share: float, per_day: int = 50) -> pd.DataFrame:
    """Flights of which the fifth with the highest prediction is late by a share."""
    flagged = per_day // 5
    late = [1.0] * round(flagged * share) + [0.0] * (per_day - round(flagged * share))
    predicted = [0.9] * flagged + [0.1] * (per_day - flagged)
    return rows(dict.fromkeys(days(), late)).assign(prediction=predicted * 28)


@pytest.mark.parametrize(("at_least", "is_breached"), [(0.8, True), (0.6, False)])
def test_an_absolute_limit_of_a_metric(at_least: float, is_breached: bool) -> None:
    limits = PerformanceRules(limits={"precision": Limit(at_least=at_least)})
    rules = replace(
        RULES, performance=limits, evaluation=EvaluationRules(metrics=("auc", "precision"))
    )

    found = report(
        flights(0.7), rules=rules, specification=CLASSIFICATION, released=evaluation(1, 0, "auc")
    )

    precision = found[found["metric"] == "precision"].set_index("segment")
    assert precision["value"].to_dict() == pytest.approx({OVERALL: 0.7, "EV": 0.7})
    assert precision["is_breached"].to_dict() == {OVERALL: is_breached, "EV": is_breached}
    assert set(precision["limit"]) == {at_least}


def test_several_classes() -> None:
    names = ("early", "late", "never")
    of_classes = replace(REGRESSION, task="multiclass", classes=names)
    actual = ["early", "late", "never", "never"] * 5
    flown = rows(dict.fromkeys(days(), [0.0] * 20)).drop(columns="prediction")
    predicted = with_predictions(flown.assign(label=actual * 28), np.array([0.2, 0.2, 0.6]), names)
    rules = replace(RULES, evaluation=EvaluationRules(metrics=("accuracy",), resamples=200))

    found = overall(
        report(
            predicted,
            rules=rules,
            specification=of_classes,
            released=evaluation(0.7, 0.01, "accuracy"),
        )
    )

    assert found["value"] == pytest.approx(0.5)
    assert found["limit"] == pytest.approx(0.63)
    assert found["is_breached"]


def test_a_report_keeps_its_contract() -> None:
    found = report(rows(steady(12)))

    validated = validate(found, PerformanceReport, [LAST])

    assert len(validated.rows) == 2
    assert not len(validated.dead_letters)
    assert report_summary(found) == {
        "mae": 12,
        "breached": 2,
        "limits broken": "mae of all rows, mae of carrier=EV",
    }


def test_a_segment_has_to_be_worse_the_more_segments_are_judged() -> None:
    released = pd.concat([evaluation(spread=1), evaluation(spread=1).assign(segment="UA")[1:]])
    one = report(rows(steady(12.1)), released=released)
    two = report(pd.concat([rows(steady(12.1)), rows(steady(12.1), "UA")]), released=released)

    assert one.set_index("segment")["is_breached"].to_dict() == {OVERALL: True, "EV": True}
    assert two.set_index("segment")["is_breached"].to_dict() == {
        OVERALL: True,
        "EV": False,
        "UA": False,
    }
