"""Contracts of feature references and feature profiles.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract

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
