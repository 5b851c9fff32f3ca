"""Whether a challenger replaces the champion: measured as scikit-learn does, blocked by each gate."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ml_assets.contracts.validation import validate
from ml_assets.lake.content import DAY
from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.specification import ModelSpecification
from ml_assets.registry.release import (
    BLOCKED,
    PROMOTED,
    Comparison,
    Gate,
    ReleaseRules,
    compare,
    judge,
    verdict,
)

AS_OF = "2013-07-08"
COUNT = 2000
SPECIFICATION = ModelSpecification(
    task="classification", estimator="sklearn.dummy.DummyClassifier", label="late", numeric=["x"]
)
REGRESSION = replace(SPECIFICATION, task="regression")
RULES = ReleaseRules(
    min_improvement=0.01,
    segment_tolerance=0.03,
    min_segment_rows=100,
    gated_attribute="origin",
    max_group_gap=0.2,
)
RATES = {"true_positive_rate": 1, "false_positive_rate": 0}


def world() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Test rows of two carriers and two origins, and predictions of a good and of a weak model."""
    random = np.random.default_rng(7)
    late = random.integers(0, 2, COUNT)
    test = pd.DataFrame(
        {
            DAY: AS_OF,
            "late": late,
            "carrier": random.choice(["UA", "DL"], COUNT),
            "origin": random.choice(["EWR", "JFK"], COUNT),
        }
    )
    good = np.clip(0.3 + 0.4 * late + random.normal(0, 0.2, COUNT), 0, 1)
    weak = np.clip(0.4 + 0.2 * late + random.normal(0, 0.3, COUNT), 0, 1)
    return test, good, weak


def compared(
    challenger: np.ndarray,
    champion: np.ndarray,
    specification: ModelSpecification = SPECIFICATION,
    rules: ReleaseRules = RULES,
) -> pd.DataFrame:
    """The comparison on the rows of the world."""
    return compare(
        specification, world()[0], challenger, champion, ["carrier", "origin"], rules=rules
    )


def figures(found: pd.DataFrame, metric: str, segment: str = OVERALL) -> dict[str, float]:
    """What was found for one metric of one segment."""
    rows = found[(found["metric"] == metric) & (found["segment"] == segment)]
    (row,) = rows[["challenger", "champion", "improvement", "rows"]].to_dict("records")
    return row


def gates(
    comparison: pd.DataFrame,
    rules: ReleaseRules = RULES,
    *,
    task: str = "classification",
    is_first: bool = False,
    is_unseen: bool = True,
) -> dict[str, Gate]:
    """The gates by name."""
    found = judge(comparison, rules, task=task, is_first=is_first, is_unseen=is_unseen)
    return {gate.name: gate for gate in found}


def failed(found: dict[str, Gate]) -> list[str]:
    """Names of the gates that did not pass."""
    return [name for name, gate in found.items() if not gate.passed]


def row(
    metric: str, challenger: float, champion: float, segment: str = OVERALL, rows: int = 1000
) -> dict[str, object]:
    """A row of a comparison; segments are ``column=value``."""
    column, _, value = segment.partition("=")
    worse_is_more = metric in {"brier", "rmse"}
    return {
        DAY: AS_OF,
        "segment_column": column,
        "segment": value or column,
        "metric": metric,
        "rows": rows,
        "challenger": challenger,
        "champion": champion,
        "improvement": (champion - challenger) if worse_is_more else (challenger - champion),
    }


GOOD = [
    row("auc", 0.75, 0.70),
    row("brier", 0.15, 0.20),
    row("true_positive_rate", 0.5, 0.5, "origin=EWR"),
    row("true_positive_rate", 0.4, 0.4, "origin=JFK"),
    row("false_positive_rate", 0.2, 0.2, "origin=EWR"),
    row("false_positive_rate", 0.1, 0.1, "origin=JFK"),
    row("auc", 0.76, 0.70, "carrier=UA"),
    row("auc", 0.74, 0.70, "carrier=DL"),
]
EVIDENCE = range(6)
"""Rows of ``GOOD`` but those of segments."""


