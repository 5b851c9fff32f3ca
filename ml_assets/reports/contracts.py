"""Contract of model cards."""

from ml_assets.contracts.contract import Contract, columns, computed
from ml_assets.learning.evaluation import Evaluation
from ml_assets.release.decision import ReleaseDecision
from ml_assets.release.evidence.comparison import Comparison, EvidenceRow
from ml_assets.release.evidence.fairness import Fairness

UNUSED = {
    "verdict",
    "reason",
    "evidence",
    "champion",
    "challenger_value",
    "champion_value",
    "improvement_low",
    "improvement_high",
    "training_days",
}
"""Columns of the decision that a card does not show."""
CARD_SOURCES = [
    *(f"training_dataset.{column}" for column in ("split", "feature_day")),
    *(f"evaluation.{column}" for column in columns(Evaluation) if column != "mean_label"),
    *(
        f"comparison.{column}"
        for column in columns(Comparison)
        if column not in columns(EvidenceRow)
    ),
    *(f"fairness.{column}" for column in columns(Fairness) if column not in columns(EvidenceRow)),
    *(f"approvals.{column}" for column in ("at", "by", "action", "reason", "remark")),
    *(f"champion.{column}" for column in ("fingerprint", "released_by")),
    *(f"integration_tests.{column}" for column in ("test", "passed", "finding")),
    *(f"release_decision.{column}" for column in columns(ReleaseDecision) if column not in UNUSED),
    "registered_model.version",
]
"""Source columns of a card, for ``from``."""


class ModelCard(Contract):
    """The card of a registered version; no row if the model is not registered."""

    fingerprint: str = computed("Fingerprint of the model.", ["registered_model.fingerprint"])
    version: int = computed("Version in the registry.", ["registered_model.version"], ge=1)
    markdown: str = computed("The card as Markdown.", CARD_SOURCES)

    class Config:
        """One card per as-of day, or none."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}
