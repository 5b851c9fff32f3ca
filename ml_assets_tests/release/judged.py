"""Test rows of two weeks and models of known quality: the inputs of evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.learning.dataset import FEATURE_DAY
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification
from ml_assets.release.champion import Champion
from ml_assets.release.evidence.builder import EvidenceBuilder
from ml_assets.release.evidence.comparison import compare
from ml_assets.release.evidence.fairness import fairness
from ml_assets.release.evidence.question import Question, build_question
from ml_assets.release.evidence.values import EvidenceTable
from ml_assets.release.gates import Gate, judge
from ml_assets.release.rules import ReleaseRules

AS_OF = "2013-07-15"
KEY, SEGMENTS = ["flight"], ["carrier", "origin"]
COUNT, DAYS = 2800, 14
CLASSIFICATION = ModelSpecification(
    task="classification", estimator="sklearn.dummy.DummyClassifier", label="late", numeric=["x"]
)
REGRESSION = replace(CLASSIFICATION, task="regression")
EVALUATION = EvaluationRules(resamples=200)
RULES = ReleaseRules(sensitive_feature="origin", min_segment_rows=100)
NEW, OLD = "fingerprint of the new model", "fingerprint of the champion"


def rows(seed: int = 7) -> pd.DataFrame:
    """(COUNT, …) test rows: three carriers and a small one, three origins."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            DAY: AS_OF,
            FEATURE_DAY: [f"2013-07-{1 + number % DAYS:02d}" for number in range(COUNT)],
            "flight": np.arange(COUNT),
            "late": random.integers(0, 2, COUNT),
            "carrier": random.choice(["UA", "DL", "B6", "HA"], COUNT, p=[0.5, 0.38, 0.1, 0.02]),
            "origin": random.choice(["EWR", "JFK", "LGA"], COUNT),
        }
    )


def predictions(test: pd.DataFrame, skill: float, seed: int = 1) -> np.ndarray:
    """(n,) probabilities whose correlation with the label grows with ``skill``."""
    noise = np.random.default_rng(seed).normal(0, 0.15, len(test))
    return np.clip(0.5 + skill * (test["late"].to_numpy() - 0.5) + noise, 0, 1)


def flipped(test: pd.DataFrame, values: np.ndarray, where: Mapping[str, str]) -> np.ndarray:
    """Predictions of a model that was trained on inverted labels for some rows."""
    chosen = np.logical_and.reduce([test[column] == value for column, value in where.items()])
    return np.where(chosen, 1 - values, values)


@dataclass(frozen=True)
class Case:
    """A challenger and a champion on the same rows."""

    test: pd.DataFrame
    challenger: np.ndarray
    champion: np.ndarray | None
    specification: ModelSpecification = CLASSIFICATION
    rules: ReleaseRules = RULES

    def comparison(self) -> pd.DataFrame:
        """The comparison of both."""
        other = self.champion if self.champion is not None else self.test["late"].mean()
        return compare(
            self.specification,
            self.test.assign(prediction=self.challenger),
            self.test.assign(prediction=other),
            key=KEY,
            segments=SEGMENTS,
            rules=EVALUATION,
            min_segment_rows=self.rules.min_segment_rows,
        ).assign(**self._models)

    def fairness(self) -> pd.DataFrame:
        """The fairness evidence of the origins."""
        champion = self.champion
        return fairness(
            self.specification,
            self.test.assign(prediction=self.challenger),
            None if champion is None else self.test.assign(prediction=champion),
            key=KEY,
            rules=self.rules,
            evaluation=EVALUATION,
        ).assign(**self._models)

    def question(self) -> Question:
        """The question of the release."""
        trained = self.test.head(1).assign(**{FEATURE_DAY: "2013-06-23"})
        return build_question(
            EvidenceBuilder(self.specification, KEY, SEGMENTS, EVALUATION, self.rules),
            pd.concat([self.test.assign(split="test"), trained.assign(split="train")]),
            NEW,
            None
            if self.champion is None
            else Champion("2013-07-01", OLD, 0.7, 42, "2013-05-31", "auc", "2013-07-01"),
        )

    def gates(self) -> dict[str, Gate]:
        """The gates, by name, on valid evidence."""
        return judged(
            self.question(),
            EvidenceTable("shop/comparison", self.comparison()),
            EvidenceTable("shop/fairness", self.fairness()),
            self.rules,
        )

    @property
    def _models(self) -> dict[str, str]:
        return {"challenger_model": NEW, "champion_model": "" if self.champion is None else OLD}


def judged(
    question: Question, comparison: EvidenceTable, fair: EvidenceTable, rules: ReleaseRules = RULES
) -> dict[str, Gate]:
    """The gates by name."""
    return {gate.name: gate for gate in judge(question, comparison, fair, rules)}


def better(**changes: object) -> Case:
    """A challenger that is better everywhere."""
    test = rows()
    return replace(Case(test, predictions(test, 0.4), predictions(test, 0.2, 2)), **changes)


def failed(gates: Mapping[str, Gate]) -> list[str]:
    """Names of the gates that did not pass."""
    return [name for name, gate in gates.items() if not gate.passed]