def good(*changed: dict[str, object]) -> pd.DataFrame:
    """A comparison that promotes, with the given rows instead of those of the same name."""
    key = ["segment_column", "segment", "metric"]
    return pd.DataFrame([*GOOD, *changed]).drop_duplicates(key, keep="last", ignore_index=True)


@pytest.mark.parametrize(
    ("metric", "function"),
    [
        pytest.param("auc", metrics.roc_auc_score, id="auc"),
        pytest.param("average_precision", metrics.average_precision_score, id="average precision"),
        pytest.param("brier", metrics.brier_score_loss, id="brier"),
    ],
)
@pytest.mark.parametrize("segment", [OVERALL, "UA", "JFK"])
def test_both_models_are_measured_as_scikit_learn_does(metric, function, segment: str) -> None:
    test, challenger, champion = world()

    found = figures(compared(challenger, champion), metric, segment)

    of_segment = (test[["carrier", "origin"]] == segment).any(axis=1) | (segment == OVERALL)
    labels = test.loc[of_segment, "late"]
    assert found["challenger"] == pytest.approx(function(labels, challenger[of_segment]))
    assert found["champion"] == pytest.approx(function(labels, champion[of_segment]))
    assert found["rows"] == len(labels)


@pytest.mark.parametrize("group", ["EWR", "JFK"])
@pytest.mark.parametrize("rate", RATES)
def test_rates_are_the_recall_of_the_highest_predictions(rate: str, group: str) -> None:
    test, challenger, champion = world()

    found = figures(compared(challenger, champion), rate, group)

    flagged = challenger >= np.quantile(challenger, 0.8)
    rows = (test["origin"] == group) & (test["late"] == RATES[rate])
    expected = metrics.recall_score(np.ones(rows.sum()), flagged[rows])
    assert found["challenger"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("specification", "metric"),
    [
        pytest.param(SPECIFICATION, "auc", id="auc, more is better"),
        pytest.param(SPECIFICATION, "average_precision", id="average precision, more is better"),
        pytest.param(SPECIFICATION, "brier", id="brier, less is better"),
        pytest.param(REGRESSION, "rmse", id="rmse, less is better"),
        pytest.param(REGRESSION, "mae", id="mae, less is better"),
        pytest.param(REGRESSION, "r2", id="r2, more is better"),
    ],
)
def test_improvement_is_positive_for_the_better_model(
    specification: ModelSpecification, metric: str
) -> None:
    _, better, worse = world()

    gain = figures(compared(better, worse, specification), metric)
    loss = figures(compared(worse, better, specification), metric)

    assert gain["improvement"] == pytest.approx(abs(gain["challenger"] - gain["champion"]))
    assert gain["improvement"] > 0
    assert loss["improvement"] == -gain["improvement"]


def test_model_that_is_the_champion_improves_nothing() -> None:
    _, same, _ = world()

    found = compared(same, same)

    assert set(found["improvement"]) == {0.0}
    assert failed(gates(found)) == ["beats_champion"]


@pytest.mark.parametrize(
    ("specification", "rows"),
    [
        pytest.param(SPECIFICATION, 3 * 5 + 2 * 2, id="classification, with rates"),
        pytest.param(REGRESSION, 3 * 5, id="regression, without"),
    ],
)
def test_comparison_keeps_its_contract(specification: ModelSpecification, rows: int) -> None:
    _, challenger, champion = world()

    validated = validate(compared(challenger, champion, specification), Comparison, [AS_OF])

    assert validated.quarantined == {}
    assert validated.row_counts == {AS_OF: rows}


def test_without_a_gated_attribute_there_are_no_rates() -> None:
    rules = ReleaseRules(min_segment_rows=100)
    _, challenger, champion = world()

    found = compared(challenger, champion, rules=rules)

    assert not set(found["metric"]) & set(RATES)
    assert verdict([*gates(found, rules).values()])[0] == PROMOTED


