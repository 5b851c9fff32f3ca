"""Contracts of feature references and feature profiles.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, computed

NAMED = ["{reference}.feature", "{reference}.kind"]
"""Source columns of the bins, which a profile takes from a reference."""
BINNED = [*NAMED, "{champion}.serves_from"]
OF_PREDICTION = ["{of_prediction}"]
"""Source column of the predicted class, which is counted like a feature."""
COUNTED = ["{counted}.{features}", "{dataset}.split", *OF_PREDICTION, *NAMED]
IN_BINS = [*COUNTED, *BINNED, "{reference}.edges", "{reference}.categories"]
SUMMED = [
    "{counted}.{numeric}",
    "{counted}.{text}",
    "{dataset}.split",
    *BINNED,
    "{reference}.edges",
]
BY_DAY = [
    "training_dataset.{features}",
    "training_dataset.split",
    "training_dataset.feature_day",
    *OF_PREDICTION,
]


class _Counted(Contract):
    """Values of one feature, counted by bin."""

    feature: str = computed("Name of the feature.", ["{reference}.feature"])
    kind: str = computed(
        "Kind of bins.", ["{reference}.kind"], isin=["numeric", "categorical", "text"]
    )
    rows: int = computed("Number of rows.", ["{dataset}.split", *OF_PREDICTION], unit="rows", ge=0)
    missing: int = computed("Rows with a null or infinite value.", COUNTED, unit="rows", ge=0)
    counts: str = computed(
        "Rows in each bin, a JSON list; the last bin of a categorical feature counts "
        "the categories that the reference lacks.",
        IN_BINS,
        unit="rows",
    )
    sums: str = computed(
        "Sum of the values in each bin, a JSON list; empty for a categorical feature.",
        SUMMED,
        unit="unit of the feature, of text characters",
    )


class FeatureReference(_Counted):
    """Profile of one feature in a model's training rows, with drift thresholds."""

    edges: str = computed(
        "Bin edges, a JSON list of values of the reference, of text its lengths, from the smallest "
        "to the largest; empty for a categorical feature and for one without values.",
        ["training_dataset.{numeric}", "training_dataset.{text}", "training_dataset.split"],
        unit="the feature's, of text characters",
    )
    categories: str = computed(
        "Categories of the reference, a JSON list; empty for a numeric feature and for text.",
        ["training_dataset.{categorical}", "training_dataset.split", *OF_PREDICTION],
    )
    window_days: int = computed(
        "Days of a window in the calibration of thresholds.",
        ["training_dataset.feature_day", "training_dataset.split"],
        unit="days",
        ge=1,
    )
    daily_threshold: float = computed("Drift threshold of the distance of a day.", BY_DAY, gt=0)
    window_threshold: float = computed("Drift threshold of the distance of a window.", BY_DAY, gt=0)
    daily_missing_threshold: float = computed(
        "Drift threshold of the change of a day's missing share.", BY_DAY, unit="share", gt=0
    )
    window_missing_threshold: float = computed(
        "Drift threshold of the change of a window's missing share.", BY_DAY, unit="share", gt=0
    )

    class Config:
        """Never empty."""

        unique: ClassVar = ["feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class FeatureProfile(_Counted):
    """Profile of one feature in a day's rows, in the bins of a reference."""

    reference: str = computed(
        "As-of day of the model whose training rows are the reference.", ["champion.serves_from"]
    )
    unseen: int = computed(
        "Rows whose category the reference lacks.",
        ["{counted}.{categorical}", *OF_PREDICTION, *BINNED, "{reference}.categories"],
        unit="rows",
        ge=0,
    )

    class Config:
        """A day can be profiled in the bins of several models; one without rows has no profile."""

        unique: ClassVar = ["reference", "feature"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}
