"""Drift is a finding where the policy confirms it."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

from ml_assets.alerts.sources.drift import feature_drifted
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.monitoring.policy import NO_POLICY
from ml_assets_tests.releases import store

ENDS = ("2013-07-01", "2013-06-24", "2013-06-17")
LAST = ENDS[0]
FEATURES = ("carrier", "distance", "plane_age", "dest", "origin")


def report(lake: Lake, ratios: Mapping[str, float], day: str = LAST, **changes: object) -> None:
    """Store the drift report of a day: structural feature → ratio; the others have 0.1."""
    rows = pd.DataFrame(
        {
            DAY: day,
            "reference": "2013-05-01",
            "feature": [*FEATURES, "temp"],
            "group": ["structural"] * len(FEATURES) + ["environment"],
            "ratio": [ratios.get(name, 0.1) for name in FEATURES] + [9.0],
            "missing_ratio": 0.0,
            "is_judged": True,
        }
    )
    rows = rows.assign(drifted=rows["ratio"] >= 1, **changes)
    store(lake, "drift_report", rows)


TWO = {"carrier": 3.14, "distance": 1.2}


def test_drift_that_two_of_three_windows_confirm_is_a_finding(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    for day, ratios in zip(ENDS, (TWO, TWO, {}), strict=True):
        report(lake, ratios, day)

    (found,) = feature_drifted(lake, pipeline, "2013-12-31")

    assert found.message == (
        "2 of 5 structural features have drifted in 2 of the last 3 windows (limit 2): carrier 3.1 × "
        "its threshold, distance 1.2 × its threshold"
    )
    assert (found.since, found.until) == ("2013-06-24", LAST)


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param((TWO, {}, {}), id="one window"),
        pytest.param(({}, TWO, TWO), id="not the newest"),
        pytest.param(({"carrier": 9}, {"carrier": 9}, {"carrier": 9}), id="too few features"),
    ],
)
def test_unconfirmed_drift_is_none(lake: Lake, pipeline: WatchedPipeline, windows) -> None:
    for day, ratios in zip(ENDS, windows, strict=True):
        report(lake, ratios, day)

    assert [*feature_drifted(lake, pipeline, LAST)] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"reference": "2013-06-20"}, id="from another champion"),
        pytest.param({"is_judged": False}, id="of too few rows"),
    ],
)
def test_windows_that_do_not_count_confirm_nothing(
    lake: Lake, pipeline: WatchedPipeline, change
) -> None:
    report(lake, TWO)
    for day in ENDS[1:]:
        report(lake, TWO, day, **change)

    assert [*feature_drifted(lake, pipeline, LAST)] == []


def test_without_a_limit_of_the_policy_two_of_five_features_count(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    for day in ENDS:
        report(lake, TWO, day)

    (found,) = feature_drifted(lake, replace(pipeline, policy=NO_POLICY), LAST)

    assert "in 3 of the last 3 windows (limit 2)" in found.message


def test_nothing_is_found_before_there_is_a_report(lake: Lake, pipeline: WatchedPipeline) -> None:
    assert [*feature_drifted(lake, pipeline, LAST)] == []
    report(lake, TWO)
    assert [*feature_drifted(lake, pipeline, "2013-06-30")] == []
