"""The gates: each blocks for its own reason, and incomplete evidence never passes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.release.decision import AWAITING, BLOCKED, PASSED, findings, parse_findings, verdict
from ml_assets.release.evidence.comparison import Size
from ml_assets.release.evidence.question import Question
from ml_assets.release.evidence.values import TRAIN, EvidenceTable
from ml_assets.release.gates import Gate, GateOutcome, judge
from ml_assets.release.rules import ReleaseRules
from ml_assets_tests.release.judged import (
    EVALUATION,
    OLD,
    REGRESSION,
    RULES,
    better,
    failed,
    flipped,
    judged,
    predictions,
)

CASE = better()
QUESTION, COMPARISON, FAIRNESS = CASE.question(), CASE.comparison(), CASE.fairness()


def with_groups(added: dict[str, Size]) -> dict[str, dict[str, Size]]:
    """The groups of the question and others, for each rate."""
    return {rate: {**groups, **added} for rate, groups in QUESTION.groups.items()}


def gates(
    comparison: pd.DataFrame | None = COMPARISON,
    fair: pd.DataFrame | None = FAIRNESS,
    question: Question = QUESTION,
    rules: ReleaseRules = RULES,
) -> dict[str, Gate]:
    """The gates on some evidence."""
    return judged(
        question,
        EvidenceTable("shop/comparison", comparison),
        EvidenceTable("shop/fairness", fair),
        rules,
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="a champion"),
        pytest.param({"champion": None}, id="the first model"),
        pytest.param({"specification": REGRESSION}, id="a regression"),
    ],
)
def test_better_and_fair_model_passes_with_reasons(change: dict[str, object]) -> None:
    found = better(**change).gates()

    decided, reason = verdict([*found.values()])

    assert failed(found) == []
    assert decided == PASSED
    assert ("the base rate" if "champion" in change else "the champion") in reason


def test_better_overall_but_clearly_worse_for_one_segment_waits_naming_it_and_its_interval() -> (
    None
):
    strong = predictions(CASE.test, 0.6)
    case = replace(CASE, challenger=flipped(CASE.test, strong, {"carrier": "B6"}))

    found = case.gates()
    decided, reason = verdict([*found.values()])

    assert found["beats_champion"].passed
    assert decided == AWAITING
    gate = found["no_segment_degraded"]
    assert not gate.passed
    assert "degraded of 6 judged segments: carrier=B6 -0." in gate.reason
    assert " to -0." in gate.reason
    assert "not judged: carrier=HA (2.0% of the test rows) without 100 test rows" in gate.reason
    assert gate.reason in reason


def test_literal_rule_blocks_what_the_interval_forgives() -> None:
    row = (COMPARISON["segment"] == "UA") & (COMPARISON["metric"] == "auc")
    slightly = COMPARISON.copy()
    slightly.loc[row, ["challenger", "champion"]] = [0.7, 0.701]
    slightly.loc[row, ["improvement", "low", "high"]] = [-0.001, -0.02, 0.018]

    assert failed(gates(slightly)) == []
    literal = RULES.model_copy(update={"segment_rule": "literal"})
    assert failed(gates(slightly, rules=literal)) == ["no_segment_degraded"]


def with_segments(gains: dict[str, float]) -> pd.DataFrame:
    """The evidence with these gains of segments, which are certain, and .3 for the others."""
    changed = COMPARISON.copy()
    of_segment = changed["segment_column"] != "all"
    gain = changed.loc[of_segment, "segment"].map(gains).fillna(0.3)
    changed.loc[of_segment, "champion"] = 0.5
    changed.loc[of_segment, "challenger"] = 0.5 + gain
    for column in ("improvement", "low", "high"):
        changed.loc[of_segment, column] = gain
    return changed


NOT_JUDGED = "not judged: carrier=HA (2.0% of the test rows) without 100 test rows on 5 days"


@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        pytest.param(
            {"UA": 0.1, "JFK": 0.2},
            "auc of the worst of 6 judged segments: carrier=UA +0.100 (0.1000 to 0.1000)",
            id="none degraded",
        ),
        pytest.param(
            {"UA": -0.1, "DL": -0.2, "B6": -0.4, "JFK": -0.3},
            "auc of the degraded of 6 judged segments: carrier=B6 -0.400 (-0.4000 to -0.4000), "
            "origin=JFK -0.300 (-0.3000 to -0.3000), carrier=DL -0.200 (-0.2000 to -0.2000)",
            id="the three worst of four",
        ),
    ],
)
def test_reason_names_the_worst_segments_and_those_not_judged(
    gains: dict[str, float], reason: str
) -> None:
    found = gates(with_segments(gains))["no_segment_degraded"]

    assert found.reason == f"{reason}; limit: an interval below -0.01; {NOT_JUDGED}"


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [
        pytest.param(-1e-9, GateOutcome.APPROVABLE, id="any loss"),
        pytest.param(0.0, GateOutcome.PASSED, id="no gain"),
        pytest.param(0.1, GateOutcome.PASSED, id="a gain"),
    ],
)
def test_literal_rule_of_segments_forgives_no_loss(gain: float, outcome: GateOutcome) -> None:
    of_segment = (COMPARISON["segment_column"] != "all") & (COMPARISON["metric"] == "auc")
    changed = COMPARISON.copy()
    changed.loc[of_segment, ["challenger", "champion"]] = [0.7 + gain, 0.7]
    changed.loc[of_segment, ["improvement", "low", "high"]] = [gain, -0.2, 0.2]
    literal = RULES.model_copy(update={"segment_rule": "literal"})

    found = gates(changed, rules=literal)["no_segment_degraded"]

    assert found.outcome is outcome
    assert "limit: any loss" in found.reason


@pytest.mark.parametrize(
    ("high", "passes"),
    [
        pytest.param(-0.01, True, id="interval ends at what is tolerated"),
        pytest.param(-0.0099, True, id="interval reaches into what is tolerated"),
        pytest.param(-0.0101, False, id="interval below what is tolerated"),
    ],
)
def test_segment_degrades_when_its_interval_lies_below_the_tolerance(
    high: float, passes: bool
) -> None:
    row = (COMPARISON["segment"] == "UA") & (COMPARISON["metric"] == "auc")
    worse = COMPARISON.copy()
    worse.loc[row, ["challenger", "champion"]] = [0.65, 0.7]
    worse.loc[row, ["improvement", "low", "high"]] = [-0.05, -0.09, high]

    assert gates(worse)["no_segment_degraded"].passed is passes


@pytest.mark.parametrize(
    ("challenger", "passed"),
    [
        pytest.param(0.5625, True, id="exactly what is required"),
        pytest.param(float(np.nextafter(0.5625, 0)), False, id="a hair less"),
    ],
)
def test_literal_improvement_is_relative_to_the_champion(challenger: float, passed: bool) -> None:
    row = (COMPARISON["segment_column"] == "all") & (COMPARISON["metric"] == "auc")
    found = COMPARISON.copy()
    found.loc[row, ["challenger", "champion"]] = [challenger, 0.5]
    found.loc[row, ["improvement", "low", "high"]] = [challenger - 0.5, -0.01, 0.1]
    rules = RULES.model_copy(update={"rule": "literal", "min_relative_improvement": 0.125})

    assert gates(found, rules=rules)["beats_champion"].passed is passed


def test_first_model_has_to_beat_the_base_rate_by_its_probabilities_too() -> None:
    first = better(champion=None)
    shifted = replace(first, challenger=first.challenger * 0.1)

    found = shifted.gates()

    assert failed(found) == ["beats_champion"]
    assert "required a better brier than 0." in found["beats_champion"].reason


def with_brier(comparison: pd.DataFrame, gain: float) -> pd.DataFrame:
    """The evidence with another Brier score of all rows, of which less is better."""
    row = (comparison["segment_column"] == "all") & (comparison["metric"] == "brier")
    changed = comparison.copy()
    changed.loc[row, ["challenger", "champion"]] = [0.25 - gain, 0.25]
    changed.loc[row, ["improvement", "low", "high"]] = [gain, gain - 0.1, gain + 0.1]
    return changed


@pytest.mark.parametrize(
    ("gain", "passes"),
    [pytest.param(1e-9, True, id="better"), pytest.param(0.0, False, id="no better")],
)
def test_first_model_needs_better_probabilities_than_the_base_rate(
    gain: float, passes: bool
) -> None:
    first = better(champion=None)

    found = gates(with_brier(first.comparison(), gain), first.fairness(), first.question())

    assert found["beats_champion"].passed is passes
    assert "of the base rate (gain +" in found["beats_champion"].reason


def test_the_second_metric_of_a_first_model_is_told_with_its_interval() -> None:
    first = better(champion=None)
    worse = with_brier(first.comparison(), -0.02)

    found = gates(worse, first.fairness(), first.question())["beats_champion"]

    assert "a better brier than 0.2500 of the base rate" in found.reason
    assert "(it is 0.2700, gain -0.0200, -0.1200 to +0.0800)" in found.reason


def test_worse_probabilities_than_the_champions_do_not_block() -> None:
    found = gates(with_brier(COMPARISON, -0.1))["beats_champion"]

    assert found.passed
    assert "of the champion (gain +" in found.reason


def test_first_model_is_judged_by_its_probabilities_whatever_defs_yaml_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_auc = EVALUATION.model_copy(update={"metrics": ("auc",)})
    monkeypatch.setattr("ml_assets_tests.release.judged.EVALUATION", only_auc)
    first = better(champion=None)

    shifted = replace(first, challenger=first.challenger * 0.1)

    assert failed(first.gates()) == []
    assert failed(shifted.gates()) == ["beats_champion"]
    lost = first.comparison().query("metric != 'brier'")
    lost_it = gates(lost, question=first.question())["beats_champion"]
    assert lost_it.outcome is GateOutcome.NO_EVIDENCE


def test_model_of_a_group_with_flipped_labels_is_blocked_and_no_approval_lifts_that() -> None:
    case = replace(CASE, challenger=flipped(CASE.test, CASE.challenger, {"origin": "JFK"}))

    found = case.gates()
    decided, reason = verdict([*found.values()])

    assert decided == BLOCKED
    assert found["groups_are_close"].outcome is GateOutcome.FINAL
    assert "true_positive_rate of 3 groups 0." in reason
    assert "above the limit of 0.2" in reason
    assert "The limit of 0.2 cannot be approved: reduce the gap and train another model" in reason
    assert "missing" not in reason


def with_gap(challenger: float, low: float, high: float, champion: float) -> pd.DataFrame:
    """The evidence of fairness with another gap of the true-positive rate."""
    gap = (FAIRNESS["group"] == "(gap)") & (FAIRNESS["metric"] == "true_positive_rate")
    changed = FAIRNESS.copy()
    changed.loc[gap, ["challenger", "low", "high", "champion"]] = [challenger, low, high, champion]
    return changed


ABOVE = float(np.nextafter(0.2, 1))
"""The smallest number above the limit."""


@pytest.mark.parametrize(
    ("gap", "outcome", "decided", "reason"),
    [
        pytest.param(
            (0.1, 0.05, 0.2, 0.1), "passed", PASSED, "within", id="upper bound on the limit"
        ),
        pytest.param(
            (0.1, 0.05, ABOVE, 0.1), "approvable", AWAITING, "may be above", id="upper bound above"
        ),
        pytest.param(
            (0.2, 0.05, 0.3, 0.1), "approvable", AWAITING, "may be above", id="gap on the limit"
        ),
        pytest.param((ABOVE, 0.05, 0.3, 0.1), "final", BLOCKED, "above the limit", id="gap above"),
        pytest.param((0.4, 0.35, 0.5, 0.5), "final", BLOCKED, "above", id="the champion is worse"),
        pytest.param(
            (0.21, 0.05, 0.2, 0.1), "final", BLOCKED, "above", id="beyond its own interval"
        ),
    ],
)
@pytest.mark.parametrize("is_first", [False, True])
def test_gap_between_groups_is_held_against_the_limit_by_point_and_upper_bound(
    gap: tuple[float, float, float, float],
    outcome: str,
    decided: str,
    reason: str,
    is_first: bool,
) -> None:
    fair, question, comparison = with_gap(*gap), QUESTION, COMPARISON
    if is_first:
        question = replace(QUESTION, champion="", fitted_last=QUESTION.fitted_last[:1])
        comparison, fair = (rows.assign(champion_model="") for rows in (comparison, fair))

    found = gates(comparison, fair, question)

    assert found["groups_are_close"].outcome == outcome
    assert reason in found["groups_are_close"].reason
    assert verdict([*found.values()])[0] == decided


def with_gain(low: float, high: float, **figures: float) -> pd.DataFrame:
    """The evidence with another interval of the gain in AUC, which is .001 at .7 by default."""
    row = (COMPARISON["segment_column"] == "all") & (COMPARISON["metric"] == "auc")
    changed = COMPARISON.copy()
    gain, champion = figures.get("gain", 0.001), figures.get("champion", 0.7)
    changed.loc[row, ["challenger", "champion"]] = [champion + gain, champion]
    changed.loc[row, ["improvement", "low", "high"]] = [gain, low, high]
    return changed


SUPERIOR = RULES
LITERAL = RULES.model_copy(update={"rule": "literal"})
NON_INFERIOR = RULES.model_copy(update={"rule": "non_inferior", "margin": 0.01})


@pytest.mark.parametrize(
    ("rules", "rows", "passes", "words"),
    [
        pytest.param(SUPERIOR, with_gain(1e-9, 0.01), True, "above 0", id="superior"),
        pytest.param(SUPERIOR, with_gain(0.0, 0.01), False, "above 0", id="not above zero"),
        pytest.param(
            SUPERIOR, with_gain(-0.01, 0.2, gain=0.1), False, "above 0", id="large and uncertain"
        ),
        pytest.param(
            NON_INFERIOR,
            with_gain(-0.0099, 0.01),
            True,
            "above -0.01",
            id="no worse than the margin",
        ),
        pytest.param(
            NON_INFERIOR,
            with_gain(-0.01, 0.01),
            False,
            "above -0.01",
            id="perhaps worse by the margin",
        ),
        pytest.param(
            NON_INFERIOR,
            with_gain(-0.005, 0.01, gain=-0.002),
            True,
            "above -0.01",
            id="a little worse and certain",
        ),
        pytest.param(
            LITERAL,
            with_gain(-0.1, 0.2, gain=0.0035),
            True,
            "at least 0.5%",
            id="literal, uncertain",
        ),
        pytest.param(
            LITERAL,
            with_gain(0.001, 0.01, gain=0.0034),
            False,
            "at least 0.5%",
            id="literal, too little",
        ),
    ],
)
def test_each_rule_uses_its_own_bound(
    rules: ReleaseRules, rows: pd.DataFrame, passes: bool, words: str
) -> None:
    found = gates(rows, rules=rules)

    gate = found["beats_champion"]
    assert gate.outcome is (GateOutcome.PASSED if passes else GateOutcome.APPROVABLE)
    assert words in gate.reason
    assert verdict([*found.values()])[0] == (PASSED if passes else AWAITING)


@pytest.mark.parametrize("rules", [SUPERIOR, NON_INFERIOR, LITERAL], ids=lambda of: of.rule)
def test_a_first_model_has_to_be_superior_to_the_base_rate_under_each_rule(
    rules: ReleaseRules,
) -> None:
    first = better(champion=None)
    row = (COMPARISON["segment_column"] == "all") & (COMPARISON["metric"] == "auc")
    uncertain = first.comparison()
    uncertain.loc[row, "low"] = 0.0

    passing = gates(first.comparison(), first.fairness(), first.question(), rules)
    waiting = gates(uncertain, first.fairness(), first.question(), rules)

    assert failed(passing) == []
    assert failed(waiting) == ["beats_champion"]
    assert "required an interval above 0" in waiting["beats_champion"].reason


def test_a_model_of_no_newer_data_has_to_be_superior_even_where_others_need_not() -> None:
    same = replace(QUESTION, fitted_last=["2013-05-31", "2013-05-31"])

    found = gates(with_gain(-0.001, 0.01), question=same, rules=NON_INFERIOR)["beats_champion"]

    assert found.outcome is GateOutcome.APPROVABLE
    assert "no newer data than the champion" in found.reason
    assert gates(with_gain(0.001, 0.01), question=same, rules=NON_INFERIOR)["beats_champion"].passed


def test_a_margin_that_most_models_would_keep_is_no_evidence() -> None:
    found = gates(with_gain(-0.001, 0.01, champion=0.05), rules=NON_INFERIOR)["beats_champion"]

    assert found.outcome is GateOutcome.NO_EVIDENCE
    assert "more than 10% of the champion's 0.0500: set a smaller 'margin'" in found.reason


def test_a_margin_of_a_tenth_of_the_champions_metric_is_allowed() -> None:
    rules = NON_INFERIOR.model_copy(update={"margin": 0.05})

    found = gates(with_gain(-0.001, 0.01, champion=0.5), rules=rules)["beats_champion"]

    assert found.outcome is GateOutcome.PASSED


@pytest.mark.parametrize(
    ("low", "words"),
    [
        pytest.param(-0.0125, "(gain +0.0010, -0.0125 to +0.0200)", id="both signs"),
        pytest.param(0.0, "(gain +0.0010, 0.0000 to 0.0200)", id="from zero"),
        pytest.param(0.0005, "(gain +0.0010, 0.0005 to 0.0200)", id="above zero"),
    ],
)
def test_bounds_of_a_gain_have_signs_where_it_may_be_a_loss(low: float, words: str) -> None:
    assert words in gates(with_gain(low, 0.02))["beats_champion"].reason


@pytest.mark.parametrize("rules", [SUPERIOR, NON_INFERIOR, LITERAL], ids=lambda of: of.rule)
@pytest.mark.parametrize("bound", [np.nan, np.inf, -np.inf])
def test_without_a_finite_interval_no_rule_passes(rules: ReleaseRules, bound: float) -> None:
    found = gates(with_gain(bound, 0.1, gain=0.05), rules=rules)["beats_champion"]

    assert found.outcome is GateOutcome.NO_EVIDENCE


def test_gap_within_the_limit_but_clearly_above_the_champions_does_not_pass() -> None:
    wider = with_gap(0.12, 0.09, 0.15, 0.05)

    found = gates(fair=wider)["groups_are_close"]

    assert found.outcome is GateOutcome.APPROVABLE
    assert "within the limit of 0.2, more than 0.03 above the champion's 0.050" in found.reason
    first = replace(QUESTION, champion="", fitted_last=QUESTION.fitted_last[:1])
    alone = gates(COMPARISON.assign(champion_model=""), wider.assign(champion_model=""), first)
    assert alone["groups_are_close"].passed


def test_gap_that_may_be_as_far_above_the_champions_as_allowed_passes() -> None:
    found = gates(fair=with_gap(0.12, 0.08, 0.15, 0.05))["groups_are_close"]

    assert found.passed
    assert "true_positive_rate of 3 groups 0.120 (0.0800 to 0.1500), within the limit of 0.2; " in (
        found.reason
    )
    assert found.reason.endswith(", within the limit of 0.2")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"sensitive_feature": ""}, "at least 1 character", id="no attribute"),
        pytest.param({"max_group_gap": 1.0}, "less than or equal to 0.5", id="any gap allowed"),
        pytest.param(
            {"max_gap_above_champion": 1.0}, "less than", id="any gap above the champion's"
        ),
        pytest.param(
            {"segment_tolerance": 1.0}, "less than or equal to 0.2", id="any loss allowed"
        ),
        pytest.param({"min_relative_improvement": -1.0}, "greater than", id="a loss asked for"),
        pytest.param({"min_relative_improvement": 0.0}, "greater than 0", id="an equal asked for"),
        pytest.param(
            {"rule": "point_estimate"}, "'superior', 'non_inferior' or", id="unknown rule"
        ),
        pytest.param({"rule": "non_inferior"}, "needs a margin", id="no margin"),
        pytest.param({"margin": 0.01}, "has no effect with 'superior'", id="margin of no rule"),
        pytest.param(
            {"rule": "non_inferior", "margin": 0.0}, "greater than 0", id="margin of nothing"
        ),
        pytest.param(
            {"rule": "non_inferior", "margin": float("inf")}, "finite", id="endless margin"
        ),
        pytest.param(
            {"max_unjudged_share": 0.6}, "less than or equal to 0.5", id="most not judged"
        ),
        pytest.param({"min_segment_rows": 1001}, "less than or equal to 1000", id="nobody judged"),
        pytest.param({"fairness_severity": "warn"}, "not permitted", id="a warning instead"),
        pytest.param({"skip": ["fairness"]}, "not permitted", id="a gate left out"),
    ],
)
def test_no_configuration_turns_a_gate_off(values: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ReleaseRules.model_validate({"sensitive_feature": "origin", **values})


def test_conditions_that_are_not_configured_pass_with_a_reason() -> None:
    found = {
        gate.name: gate
        for gate in judge(
            replace(QUESTION, segments={}, segment_columns=(), groups={}),
            EvidenceTable("shop/comparison", COMPARISON),
            EvidenceTable("shop/fairness", FAIRNESS.iloc[:0]),
            ReleaseRules(),
        )
    }

    assert found["no_segment_degraded"].passed
    assert "no segment is configured" in found["no_segment_degraded"].reason
    assert found["groups_are_close"].passed
    assert "no sensitive feature is configured" in found["groups_are_close"].reason


@pytest.mark.parametrize(
    ("change", "gate", "reason"),
    [
        pytest.param(
            {"fitted_last": ["2013-07-01", "2013-05-31"]},
            "is_unseen",
            "the new model was fitted on test rows: its last training day is 2013-07-01, and the test "
            f"begins on 2013-07-01: {TRAIN}",
            id="new model saw a test day",
        ),
        pytest.param(
            {"fitted_last": ["2013-06-23", "2013-07-09"]},
            "is_unseen",
            "the champion was fitted on test rows: its last training day is 2013-07-09",
            id="champion saw a test day",
        ),
        pytest.param(
            {"fitted_last": ["2013-06-23", ""]},
            "is_unseen",
            f"the training days of the champion are not known: {TRAIN}",
            id="champion's days unknown",
        ),
        pytest.param(
            {"fitted_last": ["2013-06-23"]},
            "is_unseen",
            f"the training days of the champion are not known: {TRAIN}",
            id="champion's days left out",
        ),
        pytest.param(
            {"tested_first": ""}, "is_unseen", f"are not known: {TRAIN}", id="test days unknown"
        ),
        pytest.param(
            {"challenger": "another"},
            "beats_champion",
            "shop/comparison is about another challenger",
            id="evidence of another challenger",
        ),
        pytest.param(
            {"champion": "another"},
            "no_segment_degraded",
            "shop/comparison is about another champion",
            id="evidence of another champion",
        ),
        pytest.param(
            {"rows": "other rows"},
            "groups_are_close",
            "shop/fairness was not measured on the test rows",
            id="evidence of other rows",
        ),
        pytest.param(
            {"segments": {**QUESTION.segments, ("carrier", "WN"): Size(400, 14, 90, 14)}},
            "no_segment_degraded",
            "auc of carrier=WN has 0 rows instead of one",
            id="a segment that was not measured",
        ),
        pytest.param(
            {"groups": with_groups({"HPN": Size(400, 14, 90, 14)})},
            "groups_are_close",
            "true_positive_rate of group HPN has 0 rows",
            id="a group that was not measured",
        ),
        pytest.param(
            {"groups": {rate: {"EWR": of["EWR"]} for rate, of in QUESTION.groups.items()}},
            "groups_are_close",
            "fewer than two groups of origin have 100 test rows on 5 days for their true_positive_rate: "
            "gate an attribute",
            id="one group only",
        ),
    ],
)
def test_evidence_about_anything_else_than_the_question_blocks(
    change: dict[str, object], gate: str, reason: str
) -> None:
    found = gates(question=replace(QUESTION, **change))

    decided, all_reasons = verdict([*found.values()])
    assert decided == BLOCKED
    assert found[gate].outcome is GateOutcome.NO_EVIDENCE
    assert reason in found[gate].reason
    assert found[gate].reason in all_reasons


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_rates_of_hardly_any_or_most_rows_are_no_evidence_of_fairness(share: float) -> None:
    with pytest.raises(ValidationError, match="flagged_share"):
        EvaluationRules(flagged_share=share)


@pytest.mark.parametrize(
    ("unjudged", "has_evidence"),
    [
        pytest.param(280, True, id="a tenth of the rows"),
        pytest.param(281, False, id="more than a tenth"),
    ],
)
def test_groups_that_are_not_judged_hold_few_rows(unjudged: int, has_evidence: bool) -> None:
    number = np.arange(len(CASE.test))
    names = np.where(number < unjudged, "HPN", np.where(number % 2, "JFK", "EWR"))
    rules = RULES.model_copy(update={"min_segment_rows": 300})
    case = replace(CASE, test=CASE.test.assign(origin=names), rules=rules)

    gate = case.gates()["groups_are_close"]

    assert (gate.outcome is not GateOutcome.NO_EVIDENCE) is has_evidence
    if not has_evidence:
        assert "10.0% of the test rows cannot be judged by origin" in gate.reason
        assert (
            "origin=HPN (10.0% of the test rows) without 300 test rows on 5 days: gate"
            in gate.reason
        )


def on_days(count: int) -> pd.DataFrame:
    """The test rows, where carrier B6 has rows on some days only."""
    is_there = CASE.test["feature_day"] <= f"2013-07-{count:02d}"
    test = CASE.test
    return test.assign(carrier=test["carrier"].where((test["carrier"] != "B6") | is_there, "UA"))


@pytest.mark.parametrize(
    ("days", "is_judged"), [pytest.param(4, False, id="4 days"), pytest.param(5, True, id="5 days")]
)
def test_a_segment_of_fewer_days_than_an_interval_needs_is_listed_and_not_judged(
    days: int, is_judged: bool
) -> None:
    test = on_days(days)
    worse = flipped(test, predictions(test, 0.6), {"carrier": "B6"})
    rules = RULES.model_copy(update={"min_segment_rows": 30})
    case = replace(CASE, test=test, challenger=worse, rules=rules)

    [row] = case.comparison().query("segment == 'B6'").to_dict("records")
    gate = case.gates()["no_segment_degraded"]

    assert row["is_judged"] is is_judged
    assert np.isfinite(row["low"]) == is_judged
    assert gate.outcome is not GateOutcome.NO_EVIDENCE
    assert gate.passed is not is_judged


def test_without_judged_segments_no_segment_is_listed() -> None:
    found = gates(question=replace(QUESTION, segments={}))

    assert found["no_segment_degraded"].outcome is GateOutcome.NO_EVIDENCE
    assert found["no_segment_degraded"].reason == (
        "no segment has 100 test rows on 5 days: "
        "configure segments with more rows, or test on more days"
    )


@pytest.mark.parametrize("name", ["comparison", "fairness"])
@pytest.mark.parametrize(
    ("rows", "problem", "reason"),
    [
        pytest.param(None, "is missing", "is missing", id="missing"),
        pytest.param(None, "", "is missing", id="nothing said"),
        pytest.param("all", "is stale (…)", "is stale", id="stale"),
        pytest.param("none", "", "is empty", id="emptied"),
    ],
)
def test_missing_empty_or_stale_evidence_blocks(
    name: str, rows: str | None, problem: str, reason: str
) -> None:
    whole = {"comparison": COMPARISON, "fairness": FAIRNESS}
    found = {other: EvidenceTable(f"shop/{other}", frame) for other, frame in whole.items()}
    kept = {"all": whole[name], "none": whole[name].iloc[:0]}.get(rows or "")
    found[name] = EvidenceTable(f"shop/{name}", kept, problem)

    result = judged(QUESTION, found["comparison"], found["fairness"])

    decided, all_reasons = verdict([*result.values()])
    assert decided == BLOCKED
    assert f"shop/{name} {reason}" in all_reasons


def _holes(frame: pd.DataFrame) -> list[Callable[[pd.DataFrame], pd.DataFrame]]:
    """Ways to damage each row and column of evidence."""
    numbers = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
    broken: list[Callable[[pd.DataFrame], pd.DataFrame]] = [
        lambda rows, n=n: rows.drop(rows.index[n]) for n in range(len(frame))
    ]
    broken += [lambda rows, n=n: pd.concat([rows, rows.iloc[[n]]]) for n in range(len(frame))]
    broken += [lambda rows, name=name: rows.drop(columns=name) for name in frame]
    for bad in (np.nan, np.inf, -np.inf):
        broken += [
            lambda rows, name=name, n=n, bad=bad: _with(rows, n, name, bad)
            for name in numbers
            for n in range(len(frame))
        ]
    broken += [
        lambda rows, name=name, n=n: _with(rows, n, name, "of something else")
        for name in ("challenger_model", "champion_model", "challenger_rows", "champion_rows")
        if name in frame
        for n in range(len(frame))
    ]
    if "rows" in frame:
        broken += [lambda rows, n=n: _with(rows, n, "rows", 1) for n in range(len(frame))]
    return broken


def _with(rows: pd.DataFrame, number: int, column: str, value: object) -> pd.DataFrame:
    changed = rows.copy()
    changed.iloc[number, changed.columns.get_loc(column)] = value
    return changed


UNJUDGED = {"HA"}
"""Segments with too few rows, which are not judged."""

HOLES = [("comparison", hole) for hole in _holes(COMPARISON)] + [
    ("fairness", hole) for hole in _holes(FAIRNESS)
]


def _matters(name: str, before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Whether any value that the gates use was changed."""
    main = {"comparison": ("auc",), "fairness": ("true_positive_rate", "false_positive_rate")}[name]

    def looked_at(frame: pd.DataFrame) -> list[str]:
        kept = [
            column for column in before if column in frame and column not in {"ds", "is_judged"}
        ]
        if len(kept) < len([column for column in before if column not in {"ds", "is_judged"}]):
            return ["a column is gone"]
        rows = frame[frame["metric"].isin(main)]
        if name == "comparison":
            rows = rows[~rows["segment"].isin(UNJUDGED)]
        elif name == "fairness":
            rows = rows.assign(champion=rows["champion"].where(rows["group"] == "(gap)", 0.0))
        return sorted(rows[kept].to_csv(index=False).splitlines())

    return looked_at(before) != looked_at(after)