@pytest.mark.parametrize("is_first", [False, True], ids=["a champion", "the first model"])
def test_good_comparison_promotes_and_says_why(is_first: bool) -> None:
    decided, reason = verdict([*gates(good(), is_first=is_first).values()])

    assert decided == PROMOTED
    assert f"auc 0.7500 against 0.7000 of the {'base rate' if is_first else 'champion'}" in reason


def test_better_model_is_promoted_on_real_rows() -> None:
    _, better, worse = world()

    assert failed(gates(compared(better, worse))) == []


@pytest.mark.parametrize(
    ("found", "gate", "named"),
    [
        pytest.param(
            gates(good(), is_unseen=False), "is_unseen", "fitted on test rows", id="rows were seen"
        ),
        pytest.param(
            gates(good(row("auc", 0.704, 0.70))),
            "beats_champion",
            "auc 0.7040 against 0.7000 of the champion: less than 1.0% better",
            id="hardly better",
        ),
        pytest.param(
            gates(good(row("auc", 0.60, 0.70))),
            "beats_champion",
            "auc 0.6000 against 0.7000",
            id="worse",
        ),
        pytest.param(
            gates(good(row("auc", 0.66, 0.70, "carrier=UA"))),
            "no_segment_degraded",
            "carrier=UA -0.040",
            id="a segment fell",
        ),
        pytest.param(
            gates(good(row("true_positive_rate", 0.1, 0.5, "origin=JFK"))),
            "groups_are_close",
            "of origin: true_positive_rate 0.400, allowed is 0.2",
            id="true positives apart",
        ),
        pytest.param(
            gates(good(row("false_positive_rate", 0.8, 0.1, "origin=JFK"))),
            "groups_are_close",
            "of origin: false_positive_rate 0.600, allowed is 0.2",
            id="false positives apart",
        ),
    ],
)
def test_each_gate_blocks_for_its_own_reason(found: dict[str, Gate], gate: str, named: str) -> None:
    decided, reason = verdict([*found.values()])

    assert decided == BLOCKED
    assert failed(found) == [gate]
    assert reason.startswith(f"{gate}: ")
    assert named in reason
    assert "; " not in reason


def test_all_gates_that_failed_are_told() -> None:
    bad = good(row("auc", 0.60, 0.70), row("auc", 0.5, 0.7, "carrier=DL"))

    _, reason = verdict([*gates(bad, is_unseen=False).values()])

    assert [part.partition(":")[0] for part in reason.split("; ")] == [
        "is_unseen",
        "beats_champion",
        "no_segment_degraded",
    ]


def test_only_degraded_segments_are_named_the_worst_first() -> None:
    bad = good(row("auc", 0.6, 0.7, "carrier=DL"), row("auc", 0.65, 0.7, "carrier=B6"))

    reason = gates(bad)["no_segment_degraded"].reason

    assert "degraded of 3 judged segments: carrier=DL -0.100, carrier=B6 -0.050 (" in reason


def test_no_gate_at_all_blocks() -> None:
    assert verdict([])[0] == BLOCKED


@pytest.mark.parametrize(
    ("challenger", "passed"),
    [
        pytest.param(0.5625, True, id="exactly what is required"),
        pytest.param(float(np.nextafter(0.5625, 0)), False, id="a hair less"),
    ],
)
def test_required_improvement_is_relative_to_the_champion(challenger: float, passed: bool) -> None:
    rules = RULES.model_copy(update={"min_improvement": 0.125})

    found = gates(good(row("auc", challenger, 0.5)), rules)

    assert found["beats_champion"].passed is passed


