"""Challenger and champion on identical rows: scikit-learn's values, paired intervals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ml_assets.contracts.validation import validate
from ml_assets.learning.evaluation import NO_VALUE, OVERALL
from ml_assets.release.evidence.comparison import Comparison, compare, row_set_hash
from ml_assets_tests.release.judged import (
    AS_OF,
    CLASSIFICATION,
    EVALUATION,
    KEY,
    REGRESSION,
    SEGMENTS,
    better,
    predictions,
    rows,
)


def one(found: pd.DataFrame, metric: str, segment: str = OVERALL) -> dict[str, float]:
    """The row of one metric of one segment."""
    [row] = found[(found["metric"] == metric) & (found["segment"] == segment)].to_dict("records")
    return row


@pytest.mark.parametrize(
    ("metric", "function"),
    [
        pytest.param("auc", metrics.roc_auc_score, id="auc"),
        pytest.param("average_precision", metrics.average_precision_score, id="average precision"),
        pytest.param("brier", metrics.brier_score_loss, id="brier"),
    ],
)
def test_both_models_are_measured_as_scikit_learn_does(metric, function) -> None:
    case = better()

    found = one(case.comparison(), metric)

    assert found["challenger"] == pytest.approx(function(case.test["late"], case.challenger))
    assert found["champion"] == pytest.approx(function(case.test["late"], case.champion))
    assert found["rows"] == len(case.test)


@pytest.mark.parametrize("segment", ["UA", "JFK"])
def test_segments_are_measured_by_the_main_metric(segment: str) -> None:
    case = better()

    found = one(case.comparison(), "auc", segment)

    chosen = (case.test[SEGMENTS] == segment).any(axis=1)
    expected = metrics.roc_auc_score(case.test.loc[chosen, "late"], case.challenger[chosen])
    assert found["challenger"] == pytest.approx(expected)
    assert set(case.comparison().query("segment_column != 'all'")["metric"]) == {"auc"}


@pytest.mark.parametrize(
    ("specification", "metric"),
    [
        pytest.param(CLASSIFICATION, "auc", id="auc, more is better"),
        pytest.param(CLASSIFICATION, "brier", id="brier, less is better"),
        pytest.param(REGRESSION, "rmse", id="rmse, less is better"),
        pytest.param(REGRESSION, "mae", id="mae, less is better"),
        pytest.param(REGRESSION, "r2", id="r2, more is better"),
    ],
)
def test_gain_is_positive_for_the_better_model_and_its_interval_holds_it(
    specification, metric: str
) -> None:
    case = better(specification=specification)
    other = replace(case, challenger=case.champion, champion=case.challenger)

    gain, loss = one(case.comparison(), metric), one(other.comparison(), metric)

    assert gain["improvement"] == pytest.approx(abs(gain["challenger"] - gain["champion"]))
    assert 0 < gain["low"] < gain["improvement"] < gain["high"]
    assert (loss["improvement"], loss["low"], loss["high"]) == pytest.approx(
        (-gain["improvement"], -gain["high"], -gain["low"])
    )


def test_interval_is_paired_so_days_that_are_hard_for_both_do_not_widen_it() -> None:
    test = rows()
    is_hard = test["feature_day"] > "2013-07-07"
    skill = np.where(is_hard, 0.05, 0.6) * (test["late"] - 0.5)
    noise = np.random.default_rng(3).normal(0, 0.2, len(test))
    champion = np.clip(0.5 + skill + noise, 0.05, 0.95).to_numpy()
    nearly = champion + np.random.default_rng(4).normal(0, 0.01, len(test))
    case = better(challenger=nearly, champion=champion)

    found = one(case.comparison(), "auc")

    [overall] = [found["high"] - found["low"]]
    assert overall < 0.01
    unpaired = one(replace(case, champion=np.full(len(test), 0.5)).comparison(), "auc")
    assert unpaired["high"] - unpaired["low"] > 0.05


def test_model_that_is_the_champion_gains_nothing_with_certainty() -> None:
    case = better()

    found = replace(case, champion=case.challenger).comparison()

    assert not found[["improvement", "low", "high"]].to_numpy().any()


@pytest.mark.parametrize("specification", [CLASSIFICATION, REGRESSION], ids=lambda s: s.task)
def test_comparison_keeps_its_contract(specification) -> None:
    found = better(specification=specification).comparison()

    validated = validate(found, Comparison, [AS_OF])

    assert validated.quarantined == {}
    assert validated.row_counts == {AS_OF: 3 + 4 + 3}


def test_small_segments_are_listed_and_not_judged() -> None:
    found = better().comparison().set_index("segment")["is_judged"]

    assert found.groupby(level=0).any().to_dict() == {
        "B6": True,
        "all": True,
        "DL": True,
        "EWR": True,
        "HA": False,
        "JFK": True,
        "LGA": True,
        "UA": True,
    }


def test_rows_without_a_segment_are_a_segment() -> None:
    case = better()
    test = case.test.assign(carrier=case.test["carrier"].where(case.test["carrier"] != "DL"))

    found = replace(case, test=test).comparison()

    assert one(found, "auc", NO_VALUE)["rows"] == case.test["carrier"].eq("DL").sum()


def test_hash_of_rows_depends_on_key_label_and_day_but_not_on_order() -> None:
    test = rows()
    same = row_set_hash(test, KEY, "late")

    assert row_set_hash(test[::-1], KEY, "late") == same
    assert row_set_hash(test.iloc[1:], KEY, "late") != same
    assert row_set_hash(test.assign(late=1 - test["late"]), KEY, "late") != same
    assert row_set_hash(test.assign(feature_day="2013-07-01"), KEY, "late") != same


def test_gain_on_other_rows_is_undefined() -> None:
    test = rows()
    scored = test.assign(prediction=predictions(test, 0.4))

    found = compare(
        CLASSIFICATION,
        scored,
        scored.iloc[1:],
        key=KEY,
        segments=SEGMENTS,
        rules=EVALUATION,
        min_segment_rows=100,
    )

    assert found[["champion", "improvement", "low", "high"]].isna().all(axis=None)
    assert found["challenger"].notna().all()
    assert set(found["challenger_rows"]).isdisjoint(found["champion_rows"])


def test_missing_prediction_leaves_the_gain_undefined() -> None:
    case = better()
    holes = np.where(np.arange(len(case.test)) == 5, np.nan, case.challenger)

    found = replace(case, challenger=holes).comparison()

    assert found.loc[found["segment_column"] == OVERALL, "improvement"].isna().all()