@given(hole=st.sampled_from(range(len(HOLES))), data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_hole_in_the_evidence_is_a_way_through(hole: int, data: st.DataObject) -> None:
    evidence = {"comparison": COMPARISON, "fairness": FAIRNESS}
    name, damage = HOLES[hole]
    damaged = damage(evidence[name])
    if data.draw(st.booleans(), label="a second hole"):
        damaged_again = data.draw(st.sampled_from(_holes(damaged)), label="where")(damaged)
        damaged = damaged_again
    changed = {**evidence, name: damaged}

    found = gates(changed["comparison"], changed["fairness"])

    decided, _ = verdict([*found.values()])
    if _matters(name, evidence[name], damaged):
        assert decided == BLOCKED
    else:
        assert decided in (PASSED, BLOCKED)


def test_every_single_hole_that_matters_blocks() -> None:
    evidence = {"comparison": COMPARISON, "fairness": FAIRNESS}
    ways_through = []
    for number, (name, damage) in enumerate(HOLES):
        damaged = damage(evidence[name])
        changed = {**evidence, name: damaged}
        decided, _ = verdict([*gates(changed["comparison"], changed["fairness"]).values()])
        if decided != BLOCKED and _matters(name, evidence[name], damaged):
            ways_through.append(number)

    assert ways_through == []
    assert len(HOLES) > 300


def test_exception_while_judging_blocks_and_is_reported() -> None:
    text = COMPARISON.assign(metric=None)

    found = gates(text)

    assert not found["beats_champion"].passed
    assert found["beats_champion"].outcome is GateOutcome.NO_EVIDENCE
    nonsense = judged(
        QUESTION, EvidenceTable("shop/comparison", 42), EvidenceTable("shop/fairness", FAIRNESS)
    )  # type: ignore[arg-type]
    assert "could not be judged (AttributeError" in nonsense["is_unseen"].reason
    assert verdict([*nonsense.values()])[0] == BLOCKED


def test_no_gate_at_all_blocks() -> None:
    assert verdict([])[0] == BLOCKED


def test_missing_evidence_outweighs_a_broken_limit() -> None:
    broken = Gate("beats_champion", GateOutcome.APPROVABLE, "worse")
    unknown = Gate("groups_are_close", GateOutcome.NO_EVIDENCE, "missing")

    assert verdict([broken])[0] == AWAITING
    assert verdict([broken, unknown]) == (
        BLOCKED,
        "beats_champion: worse; groups_are_close: missing",
    )


def test_findings_can_be_read_again() -> None:
    found = [*gates().values()]

    assert [*parse_findings(findings(found)).values()] == found


def test_challenger_without_a_finite_prediction_is_blocked() -> None:
    case = replace(CASE, challenger=np.full(len(CASE.test), np.nan))

    assert verdict([*case.gates().values()])[0] == BLOCKED


def test_worse_model_waits_and_names_both_values() -> None:
    case = replace(CASE, challenger=predictions(CASE.test, 0.1, 3))

    found = case.gates()

    assert "beats_champion" in failed(found)
    assert "of the champion (gain -0." in found["beats_champion"].reason
    assert case.question().champion == OLD
