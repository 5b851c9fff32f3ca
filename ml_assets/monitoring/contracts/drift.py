"""Contract of drift reports; the lists contain source columns, see ``contracts.lineage``."""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, computed

PREDICTED = "prediction"
"""Group of the predicted class, which is compared like a feature."""

CALENDAR = "calendar"
"""Group of features that move with the date, and never count as drifted."""

GROUPS = ("structural", "environment", CALENDAR, "other", PREDICTED)
"""Structural features should be stable; environment features, such as weather, vary naturally."""

COMPARED = [
    "champion.serves_from",
    "feature_profile.reference",
    "feature_profile.feature",
    "feature_reference.feature",
    "feature_reference.kind",
]
"""Source columns of the two profiles of a feature."""
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
    """Distance of one feature's last days from the training rows of the model."""

    reference: str = computed(
        "As-of day of the model whose training rows are the reference.", ["champion.serves_from"]
    )
    feature: str = computed("Name of the feature.", ["feature_reference.feature"])
    group: str = computed(
        "Group of the feature: structural, environment, calendar, other, or prediction.",
        ["feature_reference.feature"],
        isin=GROUPS,
    )
    window_days: int = computed("Number of days with rows.", COMPARED[:2], unit="days", ge=1)
    rows: int = computed("Number of rows.", [*COMPARED, "feature_profile.rows"], unit="rows", ge=0)
    measure: str = computed(
        "Measure of the distance.", ["feature_reference.kind"], isin=["ks", "js"]
    )
    distance: float = computed("Distance; null without values.", SHARES, nullable=True, ge=0, le=1)
    threshold: float = computed("Least distance that counts as drift.", DISTANCE, gt=0)
    ratio: float = computed("Distance divided by its threshold.", RATIO, nullable=True, ge=0)
    psi: float = computed(
        "Population stability index; null for categories.", SHARES, nullable=True, ge=0
    )
    wasserstein: float = computed(
        "Wasserstein distance; null for categories and for a constant reference.",
        [*SHARES, "feature_profile.sums", "feature_reference.sums"],
        unit="standard deviations of the reference",
        nullable=True,
        ge=0,
    )
    missing_share: float = computed("Rows without a value.", MISSING, unit="share", ge=0, le=1)
    missing_ratio: float = computed(
        "Change of the missing share divided by its threshold.", MISSING_RATIO, ge=0
    )
    unseen_share: float = computed(
        "Rows whose category the reference lacks.",
        [*COMPARED, "feature_profile.counts", "feature_profile.rows"],
        unit="share",
        ge=0,
        le=1,
    )
    is_judged: bool = computed(
        "Whether the window has enough rows to judge drift.",
        [*COMPARED, "feature_profile.rows"],
    )
    drifted: bool = computed(
        "Whether it is judged, no feature of the calendar, and one of the ratios is 1 or more.",
        BOTH,
    )
    likely_cause_rank: int = computed(
        "Rank of the feature by the larger of its two ratios; 1 has drifted most, the calendar is last.",
        BOTH,
        ge=1,
    )

    class Config:
        """Never empty."""

        unique: ClassVar = ["feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