@pytest.mark.parametrize(
    ("challenger", "passed"),
    [
        pytest.param(7.0, True, id="exactly what is required"),
        pytest.param(7.001, False, id="a hair less"),
        pytest.param(9.0, False, id="a larger error"),
    ],
)
def test_regression_has_to_make_smaller_errors(challenger: float, passed: bool) -> None:
    rules = RULES.model_copy(update={"min_improvement": 0.125, "segment_tolerance": 0.5})
    comparison = pd.DataFrame([row("rmse", challenger, 8.0), row("rmse", 6, 8, "carrier=UA")])

    found = gates(comparison, rules, task="regression")

    assert found["beats_champion"].passed is passed
    assert failed(found) == ([] if passed else ["beats_champion"])


@pytest.mark.parametrize(
    ("rules", "changed", "passed"),
    [
        pytest.param(
            {"segment_tolerance": 0.25},
            row("auc", 0.5, 0.75, "carrier=UA"),
            True,
            id="at the tolerance",
        ),
        pytest.param(
            {"segment_tolerance": 0.25},
            row("auc", 0.499, 0.75, "carrier=UA"),
            False,
            id="beyond it",
        ),
        pytest.param(
            {"max_group_gap": 0.25},
            row("true_positive_rate", 0.75, 0.5, "origin=EWR"),
            False,
            id="beyond the gap",
        ),
        pytest.param(
            {"max_group_gap": 0.25},
            row("true_positive_rate", 0.65, 0.5, "origin=EWR"),
            True,
            id="at the gap",
        ),
    ],
)
def test_what_is_tolerated_is_tolerated(
    rules: dict[str, float], changed: dict[str, object], passed: bool
) -> None:
    found = gates(good(changed), RULES.model_copy(update=rules))

    assert (failed(found) == []) is passed


@pytest.mark.parametrize(
    ("rows", "is_judged"),
    [pytest.param(100, True, id="enough rows"), pytest.param(99, False, id="one too few")],
)
def test_small_segment_is_not_judged(rows: int, is_judged: bool) -> None:
    found = gates(good(row("auc", 0.1, 0.9, "carrier=UA", rows)))

    assert ("no_segment_degraded" in failed(found)) is is_judged


def test_small_group_is_not_judged() -> None:
    tiny = [row(rate, 1.0, 0.2, "origin=LGA", 99) for rate in RATES]

    assert failed(gates(good(*tiny))) == []
    assert failed(gates(good(*({**each, "rows": 100} for each in tiny)))) == ["groups_are_close"]


def test_one_group_alone_cannot_be_judged() -> None:
    tiny = [row(rate, 0.2, 0.2, "origin=JFK", 99) for rate in RATES]

    found = gates(good(*tiny))

    assert failed(found) == ["groups_are_close"]
    assert "of the groups of origin is missing" in found["groups_are_close"].reason


def test_segments_of_which_none_can_be_judged_block() -> None:
    small = [row("auc", 0.9, 0.7, f"carrier={carrier}", 99) for carrier in ("UA", "DL")]

    found = gates(good(*small))

    assert failed(found) == ["no_segment_degraded"]
    assert "no segment has 100 test rows" in found["no_segment_degraded"].reason


def test_segment_of_one_class_is_not_judged_when_small_and_listed_all_the_same() -> None:
    test, challenger, champion = world()
    test.loc[:19, ["carrier", "late"]] = ["B6", 1]

    found = compare(SPECIFICATION, test, challenger, champion, ["carrier"], rules=RULES)

    assert np.isnan(figures(found, "auc", "B6")["improvement"])
    assert failed(gates(found)) == []


@pytest.mark.parametrize("is_first", [False, True], ids=["a champion", "the first model"])
def test_no_evidence_blocks(is_first: bool) -> None:
    found = gates(good().head(0), is_first=is_first)

    assert {"beats_champion", "groups_are_close"} <= {*failed(found)}


CELLS = st.tuples(
    st.sampled_from(EVIDENCE), st.sampled_from(["challenger", "champion", "improvement"])
)


