"""Contracts of what monitoring makes: references, profiles, drift reports, retraining decisions.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share. How the rows are made is in ``profile``, ``drift`` and ``retraining``.
"""

from typing import ClassVar

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.learning.scoring import SERVING

NAMED = ["{reference}.feature", "{reference}.kind"]
"""What a contract's ``from`` says of bins: nothing but for a profile, which takes a reference's."""
BINNED = [*NAMED, "{champion}.serves_from"]
COUNTED = ["{counted}.{features}", "{dataset}.split", *NAMED]
IN_BINS = [*COUNTED, *BINNED, "{reference}.edges", "{reference}.categories"]
SUMMED = ["{counted}.{numeric}", "{dataset}.split", *BINNED, "{reference}.edges"]
BY_DAY = ["training_dataset.{features}", "training_dataset.split", "training_dataset.feature_day"]


class _Counted(Contract):
    """One feature's values, counted by bin."""

    feature: str = pa.Field(
        description="Name of the feature.", metadata={"from": ["{reference}.feature"]}
    )
    kind: str = pa.Field(
        isin=["numeric", "categorical"],
        description="How it is binned.",
        metadata={"from": ["{reference}.kind"]},
    )
    rows: int = pa.Field(
        ge=0, description="Rows counted.", metadata={"unit": "rows", "from": ["{dataset}.split"]}
    )
    missing: int = pa.Field(
        ge=0,
        description="Rows where it is null or infinite.",
        metadata={"unit": "rows", "from": COUNTED},
    )
    counts: str = pa.Field(
        description="Rows in each bin, a JSON list; the last bin of a categorical feature holds "
        "the categories that the reference lacks.",
        metadata={"unit": "rows", "from": IN_BINS},
    )
    sums: str = pa.Field(
        description="Sum of the values in each bin, a JSON list; empty for a categorical feature.",
        metadata={"unit": "the feature's", "from": SUMMED},
    )


