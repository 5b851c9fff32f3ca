"""Contract of retraining decisions.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, computed
from ml_assets.learning.contracts import SERVING

RETRAIN, KEEP = "retrain", "keep"

OF_CHAMPION = [*SERVING, "labels.model_version", "labels.is_late"]
"""Source columns of the labels of the champion's predictions."""
METRIC = [*OF_CHAMPION, "labels.label", "labels.{predicted}", "champion.metric"]
OF_REPORT = ["champion.serves_from", "drift_report.reference"]
DRIFTED = [*OF_REPORT, "drift_report.drifted"]
ENOUGH = ["drift_report.is_judged"]
STRUCTURAL = [*DRIFTED, "drift_report.group"]
STRONGEST = [*OF_REPORT, "drift_report.feature", "drift_report.likely_cause_rank"]
GROWTH = ["champion.serves_from"]
REQUESTED = ["retraining_decision.verdict"]
VERDICT = [*METRIC, "champion.value", *STRUCTURAL, *ENOUGH, *GROWTH, *REQUESTED]


class RetrainingDecision(Contract):
    """Whether monitoring requests a new model, and why or why not."""

    verdict: str = computed("retrain or keep.", VERDICT, isin=[RETRAIN, KEEP])
    reason: str = computed("Reason for the verdict.", [*VERDICT, *STRONGEST, "drift_report.rows"])
    rule: str = computed("What decided: a signal, a limit, or nothing.", VERDICT)
    policy: str = computed("Name of the policy.", [])
    as_of: str = computed("As-of day of the requested model; empty for none.", VERDICT)
    champion: str = computed("Fingerprint of the champion; empty for none.", SERVING)
    champion_as_of: str = computed(
        "As-of day of the champion; empty for none.", ["champion.serves_from"]
    )
    metric_at_release: float = computed(
        "Main metric at release.", ["champion.serves_from", "champion.value"], nullable=True
    )
    metric_now: float = computed(
        "Main metric in the newest window; null with too few labels.", METRIC, nullable=True
    )
    mean_prediction: float = computed(
        "Mean prediction in the newest window.", [*OF_CHAMPION, "labels.prediction"], nullable=True
    )
    mean_label: float = computed(
        "Mean label in the newest window.", [*OF_CHAMPION, "labels.label"], nullable=True
    )
    labels: int = computed("Number of labels in the newest window.", OF_CHAMPION, ge=0)
    drifted_structural: int = computed("Structural features that have drifted.", STRUCTURAL, ge=0)
    drifted_features: int = computed("Features of any group that have drifted.", DRIFTED, ge=0)
    strongest_drift: str = computed("Feature that drifted most; empty without a report.", STRONGEST)
    data_growth: float = computed(
        "Relative growth of the number of training days since the champion: 0.3 is 30 % more.",
        GROWTH,
        nullable=True,
    )
    asked_before: int = computed(
        "Number of retrainings requested in the last budget_days days.", REQUESTED, ge=0
    )

    class Config:
        """Every day has exactly one decision."""

        unique: ClassVar = ["policy"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
