"""Predictions with features that are missing too often, and answers with stale or missing lookups."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.alerts.sources.features import degraded_answers, incomplete_features
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets_tests.releases import PIPELINE, score, store

AS_OF, LAST, ALWAYS = "2013-05-01", "2013-07-01", "9999-12-31"
NOW = datetime(2013, 7, 1, 12, tzinfo=UTC)
LOOKUP = f"{PIPELINE}/origin_state"
HOUR = timedelta(hours=1)


def refer(lake: Lake, missing: Mapping[str, int], threshold: float = 0.01) -> None:
    """Store the reference of the champion: feature → rows of 1,000 without a value."""
    rows = pd.DataFrame(
        {DAY: AS_OF, "feature": [*missing], "rows": 1000, "missing": missing.values()}
    )
    store(lake, "feature_reference", rows.assign(daily_missing_threshold=threshold))


def profile(lake: Lake, missing: Mapping[str, int], day: str = LAST, rows: int = 100) -> None:
    """Store the profile of a day: feature → rows without a value."""
    values = {"reference": AS_OF, "feature": [*missing], "rows": rows, "missing": missing.values()}
    store(lake, "feature_profile", pd.DataFrame({DAY: day, **values}))


def test_features_that_are_missing_more_often_than_in_training_are_a_finding(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    refer(lake, {"temp": 20, "wind": 300, "visibility": 0, "hour": 0, "dest": 0})
    profile(lake, {"temp": 35, "wind": 31, "visibility": 100, "hour": 16, "dest": 40})
    score(lake, LAST)

    (found,) = incomplete_features(lake, pipeline, ALWAYS)

    assert found.message == (
        "predictions of 2013-07-01 were made from features that are missing more often than usual: "
        "visibility 100% (usually 0.0%), dest 40% (usually 0.0%), temp 35% (usually 2.0%) and 1 more"
    )
    assert (found.kind, found.subject) == ("features_degraded", f"{PIPELINE}/predictions")
    assert (found.since, found.until) == (LAST, LAST)


@pytest.mark.parametrize(
    ("missing", "rows", "threshold"),
    [
        pytest.param(34, 100, 0.01, id="increase of 14 points"),
        pytest.param(40, 100, 0.25, id="within the threshold of a day"),
        pytest.param(4, 8, 0.01, id="four rows"),
    ],
)
def test_what_is_usual_is_none(
    lake: Lake, pipeline: WatchedPipeline, missing: int, rows: int, threshold: float
) -> None:
    refer(lake, {"temp": 200}, threshold)
    profile(lake, {"temp": missing}, rows=rows)
    score(lake, LAST)

    assert [*incomplete_features(lake, pipeline, ALWAYS)] == []


def test_it_is_over_with_the_next_partition_that_is_complete(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    refer(lake, {"temp": 0})
    profile(lake, {"temp": 60}, "2013-06-30")
    profile(lake, {"temp": 0})
    score(lake, "2013-06-30", LAST)

    assert [one.until for one in incomplete_features(lake, pipeline, "2013-06-30")] == [
        "2013-06-30"
    ]
    assert [*incomplete_features(lake, pipeline, ALWAYS)] == []


def test_without_predictions_of_the_partition_there_is_none(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    assert [*incomplete_features(lake, pipeline, ALWAYS)] == []
    refer(lake, {"temp": 0})
    profile(lake, {"temp": 60})

    assert [*incomplete_features(lake, pipeline, ALWAYS)] == []


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    """An empty prediction log."""
    return PredictionLog(f"sqlite:///{tmp_path / 'predictions.db'}")


def answer(
    log: PredictionLog,
    count: int,
    age: float | None,
    *,
    is_stale: bool = False,
    at: datetime = NOW - HOUR,
    name: str = "e",
) -> None:
    """Log answers that looked up a table."""
    log.append(
        [
            LoggedPrediction(
                event_id=f"{name}-{number}",
                pipeline=PIPELINE,
                day=at.date().isoformat(),
                prediction_id=f"{name}-{number}",
                at=at,
                answered_at=at + timedelta(seconds=number),
                request={},
                features={},
                ages={LOOKUP: age, f"{PIPELINE}/route_rates": 60.0},
                missing=[],
                stale=[LOOKUP] if is_stale else [],
                prediction={"score": 0.5},
                model_version="m",
                model_as_of=AS_OF,
                latency_ms=1.0,
            )
            for number in range(count)
        ]
    )


def test_stale_and_unknown_values_of_a_table_are_one_finding(
    log: PredictionLog, pipeline: WatchedPipeline
) -> None:
    answer(log, 60, 60.0, name="fresh")
    answer(log, 30, 5 * 3600.0, is_stale=True, name="stale")
    answer(log, 10, 9 * 3600.0, is_stale=True, name="older")
    answer(log, 20, None, name="unknown")

    (found,) = degraded_answers(log, pipeline, ALWAYS, NOW)

    assert found.message == (
        "of the last 120 answers that looked up flight_delays/origin_state, 40 had values older than its "
        "ttl, up to 9.0 h and 20 found no values of their entity"
    )
    assert (found.kind, found.subject) == ("features_degraded", LOOKUP)
    assert (found.since, found.until) == ("2013-07-01", "2013-07-01")
    assert found.command == (
        "ml-assets online materialize flight_delays/origin_state --until 2013-07-01"
    )


@pytest.mark.parametrize(
    ("fresh", "stale", "is_found"),
    [
        pytest.param(90, 10, False, id="a tenth"),
        pytest.param(89, 11, True, id="more than a tenth"),
        pytest.param(0, 19, False, id="few answers"),
        pytest.param(0, 20, True, id="enough answers"),
    ],
)
def test_more_than_a_tenth_of_enough_answers_is_a_finding(
    log: PredictionLog, pipeline: WatchedPipeline, fresh: int, stale: int, is_found: bool
) -> None:
    answer(log, fresh, 60.0, name="fresh")
    answer(log, stale, 5 * 3600.0, is_stale=True, name="stale")

    assert bool([*degraded_answers(log, pipeline, ALWAYS, NOW)]) == is_found


def test_answers_of_another_day_do_not_count(log: PredictionLog, pipeline: WatchedPipeline) -> None:
    answer(log, 50, None, at=NOW - 13 * HOUR)

    assert [one.since for one in degraded_answers(log, pipeline, ALWAYS, NOW)] == ["2013-06-30"]
    assert [*degraded_answers(log, pipeline, ALWAYS, NOW + 12 * HOUR)] == []
    assert [*degraded_answers(log, pipeline, "2013-06-29", NOW)] == []


def test_it_is_over_after_the_store_was_written(
    log: PredictionLog, pipeline: WatchedPipeline
) -> None:
    answer(log, 200, None, at=NOW - 3 * HOUR)
    assert [*degraded_answers(log, pipeline, ALWAYS, NOW)]

    answer(log, 190, 60.0, name="later")

    assert [*degraded_answers(log, pipeline, ALWAYS, NOW)] == []
