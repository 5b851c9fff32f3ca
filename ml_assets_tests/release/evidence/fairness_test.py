"""Groups of the sensitive feature: rates with intervals, and the gaps between judged groups."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, recall_score

from ml_assets.contracts.validation import validate
from ml_assets.release.evidence.fairness import GAP, Fairness
from ml_assets_tests.release.judged import AS_OF, REGRESSION, RULES, better, flipped, predictions


def one(found: pd.DataFrame, group: str, metric: str) -> dict[str, float]:
    """The row of one metric of one group."""
    [row] = found[(found["group"] == group) & (found["metric"] == metric)].to_dict("records")
    return row


@pytest.mark.parametrize("group", ["EWR", "JFK", "LGA"])
@pytest.mark.parametrize(
    ("rate", "label"),
    [
        pytest.param("true_positive_rate", 1, id="true positives"),
        pytest.param("false_positive_rate", 0, id="false positives"),
    ],
)
def test_rates_are_the_share_of_flagged_rows_with_this_label(
    rate: str, label: int, group: str
) -> None:
    case = better()
    flagged = case.challenger >= np.quantile(case.challenger, 0.8)
    chosen = (case.test["origin"] == group) & (case.test["late"] == label)

    found = one(case.fairness(), group, rate)

    assert found["challenger"] == pytest.approx(
        recall_score(np.ones(chosen.sum()), flagged[chosen])
    )
    assert found["low"] <= found["challenger"] <= found["high"]
    assert found["rows"] == (case.test["origin"] == group).sum()


@pytest.mark.parametrize("metric", ["true_positive_rate", "false_positive_rate"])
def test_gap_is_the_largest_rate_minus_the_smallest(metric: str) -> None:
    found = better().fairness()

    rates = found[(found["metric"] == metric) & (found["group"] != GAP)]["challenger"]
    assert one(found, GAP, metric)["challenger"] == pytest.approx(rates.max() - rates.min())


def test_group_with_few_rows_has_no_part_in_the_gap() -> None:
    case = better()
    test = case.test.assign(origin=case.test["origin"].where(case.test.index >= 40, "HPN"))
    unfair = flipped(test, case.challenger, {"origin": "HPN"})
    small = replace(case, test=test, challenger=unfair)

    found = small.fairness()
    lower = replace(small, rules=RULES.model_copy(update={"min_segment_rows": 30})).fairness()

    assert not one(found, "HPN", "true_positive_rate")["is_judged"]
    assert one(lower, GAP, "true_positive_rate")["challenger"] > 0.2
    assert one(found, GAP, "true_positive_rate")["challenger"] < 0.1


def test_rows_without_a_group_are_a_group() -> None:
    case = better()
    test = case.test.assign(origin=case.test["origin"].where(case.test["origin"] != "JFK"))

    found = replace(case, test=test).fairness()

    assert set(found["group"]) == {"EWR", "LGA", "(none)", GAP}


def test_model_of_a_group_with_flipped_labels_has_a_gap_that_is_no_accident() -> None:
    case = better()

    fair = one(case.fairness(), GAP, "true_positive_rate")
    unfair = one(
        replace(case, challenger=flipped(case.test, case.challenger, {"origin": "JFK"})).fairness(),
        GAP,
        "true_positive_rate",
    )

    assert fair["low"] < 0.1
    assert unfair["low"] > 0.3


def test_regression_is_compared_by_its_error_relative_to_all_rows() -> None:
    case = better(specification=REGRESSION)
    chosen = case.test["origin"] == "LGA"

    found = one(case.fairness(), "LGA", "relative_error")

    error = mean_absolute_error(case.test.loc[chosen, "late"], case.challenger[chosen])
    overall = mean_absolute_error(case.test["late"], case.challenger)
    assert found["challenger"] == pytest.approx(error / overall)
    assert found["low"] < found["challenger"] < found["high"]


def test_group_that_is_predicted_exactly_has_no_error_in_any_draw() -> None:
    case = better(specification=REGRESSION)
    exact = np.where(case.test["origin"] == "LGA", case.test["late"], case.challenger)

    found = one(replace(case, challenger=exact).fairness(), "LGA", "relative_error")

    assert (found["low"], found["challenger"], found["high"]) == (0, 0, 0)


def test_champion_is_measured_on_the_same_rows_and_absent_for_a_first_model() -> None:
    case = better()

    found = one(case.fairness(), "JFK", "true_positive_rate")["champion"]
    alone = replace(case, challenger=case.champion, champion=None).fairness()

    assert found == one(alone, "JFK", "true_positive_rate")["challenger"]
    assert alone["champion"].isna().all()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="classification"),
        pytest.param({"specification": REGRESSION}, id="regression"),
        pytest.param({"champion": None}, id="first model"),
    ],
)
def test_fairness_keeps_its_contract(change: dict[str, object]) -> None:
    found = better(**change).fairness()

    validated = validate(found, Fairness, [AS_OF])

    assert validated.quarantined == {}
    assert validated.row_counts[AS_OF] == (4 if "specification" in change else 8)


def test_missing_predictions_are_not_taken_for_equal_treatment() -> None:
    case = better()

    found = replace(case, challenger=np.full(len(case.test), np.nan)).fairness()

    assert found[["challenger", "low", "high"]].isna().all(axis=None)


def test_group_without_a_positive_has_no_true_positive_rate_and_no_part_in_its_gap() -> None:
    case = better()
    test = case.test.assign(late=case.test["late"].where(case.test["origin"] != "JFK", 0))

    found = replace(case, test=test, challenger=predictions(test, 0.4)).fairness()

    assert np.isnan(one(found, "JFK", "true_positive_rate")["challenger"])
    assert not one(found, "JFK", "true_positive_rate")["is_judged"]
    assert one(found, "JFK", "false_positive_rate")["is_judged"]
    others = [one(found, group, "true_positive_rate")["challenger"] for group in ("EWR", "LGA")]
    gap = one(found, GAP, "true_positive_rate")
    assert gap["challenger"] == pytest.approx(abs(others[0] - others[1]))
    assert gap["low"] <= gap["high"]
    assert np.isfinite(one(found, "JFK", "false_positive_rate")["challenger"])
