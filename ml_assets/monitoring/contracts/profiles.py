"""Contracts of feature references and feature profiles.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, made

NAMED = ["{reference}.feature", "{reference}.kind"]
"""What a contract's ``from`` says of bins: nothing but for a profile, which takes a reference's."""
BINNED = [*NAMED, "{champion}.serves_from"]
COUNTED = ["{counted}.{features}", "{dataset}.split", *NAMED]
IN_BINS = [*COUNTED, *BINNED, "{reference}.edges", "{reference}.categories"]
SUMMED = ["{counted}.{numeric}", "{dataset}.split", *BINNED, "{reference}.edges"]
BY_DAY = ["training_dataset.{features}", "training_dataset.split", "training_dataset.feature_day"]


class _Counted(Contract):
    """One feature's values, counted by bin."""

    feature: str = made("Name of the feature.", ["{reference}.feature"])
    kind: str = made("How it is binned.", ["{reference}.kind"], isin=["numeric", "categorical"])
    rows: int = made("Rows counted.", ["{dataset}.split"], unit="rows", ge=0)
    missing: int = made("Rows where it is null or infinite.", COUNTED, unit="rows", ge=0)
    counts: str = made(
        "Rows in each bin, a JSON list; the last bin of a categorical feature holds "
        "the categories that the reference lacks.",
        IN_BINS,
        unit="rows",
    )
    sums: str = made(
        "Sum of the values in each bin, a JSON list; empty for a categorical feature.",
        SUMMED,
        unit="the feature's",
    )


class FeatureReference(_Counted):
    """One feature of the rows a model was trained on, and how much its days differ by nature."""

    edges: str = made(
        "Bin edges, a JSON list of values of the reference from its smallest to its "
        "largest; empty for a categorical feature and for one without a value.",
        ["training_dataset.{numeric}", "training_dataset.split"],
        unit="the feature's",
    )
    categories: str = made(
        "Categories of the reference, a JSON list; empty for a numeric feature.",
        ["training_dataset.{categorical}", "training_dataset.split"],
    )
    window_days: int = made(
        "Days of the windows that were calibrated.",
        ["training_dataset.feature_day", "training_dataset.split"],
        unit="days",
        ge=1,
    )
    daily_threshold: float = made("Distance from which a day is unusual.", BY_DAY, gt=0)
    window_threshold: float = made("Distance from which a window is unusual.", BY_DAY, gt=0)
    daily_missing_threshold: float = made(
        "Change of the missing share from which a day is unusual.", BY_DAY, unit="share", gt=0
    )
    window_missing_threshold: float = made(
        "Change of the missing share from which a window is unusual.", BY_DAY, unit="share", gt=0
    )

    class Config:
        """A model has features."""

        unique: ClassVar = ["feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class FeatureProfile(_Counted):
    """One feature of a day's rows, in the bins of a reference."""

    reference: str = made(
        "As-of day of the model whose rows are the reference.", ["champion.serves_from"]
    )
    unseen: int = made(
        "Rows whose category the reference lacks.",
        ["{counted}.{categorical}", *BINNED, "{reference}.categories"],
        unit="rows",
        ge=0,
    )

    class Config:
        """A day can be profiled against several models."""

        unique: ClassVar = ["reference", "feature"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