@given(
    st.sets(st.sampled_from(EVIDENCE), max_size=2),
    st.sets(CELLS, max_size=3),
    st.booleans(),
)
@example(set(), {(0, "challenger")}, False)
@example(set(), {(5, "challenger")}, False)
@example({1}, set(), True)
@settings(deadline=None, max_examples=60)
def test_promoted_is_only_what_all_needed_evidence_is_there_for(
    deleted: set[int], undefined: set[tuple[int, str]], is_first: bool
) -> None:
    comparison = good()
    for index, column in undefined:
        comparison.loc[index, column] = float("nan")

    decided, _ = verdict([*gates(comparison.drop(index=[*deleted]), is_first=is_first).values()])

    needed = {(0, "challenger"), (0, "champion"), (0, "improvement")}
    needed |= {(index, "challenger") for index in range(2, 6)}
    needed |= {(1, "improvement")} if is_first else set()
    is_intact = not needed & undefined and not {index for index, _ in needed} & deleted
    assert (decided == PROMOTED) is is_intact


def test_doubled_evidence_blocks() -> None:
    comparison = pd.concat([good(), good().head(1)], ignore_index=True)

    assert failed(gates(comparison)) == ["beats_champion"]


def test_large_segment_whose_metric_is_undefined_blocks() -> None:
    found = gates(good(row("auc", float("nan"), 0.7, "carrier=UA")))

    assert failed(found) == ["no_segment_degraded"]


@pytest.mark.parametrize(
    "share",
    [pytest.param(0.001, id="few"), pytest.param(0.5, id="half"), pytest.param(1, id="all")],
)
def test_challenger_that_does_not_predict_every_row_is_blocked(share: float) -> None:
    _, challenger, champion = world()
    challenger[: int(COUNT * share)] = np.nan

    assert "beats_champion" in failed(gates(compared(challenger, champion)))


def test_first_model_is_compared_with_the_base_rate() -> None:
    _, challenger, _ = world()
    base_rate = np.full(COUNT, 0.5)

    found = compared(challenger, base_rate)

    assert figures(found, "auc")["champion"] == 0.5
    assert figures(found, "brier")["champion"] == pytest.approx(0.25)
    assert failed(gates(found, is_first=True)) == []


def test_first_model_that_orders_well_and_is_far_off_is_blocked() -> None:
    _, challenger, _ = world()
    far_off = 0.9 + challenger / 10

    found = gates(compared(far_off, np.full(COUNT, 0.5)), is_first=True)

    assert failed(found) == ["beats_champion"]
    assert "Brier score" in found["beats_champion"].reason


def test_first_model_has_no_segment_to_lose() -> None:
    bad = good(row("auc", 0.4, 0.7, "carrier=UA"))

    assert failed(gates(bad, is_first=True)) == []
    assert failed(gates(bad)) == ["no_segment_degraded"]


@pytest.mark.parametrize("group", ["EWR", "JFK"])
@pytest.mark.parametrize("shift", [0.3, -0.3], ids=["up", "down"])
def test_model_that_treats_one_group_differently_is_blocked(group: str, shift: float) -> None:
    test, challenger, champion = world()
    shifted = np.clip(challenger + shift * (test["origin"] == group), 0, 1).to_numpy()

    found = gates(compared(shifted, champion))

    assert "groups_are_close" in failed(found)
    assert "groups of origin" in found["groups_are_close"].reason
    assert failed(gates(compared(challenger, champion))) == []


@pytest.mark.parametrize(
    ("task", "rules"),
    [
        pytest.param("regression", RULES, id="regression"),
        pytest.param(
            "classification", RULES.model_copy(update={"gated_attribute": None}), id="no attribute"
        ),
    ],
)
def test_groups_are_not_judged_where_none_are_configured(task: str, rules: ReleaseRules) -> None:
    gate = gates(good(), rules, task=task)["groups_are_close"]

    assert (gate.passed, gate.reason) == (True, "no gated attribute is configured")
