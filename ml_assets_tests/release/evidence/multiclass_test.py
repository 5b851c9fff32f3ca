"""Evidence about models of classes: base rate, metrics by segment, accuracy by group, gates."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss

from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification
from ml_assets.release.champion import Champion
from ml_assets.release.evidence.builder import EvidenceBuilder, PredictFunction
from ml_assets.release.evidence.fairness import GAP
from ml_assets.release.evidence.question import build_question
from ml_assets.release.evidence.values import EvidenceTable
from ml_assets.release.gates import Gate, GateOutcome
from ml_assets_tests.release.judged import CLASSIFICATION, KEY, NEW, OLD, RULES, judged, rows

CLASSES = ("punctual", "late", "cancelled")
SPECIFICATION: ModelSpecification = replace(
    CLASSIFICATION, task="multiclass", label="outcome", classes=CLASSES
)


def labelled(seed: int = 7) -> pd.DataFrame:
    """Test rows with an outcome of three classes, of which the last is rare."""
    random = np.random.default_rng(seed)
    outcome = random.choice(CLASSES, 2800, p=[0.6, 0.3, 0.1])
    return rows().assign(outcome=pd.Series(outcome, dtype="str"), split="test")


def dataset() -> pd.DataFrame:
    """The test rows, and training rows with other shares of the classes."""
    shares = np.repeat(CLASSES, [50, 30, 20])
    trained = labelled().head(100).assign(outcome=shares, split="train", feature_day="2013-06-20")
    return pd.concat([labelled(), trained], ignore_index=True)


def model(skill: float, wrong_at: str = "") -> PredictFunction:
    """A model that knows the outcome with some skill, and is wrong at one origin."""

    def predict_proba(inputs: pd.DataFrame) -> np.ndarray:
        of_row = labelled().loc[inputs["x"]]
        number = pd.Series(pd.Index(CLASSES).get_indexer(pd.Index(of_row["outcome"])))
        number = number.where((of_row["origin"] != wrong_at).to_numpy(), (number + 1) % 3)
        noise = np.random.default_rng(1).dirichlet([1, 1, 1], len(inputs))
        return skill * np.eye(3)[number] + (1 - skill) * noise

    return predict_proba


def builder(**rules: Any) -> EvidenceBuilder:
    """The evidence of these models."""
    metrics = rules.pop("metrics", ("log_loss", "accuracy"))
    return EvidenceBuilder(
        SPECIFICATION,
        KEY,
        ["carrier", "origin"],
        EvaluationRules(metrics=metrics, resamples=200),
        RULES.model_copy(update=rules),
    )


def gates(challenger: Any, champion: Any | None, **rules: Any) -> dict[str, Gate]:
    """The gates on the evidence of both models."""
    evidence, data = builder(**rules), dataset().assign(x=lambda found: found.index)
    known = Champion("2013-07-01", OLD, 0.7, 42, "2013-05-31", "log_loss", "2013-07-01")
    models = {"challenger_model": NEW, "champion_model": OLD if champion else ""}
    return judged(
        build_question(evidence, data, NEW, known if champion else None),
        EvidenceTable("c", evidence.comparison(data, challenger, champion).assign(**models)),
        EvidenceTable("f", evidence.fairness(data, challenger, champion).assign(**models)),
        evidence.rules,
    )


def test_base_rate_is_the_share_of_each_class_among_the_training_rows() -> None:
    data = dataset().assign(x=lambda found: found.index)
    test = data[data["split"] == "test"]

    found = builder().comparison(data, model(0.5), None).set_index(["segment", "metric"])

    of_classes = np.tile([0.5, 0.3, 0.2], (len(test), 1))
    numbers = pd.Index(CLASSES).get_indexer(pd.Index(test["outcome"]))
    assert found.loc[("all", "log_loss"), "champion"] == pytest.approx(
        log_loss(numbers, of_classes)
    )
    assert found.loc[("all", "accuracy"), "champion"] == pytest.approx((numbers == 0).mean())
    assert set(found.loc["all"].index) == {"log_loss", "accuracy", "brier_multiclass"}


def test_better_model_of_classes_passes_all_gates() -> None:
    found = gates(model(0.6), model(0.4))

    assert all(gate.passed for gate in found.values()), found
    assert "accuracy of 3 groups" in found["groups_are_close"].reason


def test_first_model_has_to_beat_the_base_rate() -> None:
    assert gates(model(0.5), None)["beats_champion"].passed
    assert not gates(model(0.0), None)["beats_champion"].passed


def test_model_that_is_wrong_at_one_origin_is_blocked() -> None:
    found = gates(model(0.6, wrong_at="JFK"), model(0.4))

    assert found["groups_are_close"].outcome is GateOutcome.FINAL
    assert found["no_segment_degraded"].outcome is GateOutcome.APPROVABLE
    assert "origin=JFK" in found["no_segment_degraded"].reason


def test_gap_is_the_difference_of_the_accuracies() -> None:
    data = dataset().assign(x=lambda found: found.index)
    test = data[data["split"] == "test"]
    predicted = np.take(CLASSES, model(0.3)(test).argmax(axis=1))
    expected = {
        origin: accuracy_score(test.loc[of.index, "outcome"], predicted[of.index])
        for origin, of in test.groupby("origin")
    }

    found = builder().fairness(data, model(0.3), None).set_index("group")["challenger"]

    assert found.drop(GAP).to_dict() == pytest.approx(cast("dict[str, float]", expected))
    assert found[GAP] == pytest.approx(max(expected.values()) - min(expected.values()))


def test_segment_without_a_class_is_not_judged_by_a_metric_that_needs_all() -> None:
    """UA has no cancelled flight, so its AUC of each class against the others is undefined."""
    data = dataset()
    is_lost = (data["carrier"] == "UA") & (data["outcome"] == "cancelled")
    data = data[~is_lost].assign(x=lambda found: found.index)

    found = builder(metrics=("auc_ovr",)).comparison(data, model(0.6), model(0.4))

    of_carrier = found[found["segment_column"] == "carrier"].set_index("segment")["is_judged"]
    assert not of_carrier["UA"]
    assert of_carrier["DL"]
    evidence = builder(metrics=("auc_ovr",))
    size = build_question(evidence, data, NEW, None).segments[("carrier", "UA")]
    assert (size.label_rows, size.label_days) == (0, 0)