class FeatureReference(_Counted):
    """One feature of the rows a model was trained on, and how much its days differ by nature."""

    edges: str = pa.Field(
        description="Bin edges, a JSON list of values of the reference from its smallest to its "
        "largest; empty for a categorical feature and for one without a value.",
        metadata={
            "unit": "the feature's",
            "from": ["training_dataset.{numeric}", "training_dataset.split"],
        },
    )
    categories: str = pa.Field(
        description="Categories of the reference, a JSON list; empty for a numeric feature.",
        metadata={"from": ["training_dataset.{categorical}", "training_dataset.split"]},
    )
    window_days: int = pa.Field(
        ge=1,
        description="Days of the windows that were calibrated.",
        metadata={
            "unit": "days",
            "from": ["training_dataset.feature_day", "training_dataset.split"],
        },
    )
    daily_threshold: float = pa.Field(
        gt=0, description="Distance from which a day is unusual.", metadata={"from": BY_DAY}
    )
    window_threshold: float = pa.Field(
        gt=0, description="Distance from which a window is unusual.", metadata={"from": BY_DAY}
    )
    daily_missing_threshold: float = pa.Field(
        gt=0,
        description="Change of the missing share from which a day is unusual.",
        metadata={"unit": "share", "from": BY_DAY},
    )
    window_missing_threshold: float = pa.Field(
        gt=0,
        description="Change of the missing share from which a window is unusual.",
        metadata={"unit": "share", "from": BY_DAY},
    )

    class Config:
        """A model has features."""

        unique: ClassVar = ["feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class FeatureProfile(_Counted):
    """One feature of a day's rows, in the bins of a reference."""

    reference: str = pa.Field(
        description="As-of day of the model whose rows are the reference.",
        metadata={"from": ["champion.serves_from"]},
    )
    unseen: int = pa.Field(
        ge=0,
        description="Rows whose category the reference lacks.",
        metadata={
            "unit": "rows",
            "from": ["{counted}.{categorical}", *BINNED, "{reference}.categories"],
        },
    )

    class Config:
        """A day can be profiled against several models."""

        unique: ClassVar = ["reference", "feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


GROUPS = ("structural", "environment", "other")
"""Structural features should not move, environment features move by nature."""

COMPARED = [
    "champion.serves_from",
    "feature_profile.reference",
    "feature_profile.feature",
    "feature_reference.feature",
    "feature_reference.kind",
]
"""What a contract's ``from`` says of the two profiles of a feature."""
SHARES = [
    *COMPARED,
    "feature_profile.counts",
    "feature_reference.counts",
]
MISSING = [*COMPARED, "feature_profile.missing", "feature_profile.rows"]
LIMIT = [*COMPARED[:2], "feature_reference.window_days"]
DISTANCE = [
    *LIMIT,
    "feature_reference.daily_threshold",
    "feature_reference.window_threshold",
]
RATIO = [*SHARES, *DISTANCE]
MISSING_RATIO = [
    *MISSING,
    *LIMIT,
    "feature_reference.missing",
    "feature_reference.rows",
    "feature_reference.daily_missing_threshold",
    "feature_reference.window_missing_threshold",
]
BOTH = [*RATIO, *MISSING_RATIO]


class DriftReport(Contract):
    """How far one feature's last days are from the rows that the model was trained on."""

    reference: str = pa.Field(
        description="As-of day of the model whose rows are the reference.",
        metadata={"from": ["champion.serves_from"]},
    )
    feature: str = pa.Field(
        description="Name of the feature.", metadata={"from": ["feature_reference.feature"]}
    )
    group: str = pa.Field(
        isin=GROUPS,
        description="Whether the feature moves by nature.",
        metadata={"from": ["feature_reference.feature"]},
    )
    window_days: int = pa.Field(
        ge=1, description="Days with rows.", metadata={"unit": "days", "from": COMPARED[:2]}
    )
    rows: int = pa.Field(
        ge=0,
        description="Rows in these days.",
        metadata={"unit": "rows", "from": [*COMPARED, "feature_profile.rows"]},
    )
    measure: str = pa.Field(
        isin=["ks", "js"],
        description="Measure of the distance.",
        metadata={"from": ["feature_reference.kind"]},
    )
    distance: float = pa.Field(
        nullable=True,
        ge=0,
        le=1,
        description="Distance; null where there are no values.",
        metadata={"from": SHARES},
    )
    threshold: float = pa.Field(
        gt=0, description="Distance from which it is unusual.", metadata={"from": DISTANCE}
    )
    ratio: float = pa.Field(
        nullable=True, ge=0, description="Distance over its threshold.", metadata={"from": RATIO}
    )
    psi: float = pa.Field(
        nullable=True,
        ge=0,
        description="Population stability index; null for categories.",
        metadata={"from": SHARES},
    )
    wasserstein: float = pa.Field(
        nullable=True,
        ge=0,
        description="Wasserstein distance; null for categories and for a constant reference.",
        metadata={
            "unit": "standard deviations of the reference",
            "from": [*SHARES, "feature_profile.sums", "feature_reference.sums"],
        },
    )
    missing_share: float = pa.Field(
        ge=0, le=1, description="Rows without a value.", metadata={"unit": "share", "from": MISSING}
    )
    missing_ratio: float = pa.Field(
        ge=0,
        description="Change of the missing share over its threshold.",
        metadata={"from": MISSING_RATIO},
    )
    unseen_share: float = pa.Field(
        ge=0,
        le=1,
        description="Rows whose category the reference lacks.",
        metadata={
            "unit": "share",
            "from": [*COMPARED, "feature_profile.counts", "feature_profile.rows"],
        },
    )
    is_judged: bool = pa.Field(
        description="Whether the window has the rows to tell drift from chance.",
        metadata={"from": [*COMPARED, "feature_profile.rows"]},
    )
    drifted: bool = pa.Field(
        description="Whether it is judged and one of the ratios is 1 or more.",
        metadata={"from": BOTH},
    )
    likely_cause_rank: int = pa.Field(
        ge=1, description="Place by its larger ratio, 1 is first.", metadata={"from": BOTH}
    )

    class Config:
        """A report of no feature says nothing."""

        unique: ClassVar = ["feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


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
