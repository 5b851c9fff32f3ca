"""Contract of drift reports.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract

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
