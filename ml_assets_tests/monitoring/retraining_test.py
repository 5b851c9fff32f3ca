"""Whether to retrain: signals, limits, and reasons."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import DAYS, shifted
from ml_assets.configuration.files.policies import read_policy
from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.durations import Duration
from ml_assets.errors import ConfigurationError
from ml_assets.learning.predictions import prediction_columns
from ml_assets.monitoring.contracts.retraining import KEEP, RETRAIN, RetrainingDecision
from ml_assets.monitoring.evidence import RetrainingEvidence
from ml_assets.monitoring.policy import Policy
from ml_assets.monitoring.retraining import decide
from ml_assets.release.champion import Champion
from ml_assets_tests.project import ROOT

TODAY, TOMORROW = "2013-07-10", "2013-07-11"
AS_OF = "2013-05-01"
CHAMPION = Champion(
    AS_OF,
    "c1",
    0.9,
    training_days=100,
    training_last="2013-04-20",
    metric="auc",
    serves_from=AS_OF,
)
NEWEST, MIDDLE, OLDEST = (
    ["2013-07-09", "2013-07-10"],
    ["2013-07-07", "2013-07-08"],
    ["2013-07-05", "2013-07-06"],
)
"""Days of the three windows of a policy."""

GOOD, POOR, OFF, ONE_CLASS = "good", "poor", "off", "one class"
PREDICTED = {GOOD: (0.9, 0.1), POOR: (0.4, 0.6), OFF: (0.99, 0.8), ONE_CLASS: (0.9, 0.1)}
"""Predictions of a positive and of a negative: AUC 1, 0, 1 and undefined."""


def policy(**changes: Any) -> Policy:
    """Three windows of two days side by side; no signal but those that are given."""
    windows = {"evaluation_window": "2d", "window_step": "2d", "windows": 3, "confirmations": 2}
    return Policy.model_validate({"name": "tested", "min_labels": 4, **windows, **changes})


def labels(*windows: str | None, version: str = "c1") -> pd.DataFrame:
    """Labels of the windows, the newest first; None for a window without labels."""
    rows = [
        {
            DAY: day,
            "label": float(is_positive or window == ONE_CLASS),
            "prediction": PREDICTED[window][0 if is_positive else 1],
            "model_version": version,
        }
        for days, window in zip([NEWEST, MIDDLE, OLDEST], windows, strict=False)
        if window
        for day in days
        for is_positive in (True, False)
    ]
    return pd.DataFrame(rows, columns=[DAY, "label", "prediction", "model_version"])


def drift(
    *counts: tuple[int, int] | None, reference: str = AS_OF, last: str = TODAY
) -> pd.DataFrame:
    """Reports of the ends of the windows, the newest first: drifted structural and other features."""
    ends = [day.strftime("%Y-%m-%d") for day in pd.date_range(end=last, periods=3, freq="2D")[::-1]]
    rows = [
        {
            DAY: end,
            "reference": reference,
            "feature": f"{group} {number}",
            "group": group,
            "rows": 1000,
            "is_judged": True,
            "drifted": number < drifted,
            "likely_cause_rank": 1 + number * 2 + (group == "structural"),
        }
        for end, of_end in zip(ends, counts, strict=False)
        if of_end
        for group, drifted in zip(["structural", "environment"], of_end, strict=True)
        for number in range(5)
    ]
    columns = [DAY, "reference", "feature", "group", "rows", "is_judged", "drifted"]
    frame = pd.DataFrame(rows, columns=[*columns, "likely_cause_rank"])
    return frame.astype({"drifted": "bool", "is_judged": "bool"})


def evidence(**changes: Any) -> RetrainingEvidence:
    """A champion, good labels, and no drift."""
    known = {
        "day": TODAY,
        "champion": CHAMPION,
        "labels": labels(GOOD, GOOD, GOOD),
        "drift": drift((0, 0), (0, 0), (0, 0)),
        "requested_days": [],
        "trainable_days": 100,
        "champion_days": 100,
    }
    found = {**known, **changes}
    next_as_of = shifted(found["day"], 1)
    return RetrainingEvidence(calendar=DAYS, next_as_of=next_as_of, **found)


def decided(of: RetrainingEvidence, by: Policy) -> Mapping[Any, Any]:
    """The decision, validated by its contract."""
    found = decide(of, by)
    validated = validate(found, RetrainingDecision, [of.day])
    assert validated.quarantined == {}
    assert validated.row_counts == {of.day: 1}
    (row,) = validated.rows.to_dict("records")
    return row


DROP = policy(performance_drop=0.05)
CALIBRATION = policy(calibration_error=0.1)
STRUCTURAL = policy(drifted_structural=2)
FEATURES = policy(drifted_features=4)
GROWTH = policy(data_growth=0.3)
MONTHLY = policy(each_month=True)


@pytest.mark.parametrize(
    ("by", "raised", "rule", "reason"),
    [
        pytest.param(
            DROP,
            {"labels": labels(POOR, POOR, GOOD)},
            "performance",
            "auc 0.000 over the last 2 days of labels is 0.900 worse than the 0.900 of its release "
            "(limit 0.05 worse, in 2 of the last 3 windows)",
            id="performance",
        ),
        pytest.param(
            CALIBRATION,
            {"labels": labels(OFF, OFF, GOOD)},
            "calibration",
            "mean prediction 0.895 against mean label 0.500 (limit 0.1, in 2 of the last 3 "
            "windows)",
            id="calibration",
        ),
        pytest.param(
            STRUCTURAL,
            {"drift": drift((2, 1), (3, 0), (0, 0))},
            "drifted_structural",
            "2 structural features have drifted, strongest structural 0 (limit 2, in 2 of the "
            "last 3 windows)",
            id="structural drift",
        ),
        pytest.param(
            FEATURES,
            {"drift": drift((1, 3), (0, 4), (0, 3))},
            "drifted_features",
            "4 features have drifted, strongest environment 0 (limit 4, in 2 of the last 3 "
            "windows)",
            id="drift of any features",
        ),
        pytest.param(
            GROWTH,
            {"trainable_days": 130},
            "data_growth",
            "the training window has grown by 30% since the champion's (limit 30%)",
            id="more data",
        ),
        pytest.param(
            MONTHLY,
            {"requested_days": ["2013-06-15"]},
            "each_month",
            "the last requested retraining is as of 2013-06, and the month is 2013-07",
            id="a new month",
        ),
    ],
)
def test_signal_requests_retraining_with_a_reason(
    by: Policy, raised: dict[str, Any], rule: str, reason: str
) -> None:
    found = decided(evidence(**raised), by)

    assert (found["verdict"], found["rule"], found["as_of"]) == (RETRAIN, rule, TOMORROW)
    assert reason in found["reason"]


@pytest.mark.parametrize(
    ("by", "known", "reason"),
    [
        pytest.param(
            DROP,
            {},
            "auc 1.000 over the last 2 days of labels is 0.100 better than the 0.900 of its "
            "release (limit 0.05 worse, in 0 of",
            id="performance",
        ),
        pytest.param(
            CALIBRATION,
            {},
            "mean prediction 0.500 against mean label 0.500 (limit 0.1, in 0 of",
            id="calibration",
        ),
        pytest.param(
            STRUCTURAL,
            {"drift": drift((1, 5), (1, 5), (1, 5))},
            "1 structural features have drifted, strongest structural 0 (limit 2, in 0 of",
            id="structural drift",
        ),
        pytest.param(
            FEATURES,
            {},
            "0 features have drifted (limit 4, in 0 of",
            id="drift of any features",
        ),
        pytest.param(GROWTH, {"trainable_days": 129}, "grown by 29% since", id="more data"),
        pytest.param(
            MONTHLY,
            {"requested_days": ["2013-07-01"]},
            "is as of 2013-07, and the month is 2013-07",
            id="the same month",
        ),
        pytest.param(policy(), {}, "policy 'tested' has no signals", id="a policy of no signal"),
    ],
)
def test_without_a_signal_the_champion_is_kept_with_the_figures(
    by: Policy, known: dict[str, Any], reason: str
) -> None:
    found = decided(evidence(**known), by)

    assert (found["verdict"], found["rule"], found["as_of"]) == (KEEP, "nothing", "")
    assert reason in found["reason"]


def test_decision_contains_its_evidence() -> None:
    known = evidence(
        labels=labels(OFF, GOOD, GOOD),
        drift=drift((1, 3), (5, 5), (5, 5)),
        requested_days=["2013-06-01", "2012-01-01"],
        trainable_days=150,
    )

    found = decided(known, DROP)

    assert {name: found[name] for name in ("policy", "champion", "champion_as_of", "labels")} == {
        "policy": "tested",
        "champion": "c1",
        "champion_as_of": AS_OF,
        "labels": 4,
    }
    assert (found["metric_at_release"], found["metric_now"]) == (0.9, 1.0)
    assert (found["mean_prediction"], found["mean_label"]) == (pytest.approx(0.895), 0.5)
    assert (found["drifted_structural"], found["drifted_features"]) == (1, 4)
    assert found["strongest_drift"] == "environment 0"
    assert (found["data_growth"], found["asked_before"]) == (0.5, 1)


HYSTERESIS = [
    pytest.param((1, 1, 1), True, id="all three"),
    pytest.param((1, 1, 0), True, id="the newest two"),
    pytest.param((1, 0, 1), True, id="the newest and the oldest"),
    pytest.param((1, None, 1), True, id="the newest and the oldest, nothing known between"),
    pytest.param((1, 0, 0), False, id="the newest alone"),
    pytest.param((1, None, None), False, id="the newest, and nothing known before"),
    pytest.param((0, 1, 1), False, id="the older two"),
    pytest.param((None, 1, 1), False, id="the older two, nothing known now"),
]


@pytest.mark.parametrize(("shown", "is_raised"), HYSTERESIS)
@pytest.mark.parametrize(
    ("by", "known"),
    [
        pytest.param(
            DROP, lambda shown: {"labels": labels(*_windows(shown, POOR))}, id="performance"
        ),
        pytest.param(
            CALIBRATION, lambda shown: {"labels": labels(*_windows(shown, OFF))}, id="calibration"
        ),
        pytest.param(
            STRUCTURAL,
            lambda shown: {"drift": drift(*(None if s is None else (2 * s, 0) for s in shown))},
            id="structural drift",
        ),
        pytest.param(
            FEATURES,
            lambda shown: {"drift": drift(*(None if s is None else (0, 4 * s) for s in shown))},
            id="drift of any features",
        ),
    ],
)
def test_signal_has_to_be_there_now_and_be_confirmed(
    by: Policy, known: Any, shown: tuple[int | None, ...], is_raised: bool
) -> None:
    found = decided(evidence(**known(shown)), by)

    assert (found["verdict"] == RETRAIN) is is_raised


def _windows(shown: tuple[int | None, ...], bad: str) -> list[str | None]:
    return [None if one is None else bad if one else GOOD for one in shown]


@pytest.mark.parametrize("confirmations", [1, 2, 3])
def test_confirmations_of_the_policy_are_required(confirmations: int) -> None:
    by = policy(performance_drop=0.05, confirmations=confirmations)

    found = decided(evidence(labels=labels(POOR, POOR, GOOD)), by)

    assert (found["verdict"] == RETRAIN) is (confirmations <= 2)


@pytest.mark.parametrize("by", [DROP, CALIBRATION], ids=["performance", "calibration"])
@pytest.mark.parametrize(
    ("min_labels", "is_enough"),
    [pytest.param(4, True, id="enough"), pytest.param(5, False, id="one too few")],
)
def test_too_few_labels_are_no_evidence(by: Policy, min_labels: int, is_enough: bool) -> None:
    known = evidence(
        labels=labels(*[POOR] * 3).assign(
            prediction=lambda rows: 0.99 - rows["label"] * 0.1  # wrong order, and all too high
        )
    )

    found = decided(known, by.model_copy(update={"min_labels": min_labels}))

    assert (found["verdict"] == RETRAIN) is is_enough
    assert found["labels"] == (4 if is_enough else 0)
    assert pd.isna(found["metric_now"]) is not is_enough
    if not is_enough:
        assert found["reason"].startswith("fewer than 5 labels of the champion's predictions")


def test_only_the_champions_own_predictions_count() -> None:
    of_the_one_before = labels(POOR, POOR, POOR, version="c0")
    own = labels(GOOD, GOOD, GOOD)

    together = decided(evidence(labels=pd.concat([of_the_one_before, own])), DROP)
    alone = decided(evidence(labels=of_the_one_before), DROP)

    assert together == decided(evidence(labels=own), DROP)
    assert (alone["verdict"], alone["labels"]) == (KEEP, 0)
    assert alone["reason"].startswith("fewer than 4 labels")


@pytest.mark.parametrize(
    "day",
    [
        pytest.param("2013-07-04", id="before the oldest window"),
        pytest.param(TOMORROW, id="on a later day"),
    ],
)
def test_labels_outside_the_windows_do_not_count(day: str) -> None:
    others = pd.concat([labels(POOR).assign(**{DAY: day})] * 5)

    with_others = decided(evidence(labels=pd.concat([labels(GOOD, GOOD, GOOD), others])), DROP)

    assert with_others == decided(evidence(), DROP)


def test_label_window_covers_all_windows() -> None:
    assert policy().label_window(DAYS) == 6
    assert policy().window_ends(TODAY, DAYS) == [NEWEST[-1], MIDDLE[-1], OLDEST[-1]]


@pytest.mark.parametrize("older", [GOOD, POOR])
def test_undefined_metric_is_no_drop_and_is_reported(older: str) -> None:
    known = evidence(labels=labels(ONE_CLASS, older, older))

    found = decided(known, policy(performance_drop=0.05, confirmations=1))

    assert (found["verdict"], found["labels"], found["mean_label"]) == (KEEP, 4, 1.0)
    assert pd.isna(found["metric_now"])
    assert "auc is undefined" in found["reason"]
    assert "nan" not in found["reason"]


def test_undefined_metric_of_an_older_window_confirms_nothing() -> None:
    found = decided(evidence(labels=labels(POOR, ONE_CLASS, GOOD)), DROP)

    assert found["verdict"] == KEEP
    assert "in 1 of the last 3 windows" in found["reason"]


def test_calibration_is_judged_even_of_one_class() -> None:
    found = decided(evidence(labels=labels(ONE_CLASS, ONE_CLASS)), CALIBRATION)

    assert (found["verdict"], found["rule"]) == (RETRAIN, "calibration")


@pytest.mark.parametrize(
    ("release", "verdict", "reason"),
    [
        pytest.param(0.2, RETRAIN, "rmse 0.600 over .* is 0.400 worse than the 0.200", id="more"),
        pytest.param(0.8, KEEP, "rmse 0.600 over .* is 0.200 better than the 0.800", id="less"),
    ],
)
def test_error_of_a_regression_is_a_drop_when_it_grows(
    release: float, verdict: str, reason: str
) -> None:
    champion = replace(CHAMPION, metric="rmse", value=release)
    known = evidence(champion=champion, labels=labels(POOR, POOR, POOR))

    found = decided(known, DROP)

    assert found["verdict"] == verdict
    assert re.search(reason, found["reason"])


def test_drop_has_to_be_more_than_the_limit() -> None:
    half = replace(CHAMPION, value=0.5)

    assert decided(evidence(champion=half), policy(performance_drop=0.5))["verdict"] == KEEP
    poor = evidence(champion=half, labels=labels(POOR, POOR, POOR))
    assert decided(poor, policy(performance_drop=0.5))["verdict"] == KEEP
    assert decided(poor, policy(performance_drop=0.49))["verdict"] == RETRAIN


@pytest.mark.parametrize(
    ("days", "verdict"),
    [pytest.param(28, RETRAIN, id="enough days"), pytest.param(27, KEEP, id="one too few")],
)
@pytest.mark.parametrize("by", [DROP, MONTHLY, policy()], ids=["drop", "monthly", "never"])
def test_first_model_is_requested_with_enough_training_days(
    by: Policy, days: int, verdict: str
) -> None:
    nobody = evidence(champion=None, labels=labels(POOR, POOR, version=""), trainable_days=days)

    found = decided(nobody, by.model_copy(update={"min_training_window": Duration.parse("28d")}))

    assert found["verdict"] == verdict
    assert found["rule"] == ("no_champion" if verdict == RETRAIN else "nothing")
    assert f"no champion yet, and {days} training days (28 required)" in found["reason"]
    assert (found["champion"], found["champion_as_of"]) == ("", "")
    assert pd.isna(found["metric_at_release"])
    assert pd.isna(found["data_growth"])


@pytest.mark.parametrize(
    ("asked", "is_cool"),
    [
        pytest.param("2013-07-09", False, id="yesterday"),
        pytest.param("2013-07-04", False, id="last day of the cooldown"),
        pytest.param("2013-07-03", True, id="day after the cooldown"),
    ],
)
@pytest.mark.parametrize("champion", [CHAMPION, None], ids=["a champion", "no champion"])
def test_nothing_is_requested_in_the_cooldown(
    asked: str, is_cool: bool, champion: Champion | None
) -> None:
    known = evidence(
        champion=champion, labels=labels(POOR, POOR, POOR), requested_days=["2013-01-01", asked]
    )

    found = decided(known, policy(performance_drop=0.05, cooldown="7d"))

    assert (found["verdict"], found["rule"] == "cooldown") == (
        (RETRAIN, False) if is_cool else (KEEP, True)
    )
    if not is_cool:
        assert f"on {asked}, and the cooldown is 7 days" in found["reason"]
        assert found["reason"].startswith("auc 0.000" if champion else "there is no champion yet")
        assert found["as_of"] == ""


@pytest.mark.parametrize(
    ("requested_days", "is_spent"),
    [
        pytest.param(["2013-05-01"], False, id="the first model alone"),
        pytest.param(["2013-05-01", "2013-05-20"], False, id="one left"),
        pytest.param(["2013-05-01", "2013-05-20", "2013-06-20"], True, id="none left"),
        pytest.param(
            ["2012-06-01", "2012-07-10", "2013-06-20"], False, id="of long ago but for one"
        ),
        pytest.param(
            ["2012-06-01", "2013-05-20", "2013-06-20"], False, id="one left, the first of long ago"
        ),
    ],
)
def test_budget_limits_requests(requested_days: list[str], is_spent: bool) -> None:
    known = evidence(labels=labels(POOR, POOR, POOR), requested_days=requested_days)

    found = decided(known, policy(performance_drop=0.05, budget=3, budget_window="365d"))

    assert (found["verdict"], found["rule"]) == (
        (KEEP, "budget") if is_spent else (RETRAIN, "performance")
    )
    if is_spent:
        assert found["reason"].startswith("auc 0.000")
        assert found["reason"].endswith("the budget of 3 in 365 days is exhausted")
        assert found["asked_before"] == 3


def test_budget_does_not_keep_a_first_model_from_being_trained() -> None:
    requested_days = [f"2013-0{month}-01" for month in range(1, 7)]

    found = decided(evidence(champion=None, requested_days=requested_days), policy(budget=0))

    assert (found["verdict"], found["rule"]) == (RETRAIN, "no_champion")


@pytest.mark.parametrize(
    ("day", "asked", "verdict"),
    [
        pytest.param("2013-07-30", "2013-06-30", KEEP, id="last day that belongs to the month"),
        pytest.param(
            "2013-07-31", "2013-06-30", RETRAIN, id="last day, for the month that follows"
        ),
        pytest.param("2013-12-31", "2013-11-30", RETRAIN, id="the year turns"),
        pytest.param("2013-08-01", "2013-07-31", KEEP, id="asked on the last day for this month"),
        pytest.param("2013-07-02", None, RETRAIN, id="never asked before"),
    ],
)
def test_each_month_has_one_model(day: str, asked: str | None, verdict: str) -> None:
    known = evidence(day=day, requested_days=[asked] if asked else [])
    by = MONTHLY.model_copy(update={"cooldown": Duration.parse("1d")})

    assert decided(known, by)["verdict"] == verdict


@pytest.mark.parametrize(
    "by", [STRUCTURAL, FEATURES], ids=["structural drift", "drift of any features"]
)
@pytest.mark.parametrize(
    ("reports", "reason"),
    [
        pytest.param(drift(), "2013-07-10 has no drift report", id="none"),
        pytest.param(
            drift((5, 5), (5, 5), (5, 5), reference="2013-03-01"),
            "2013-07-10 has no drift report",
            id="against another champion's reference",
        ),
        pytest.param(
            drift((5, 5), (5, 5), (5, 5), last="2013-07-09"),
            "2013-07-10 has no drift report",
            id="of other days",
        ),
    ],
)
def test_drift_is_that_of_the_day_against_this_champions_reference(
    by: Policy, reports: pd.DataFrame, reason: str
) -> None:
    found = decided(evidence(drift=reports), by)

    assert (found["verdict"], found["reason"]) == (KEEP, reason)
    assert (found["drifted_features"], found["strongest_drift"]) == (0, "")


def test_reports_against_the_champion_before_confirm_nothing() -> None:
    reports = pd.concat([drift((5, 5)), drift(None, (5, 5), (5, 5), reference="2013-03-01")])

    found = decided(evidence(drift=reports), STRUCTURAL)

    assert found["verdict"] == KEEP
    assert "in 1 of the last 3 windows" in found["reason"]


def test_first_of_several_signals_is_the_rule_and_all_are_reported() -> None:
    known = evidence(labels=labels(POOR, POOR), trainable_days=500)

    found = decided(known, policy(performance_drop=0.05, calibration_error=0.1, data_growth=0.3))

    assert found["rule"] == "performance"
    first, second = found["reason"].split("; ")
    assert first.startswith("auc 0.000")
    assert second.startswith("the training window has grown by 400%")


def test_all_signals_are_reported_when_none_is_raised() -> None:
    by = policy(
        performance_drop=0.05,
        calibration_error=0.1,
        drifted_structural=1,
        drifted_features=1,
        data_growth=0.3,
        each_month=True,
    )

    found = decided(evidence(requested_days=["2013-07-01"]), by)

    assert found["verdict"] == KEEP
    assert len(found["reason"].split("; ")) == 6


@pytest.mark.parametrize(
    "file",
    sorted((ROOT / "ml_assets/defs/flight_delays/policies").glob("*.yaml")),
    ids=lambda file: file.stem,
)
def test_shipped_policy_is_readable_and_named_as_its_file(file: Path) -> None:
    assert read_policy(file).name == file.stem


def test_three_policies_are_shipped() -> None:
    folder = ROOT / "ml_assets/defs/flight_delays/policies"

    assert {file.stem for file in folder.iterdir()} == {"monthly", "never", "triggered"}


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        pytest.param(
            "name: x\nbudgett: 3", r"Did you mean 'budget'\? \(line 2\)", id="unknown key"
        ),
        pytest.param("name: [x", "while parsing", id="not YAML"),
        pytest.param("name: x\nbudget: many", "budget", id="wrong type"),
        pytest.param("name: x\nwindows: 0", "windows", id="out of range"),
        pytest.param("name: x\nperformance_drop: .nan", "performance_drop", id="not a number"),
        pytest.param("budget: 3", "name", id="no name"),
        pytest.param("", "0 documents, expected one", id="empty"),
        pytest.param("- name", "expected a mapping", id="a list"),
        pytest.param("1: x", "string", id="key that is no text"),
        pytest.param(b"name: \xff\xfe", r"is not UTF-8 \(line 1\)", id="not text"),
        pytest.param(
            "name: x\nbudget: 3\nbudget: 4", r"twice, first in line 2 \(line 3", id="key twice"
        ),
        pytest.param("name: x\nperformance_drop: .inf", "finite number", id="infinite"),
        pytest.param("name: x\x07", "#x0007", id="control character"),
        pytest.param("name: a\n---\nname: b", "2 documents, expected one", id="two documents"),
    ],
)
def test_unusable_policy_is_refused_with_its_name_and_what_is_wrong(
    tmp_path: Path, text: str | bytes, reported: str
) -> None:
    file = tmp_path / "strict.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(
        ConfigurationError, match=rf"Policy file strict.yaml .*{reported}"
    ) as raised:
        read_policy(file)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["missing.yaml", "."], ids=["missing", "a folder"])
def test_policy_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be read .*Expected a YAML file"
    ) as raised:
        read_policy(tmp_path / name)

    assert str(tmp_path / name) in str(raised.value)


def test_policy_has_the_values_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("name: own\nperformance_drop: 0.02\neach_month: true\n")

    assert read_policy(file) == Policy(name="own", performance_drop=0.02, each_month=True)


CLASSES = ("punctual", "late", "cancelled")


@pytest.mark.parametrize(
    ("by", "is_wrong", "verdict", "reason"),
    [
        pytest.param(DROP, False, KEEP, "accuracy 1.000 over", id="as good as at release"),
        pytest.param(DROP, True, RETRAIN, "accuracy 0.333 over .* is 0.567 worse", id="worse"),
        pytest.param(
            CALIBRATION,
            True,
            RETRAIN,
            "mean probability 0.800 of punctual against its share 0.333",
            id="one class is predicted too often",
        ),
        pytest.param(CALIBRATION, False, KEEP, "against its share 0.333", id="calibrated"),
    ],
)
def test_performance_and_calibration_of_classes(
    by: Policy, is_wrong: bool, verdict: str, reason: str
) -> None:
    """Each class once on each day; a wrong model predicts the first one every time."""
    probabilities = np.array([0.8, 0.1, 0.1])
    rows = [
        {
            DAY: day,
            "label": name,
            "model_version": "c1",
            **dict(
                zip(
                    prediction_columns(CLASSES)[2:],
                    probabilities if is_wrong else np.roll(probabilities, number),
                    strict=True,
                )
            ),
        }
        for days in (NEWEST, MIDDLE, OLDEST)
        for day in days
        for number, name in enumerate(CLASSES)
    ]
    champion = replace(CHAMPION, metric="accuracy", value=0.9)

    found = decided(evidence(champion=champion, labels=pd.DataFrame(rows), classes=CLASSES), by)

    assert found["verdict"] == verdict
    assert re.search(reason, found["reason"]), found["reason"]
