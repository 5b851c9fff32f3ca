"""Predictions that match a rule for high-risk cases, from the lake and from the prediction log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.alerts.finding import Level
from ml_assets.alerts.rules import AlertRule
from ml_assets.alerts.sources.predictions import high_risk_predictions
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets_tests.releases import PIPELINE, store

LAST = "2013-12-31"
RULE = AlertRule.model_validate(
    {"name": "late_ev", "when": {"score": {"at_least": 0.9}, "carrier": {"in": ["EV"]}}}
)


@pytest.fixture
def watched(pipeline: WatchedPipeline) -> WatchedPipeline:
    """The pipeline with a rule."""
    return replace(pipeline, rules=[RULE])


def predict(lake: Lake, day: str, *scores: float, carrier: str = "EV", **columns: object) -> None:
    """Store predictions of a day."""
    rows = pd.DataFrame(
        {
            DAY: day,
            "prediction_id": [f"{day}-{number}" for number in range(len(scores))],
            "prediction": scores,
            "carrier": carrier,
        }
    )
    store(lake, "predictions", rows.assign(**columns))


def test_predictions_of_the_last_day_that_match_are_a_finding(
    lake: Lake, watched: WatchedPipeline
) -> None:
    predict(lake, "2013-07-01", 0.91, 0.95, 0.2)

    (found,) = high_risk_predictions(lake, None, watched, LAST)

    assert (found.subject, found.since, found.until) == ("late_ev", "2013-07-01", "2013-07-01")
    assert found.message == (
        "2 of 3 predictions of 2013-07-01 match 'late_ev', the highest is 0.95 of 2013-07-01-1"
    )
    assert found.command == f"ml-assets trace {PIPELINE} --prediction 2013-07-01-1"
    assert found.own_level is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"carrier": "UA"}, id="another segment"),
        pytest.param({"prediction": 0.89}, id="a lower score"),
        pytest.param({"prediction": float("nan")}, id="no score"),
    ],
)
def test_predictions_that_do_not_match_are_none(
    lake: Lake, watched: WatchedPipeline, changes
) -> None:
    predict(lake, "2013-07-01", 0.95, **changes)

    assert [*high_risk_predictions(lake, None, watched, LAST)] == []


def test_only_the_last_day_counts(lake: Lake, watched: WatchedPipeline) -> None:
    predict(lake, "2013-07-01", 0.95)
    predict(lake, "2013-07-02", 0.5)

    assert [*high_risk_predictions(lake, None, watched, LAST)] == []
    assert [one.until for one in high_risk_predictions(lake, None, watched, "2013-07-01")] == [
        "2013-07-01"
    ]


def test_each_rule_is_a_finding_of_its_own_level(lake: Lake, watched: WatchedPipeline) -> None:
    certain = AlertRule.model_validate(
        {"name": "certain", "when": {"score": {"above": 0.99}}, "level": "critical"}
    )
    predict(lake, "2013-07-01", 0.999)

    found = [*high_risk_predictions(lake, None, replace(watched, rules=[RULE, certain]), LAST)]

    assert [(one.subject, one.own_level) for one in found] == [
        ("late_ev", None),
        ("certain", Level.CRITICAL),
    ]


def test_the_score_of_classes_is_the_probability_of_the_predicted_one(
    lake: Lake, watched: WatchedPipeline
) -> None:
    predict(lake, "2013-07-01", 1, 2, score=[0.95, 0.4])

    (found,) = high_risk_predictions(lake, None, replace(watched, has_classes=True), LAST)

    assert found.message.startswith("1 of 2 predictions")


def test_a_pipeline_without_rules_or_predictions_has_no_finding(
    lake: Lake, pipeline: WatchedPipeline, watched: WatchedPipeline
) -> None:
    assert [*high_risk_predictions(lake, None, watched, LAST)] == []
    predict(lake, "2013-07-01", 0.99)
    assert [*high_risk_predictions(lake, None, pipeline, LAST)] == []


def logged(number: int, score: float | None, day: str = "2013-07-02") -> LoggedPrediction:
    """An answer of a service."""
    at = datetime(2013, 7, 2, 12, tzinfo=UTC) + timedelta(minutes=number)
    return LoggedPrediction(
        event_id=f"event-{number}",
        pipeline=PIPELINE,
        day=day,
        prediction_id=f"row {number}",
        at=at,
        answered_at=at,
        request={"carrier": "EV"},
        features={"carrier": "UA", "distance": 100.0},
        ages={},
        missing=(),
        stale=(),
        prediction={"prediction": score},
        model_version="model",
        model_as_of="2013-07-01",
        latency_ms=1.0,
    )


def test_answers_of_a_service_are_judged_before_they_are_in_the_lake(
    lake: Lake, watched: WatchedPipeline, tmp_path: Path
) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    log.append([logged(1, 0.95), logged(2, 0.3), logged(3, None), logged(4, 0.99, "2013-07-03")])
    predict(lake, "2013-07-01", 0.99)
    is_logged = replace(watched, is_logged=True)

    (found,) = high_risk_predictions(lake, log, is_logged, "2013-07-02")

    assert found.message == (
        "1 of 3 predictions of 2013-07-02 match 'late_ev', the highest is 0.95 of row 1"
    )
    assert [one.until for one in high_risk_predictions(lake, log, is_logged, LAST)] == [
        "2013-07-03"
    ]
    assert [one.until for one in high_risk_predictions(lake, log, watched, LAST)] == ["2013-07-01"]


def test_of_thousands_of_answers_of_a_day_none_is_missed(
    lake: Lake, watched: WatchedPipeline, tmp_path: Path
) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    log.append([logged(0, 0.95), *(logged(number, 0.3) for number in range(1, 4_500))])

    (found,) = high_risk_predictions(lake, log, replace(watched, is_logged=True), LAST)

    assert found.message == (
        "1 of 4,500 predictions of 2013-07-02 match 'late_ev', the highest is 0.95 of row 0"
    )
