"""The rows a model may learn from: what was known when the as-of day began, split by time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.cadence import shifted, start_of
from ml_assets.content import DAY
from ml_assets.errors import TrainingError

FEATURE_DAY = "feature_day"
SHOWN_DAYS = 5
"""Missing days that a refusal names."""
SPLIT = "split"


@dataclass(frozen=True)
class Windows:
    """How the days before an as-of day are used.

    Attributes:
        window_days: days looked back on in all.
        validation_days: days before the test window, never fitted.
        test_days: last days whose labels can be known, never fitted.
        label_delay_days: days by which labels arrive later than ``known_at`` says; the test
            window ends as many days before the as-of day.
    """

    window_days: int
    validation_days: int
    test_days: int
    label_delay_days: int = 0

    @property
    def held_out_days(self) -> int:
        """Days before an as-of day that no model of that day is fitted on."""
        return self.label_delay_days + self.test_days + self.validation_days

    def split_of(self, feature_days: pd.Series, as_of: str) -> np.ndarray:
        """(n,) 'train', 'validation' or 'test' by the day of each row."""
        test_from = shifted(as_of, -(self.label_delay_days + self.test_days))
        validation_from = shifted(as_of, -self.held_out_days)
        return np.select(
            [feature_days >= test_from, feature_days >= validation_from],
            ["test", "validation"],
            "train",
        )


def training_dataset(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    key: Sequence[str],
    label: str,
    known_at: str,
    as_of: str,
    as_of_start: datetime,
    windows: Windows,
) -> pd.DataFrame:
    """Join features with the labels that were known when the as-of day began.

    Args:
        features: feature rows with ``ds``, at least those of the window.
        labels: label rows with ``ds``, the label and when it was known.
        key: columns that identify a row in both.
        label: label column.
        known_at: column that says when the label was known.
        as_of: the as-of day.
        as_of_start: its first moment; a label that arrives then or later is not used.
        windows: how many days are looked back on, and how they are split.

    Returns:
        One row per feature row with a known label; ``ds`` is the as-of day.
    """
    first = shifted(as_of, -windows.window_days)
    seen = features[(features[DAY] >= first) & (features[DAY] < as_of)]
    arrived_at = labels[known_at] + pd.Timedelta(days=windows.label_delay_days)
    known = labels.loc[arrived_at < as_of_start, [*key, label, known_at]]
    rows = seen.merge(known, on=list(key), how="inner", validate="one_to_one")
    rows[FEATURE_DAY] = rows[DAY]
    rows[SPLIT] = pd.Series(windows.split_of(rows[DAY], as_of), index=rows.index, dtype="str")
    rows[DAY] = as_of
    return rows


@dataclass(frozen=True)
class DatasetSpecification:
    """What a training dataset is made from and how, described by data.

    Attributes:
        features: table of the features.
        labels: table of the labels.
        key: columns that identify a row in both.
        label: label column.
        known_at: column that says when the label was known.
        timezone: whose midnights begin an as-of day.
        windows: how the days before an as-of day are used.
        contract: dotted path of the dataset's contract.
    """

    features: str
    labels: str
    key: Sequence[str]
    label: str
    known_at: str
    timezone: str
    windows: Windows
    contract: str

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> "DatasetSpecification":
        """The specification whose fields were kept as JSON."""
        return cls(
            **{**values, "key": tuple(values["key"]), "windows": Windows(**values["windows"])}
        )

    @property
    def label_columns(self) -> list[str]:
        """Columns that are read of the labels."""
        return [DAY, *self.key, self.label, self.known_at]

    def build(self, features: pd.DataFrame, labels: pd.DataFrame, as_of: str) -> pd.DataFrame:
        """The dataset of an as-of day, see ``training_dataset``."""
        return training_dataset(
            features,
            labels,
            key=self.key,
            label=self.label,
            known_at=self.known_at,
            as_of=as_of,
            as_of_start=start_of(as_of, self.timezone),
            windows=self.windows,
        )


def refuse_gaps(days: Sequence[str], usable: Collection[str], max_share: float) -> None:
    """Refuse a window in which too many days are missing.

    Args:
        days: the days of the window that were asked for, whatever became of them.
        usable: days that have rows to learn from.
        max_share: share of ``days`` that may be missing.

    Raises:
        TrainingError: more of them are; it names the first ones and what helps.
    """
    missing = [day for day in days if day not in usable]
    if len(missing) > max_share * len(days):
        shown = ", ".join(missing[:SHOWN_DAYS])
        raise TrainingError(
            f"{len(missing)} of the {len(days)} days to learn from are missing or not usable "
            f"({shown}{', …' if len(missing) > SHOWN_DAYS else ''}), and no more than "
            f"{max_share:.0%} may be: repair and materialize them, or raise "
            "'max_missing_days_share' in defs.yaml"
        )


def test_rows(dataset: pd.DataFrame) -> pd.DataFrame:
    """The rows of a dataset that models are judged on.

    Raises:
        TrainingError: there is none.
    """
    test = dataset[dataset[SPLIT] == "test"]
    if test.empty:
        raise TrainingError(
            "no label of the test window was known when the as-of day began: materialize features "
            "and labels of the days before it, or take a later day"
        )
    return test


def split_counts(dataset: pd.DataFrame) -> dict[str, int]:
    """Rows of each split, named for people."""
    return {f"{split} rows": int(count) for split, count in dataset[SPLIT].value_counts().items()}
