"""Defaults that weeks and months can reach, and settings that their partitions can never meet."""

import logging
from pathlib import Path
from typing import Any

import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.reachable import unreachable, unreachable_retraining
from ml_assets.durations import partitions
from ml_assets.learning.metrics.resampling import MIN_DAYS
from ml_assets.monitoring.policy import NO_POLICY, Policy
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, raw_table

FIRST = {
    Cadence.HOURLY: "2015-01-01",
    Cadence.DAILY: "2015-01-01",
    Cadence.WEEKLY: "2015-01-05",
    Cadence.MONTHLY: "2015-01-01",
}


def model(cadence: Cadence, **values: Any) -> PipelineConfiguration:
    """A model of a cadence, without what has a default."""
    days = {"first": FIRST[cadence], "cadence": cadence, **values.pop("days", {})}
    return PipelineConfiguration.model_validate(
        {
            "pipeline": "shop",
            "features": "shop/orders",
            "labels": {"asset": "shop/weights", "column": "weight"},
            "estimator": {
                "task": "regression",
                "path": "sklearn.linear_model.Ridge",
                "numeric": ["items"],
                "hyperparameters": {"random_state": 0},
            },
            "join_keys": ["order"],
            "days": days,
            **values,
        }
    )


@pytest.mark.parametrize("cadence", Cadence)
def test_every_default_can_be_reached_by_a_row_in_each_partition(cadence: Cadence) -> None:
    config, policy = model(cadence), NO_POLICY.of_cadence(cadence)

    assert [*unreachable(config), *unreachable_retraining(config, policy)] == []
    assert config.windows.test_days >= MIN_DAYS
    if cadence in {Cadence.WEEKLY, Cadence.MONTHLY}:
        assert policy.min_labels <= partitions(policy, "evaluation_window", config.days.calendar)
        assert config.release.min_segment_rows == 30
        assert config.drift_partitions >= MIN_DAYS


def test_defaults_of_days_are_as_before() -> None:
    config, policy = model(Cadence.DAILY), NO_POLICY.of_cadence(Cadence.DAILY)

    assert config.windows.window_days == 365
    assert (config.windows.validation_days, config.windows.test_days) == (7, 28)
    assert config.drift_partitions == 7
    assert config.release.min_segment_rows == 500
    assert policy == NO_POLICY


def test_values_of_a_document_are_kept() -> None:
    config = model(
        Cadence.WEEKLY, test_window="6w", drift_window="2w", release={"min_segment_rows": 40}
    )
    policy = Policy(name="own", min_labels=3).of_cadence(Cadence.WEEKLY)

    assert config.windows.test_days == 6
    assert config.drift_partitions == 2
    assert config.release.min_segment_rows == 40
    assert policy.min_labels == 3
    policy.refuse_other_cadences(Calendar(Cadence.WEEKLY))


def test_windows_follow_from_as_of_days_of_another_cadence() -> None:
    config = model(Cadence.DAILY, as_of_days={"first": "2020-01-06", "cadence": "weekly"})

    assert config.windows.test_days == 13
    assert config.drift_partitions == 7


@pytest.mark.parametrize(
    ("cadence", "window", "problem"),
    [
        pytest.param(Cadence.WEEKLY, "4w", "of 4 weekly partitions at most", id="weeks"),
        pytest.param(Cadence.MONTHLY, "3mo", "Set at least 5mo", id="months"),
        pytest.param(Cadence.DAILY, "4d", "Set at least 5d", id="days"),
    ],
)
def test_a_test_window_without_intervals_is_told(
    cadence: Cadence, window: str, problem: str
) -> None:
    [found] = unreachable(model(cadence, test_window=window))

    assert f"'test_window' is {window}" in found
    assert problem in found


@pytest.mark.parametrize(
    ("values", "reached"),
    [
        pytest.param({"window": "40w"}, "trained on 23 at most", id="short window"),
        pytest.param({"days": {"last": "2015-12-27"}}, "trained on 34 at most", id="few days"),
    ],
)
def test_a_training_window_that_is_never_long_enough_is_told(
    values: dict[str, Any], reached: str
) -> None:
    policy = Policy(name="yearly", min_training_window="52w")

    [found] = unreachable_retraining(model(Cadence.WEEKLY, **values), policy)

    assert "'min_training_window' of policy 'yearly' is 52 weekly partitions" in found
    assert reached in found


@pytest.mark.parametrize(
    ("line", "count"),
    [
        pytest.param("", 0, id="everything can be reached"),
        pytest.param("  test_window: 3d\n", 1, id="the test window is too short"),
    ],
)
def test_loading_warns_of_what_cannot_be_reached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, count: int
) -> None:
    text = MINIMAL.replace('last: "2024-02-29"', 'last: "2024-12-31"') + line

    with caplog.at_level(logging.WARNING, "ml_assets"):
        definitions(tmp_path, text, raw_table())

    found = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(found) == count, found
    assert all(each.startswith("shop: 'test_window' is 3d") for each in found)
