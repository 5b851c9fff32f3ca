"""Contract of retraining decisions.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.learning.contracts import SERVING

RETRAIN, KEEP = "retrain", "keep"

OF_CHAMPION = [*SERVING, "labels.model_version", "labels.is_late"]
"""What a contract's ``from`` says of the labels of the champion's predictions."""
METRIC = [*OF_CHAMPION, "labels.label", "labels.prediction", "champion.metric"]
OF_REPORT = ["champion.serves_from", "drift_report.reference"]
DRIFTED = [*OF_REPORT, "drift_report.drifted"]
ENOUGH = ["drift_report.is_judged"]
STRUCTURAL = [*DRIFTED, "drift_report.group"]
STRONGEST = [*OF_REPORT, "drift_report.feature", "drift_report.likely_cause_rank"]
GROWTH = ["champion.serves_from"]
ASKED = ["retraining_decision.verdict"]
VERDICT = [*METRIC, "champion.value", *STRUCTURAL, *ENOUGH, *GROWTH, *ASKED]


class RetrainingDecision(Contract):
    """Whether monitoring asks for a new model, and why or why not."""

    verdict: str = pa.Field(
        isin=[RETRAIN, KEEP], description="retrain or keep.", metadata={"from": VERDICT}
    )
    reason: str = pa.Field(
        description="Why, in words; also why not.",
        metadata={"from": [*VERDICT, *STRONGEST, "drift_report.rows"]},
    )
    rule: str = pa.Field(
        description="What decided: a signal, a limit, or nothing.", metadata={"from": VERDICT}
    )
    policy: str = pa.Field(description="Name of the policy.", metadata={"from": []})
    as_of: str = pa.Field(
        description="As-of day of the model asked for; empty for none.", metadata={"from": VERDICT}
    )
    champion: str = pa.Field(
        description="Fingerprint of the champion; empty for none.", metadata={"from": SERVING}
    )
    champion_as_of: str = pa.Field(
        description="Its as-of day; empty for none.", metadata={"from": ["champion.serves_from"]}
    )
    metric_at_release: float = pa.Field(
        nullable=True,
        description="Its main metric at release.",
        metadata={"from": ["champion.serves_from", "champion.value"]},
    )
    metric_now: float = pa.Field(
        nullable=True,
        description="Its main metric in the newest window; null without evidence.",
        metadata={"from": METRIC},
    )
    mean_prediction: float = pa.Field(
        nullable=True,
        description="Mean prediction in that window.",
        metadata={"from": [*OF_CHAMPION, "labels.prediction"]},
    )
    mean_label: float = pa.Field(
        nullable=True,
        description="Mean label in that window.",
        metadata={"from": [*OF_CHAMPION, "labels.label"]},
    )
    labels: int = pa.Field(
        ge=0, description="Labels in that window.", metadata={"from": OF_CHAMPION}
    )
    drifted_structural: int = pa.Field(
        ge=0, description="Structural features that have drifted.", metadata={"from": STRUCTURAL}
    )
    drifted_features: int = pa.Field(
        ge=0, description="Features of any group that have drifted.", metadata={"from": DRIFTED}
    )
    strongest_drift: str = pa.Field(
        description="Feature that drifted most; empty without a report.",
        metadata={"from": STRONGEST},
    )
    data_growth: float = pa.Field(
        nullable=True,
        description="Share by which the training window has grown since.",
        metadata={"from": GROWTH},
    )
    asked_before: int = pa.Field(
        ge=0,
        description="Retrainings asked for within the budget's days.",
        metadata={"from": ASKED},
    )

    class Config:
        """Every day has exactly one decision."""

        unique: ClassVar = ["policy"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
