"""Training datasets: the labelled rows that were known when the as-of day began, split by time."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.errors import TrainingError
from ml_assets.learning.predictions import class_numbers
from ml_assets.learning.specification import Classes

log = logging.getLogger(__name__)

FEATURE_DAY = "feature_day"
MAX_LISTED = 5
"""Largest number of missing days, or of unknown classes, that a message lists."""
MAX_UNKNOWN_CLASSES = 0.05
"""Largest share of rows whose label is none of the classes; the same as for arrived labels."""
SPLIT = "split"


@dataclass(frozen=True)
class Windows:
    """Training, validation and test windows before an as-of day, in partitions of as-of days.

    Attributes:
        window_days: length of all windows together.
        validation_days: length of the window before the test window, never used for fitting.
        test_days: length of the last window whose labels can be known, never used for fitting.
        label_delay_days: time by which labels arrive later than ``known_at``; the test window ends
            as long before the as-of day.
    """

    window_days: int
    validation_days: int
    test_days: int
    label_delay_days: int = 0

    @property
    def held_out_days(self) -> int:
        """Partitions before an as-of day that are not used for fitting."""
        return self.label_delay_days + self.test_days + self.validation_days

    def split_of(self, feature_days: pd.Series, as_of: str, calendar: Calendar) -> np.ndarray:
        """(n,) 'train', 'validation' or 'test' by the partition of each row."""
        test_from = calendar.shifted(as_of, -(self.label_delay_days + self.test_days))
        validation_from = calendar.shifted(as_of, -self.held_out_days)
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
    calendar: Calendar,
    windows: Windows,
    label_delay: timedelta,
) -> pd.DataFrame:
    """Join features with the labels that were known when the as-of day began.

    Args:
        features: feature rows with ``ds``, at least those of the window.
        labels: label rows with ``ds``, key, label and ``known_at``.
        key: columns that identify a row in both.
        label: label column.
        known_at: column with the time at which the label was known; may belong to the key.
        as_of: the as-of day.
        calendar: partitions of as-of days.
        windows: training, validation and test windows.
        label_delay: time by which labels arrive later than ``known_at``; labels that arrive after
            the start of the as-of day are not used.

    Returns:
        One row per feature row with a known label; ``ds`` is the as-of day.
    """
    first = calendar.shifted(as_of, -windows.window_days)
    seen = features[(features[DAY] >= first) & (features[DAY] < as_of)]
    arrived_at = labels[known_at] + label_delay
    used = [*dict.fromkeys([*key, label, known_at])]
    known = labels.loc[arrived_at < calendar.start_of(as_of), used]
    rows = seen.merge(known, on=list(key), how="inner", validate="one_to_one")
    rows[FEATURE_DAY] = rows[DAY]
    rows[SPLIT] = pd.Series(
        windows.split_of(rows[DAY], as_of, calendar), index=rows.index, dtype="str"
    )
    rows[DAY] = as_of
    return rows


@dataclass(frozen=True)
class DatasetSpecification:
    """Specification of a training dataset.

    Attributes:
        features: name of the feature table.
        labels: name of the label table.
        key: columns that identify a row in both.
        label: label column.
        known_at: column with the time at which the label was known.
        timezone: time zone of the as-of days.
        windows: training, validation and test windows.
        contract: dotted path of the dataset's contract.
        cadence: cadence of the as-of days.
        label_delay_hours: hours by which labels arrive later than ``known_at``.
        classes: classes of a multiclass task; empty for other tasks.
    """

    features: str
    labels: str
    key: Sequence[str]
    label: str
    known_at: str
    timezone: str
    windows: Windows
    contract: str
    cadence: Cadence = Cadence.DAILY
    label_delay_hours: int = 0
    classes: Classes = ()

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "DatasetSpecification":
        """The specification from its fields as JSON; older records have the delay in days only."""
        windows = Windows(**values["windows"])
        fields = {
            "label_delay_hours": 24 * windows.label_delay_days,
            **values,
            "key": tuple(values["key"]),
            "windows": windows,
            "cadence": Cadence(values.get("cadence", Cadence.DAILY)),
            "classes": tuple(values.get("classes", ())),
        }
        return cls(**fields)

    @property
    def label_columns(self) -> list[str]:
        """Columns to read from the label table."""
        return [*dict.fromkeys([DAY, *self.key, self.label, self.known_at])]

    def build(self, features: pd.DataFrame, labels: pd.DataFrame, as_of: str) -> pd.DataFrame:
        """The dataset of an as-of day: the labelled rows, without those of unknown classes.

        Raises:
            TrainingError: too many labels are none of the classes.
        """
        return self.of_known_classes(self.labelled(features, labels, as_of))

    def labelled(self, features: pd.DataFrame, labels: pd.DataFrame, as_of: str) -> pd.DataFrame:
        """All labelled rows of an as-of day, see ``training_dataset``."""
        return training_dataset(
            features,
            labels,
            key=self.key,
            label=self.label,
            known_at=self.known_at,
            as_of=as_of,
            calendar=Calendar(self.cadence, self.timezone),
            windows=self.windows,
            label_delay=timedelta(hours=self.label_delay_hours),
        )

    def of_known_classes(self, labelled: pd.DataFrame) -> pd.DataFrame:
        """The rows whose label is one of the classes, see ``known_classes``."""
        return known_classes(labelled, self.label, self.classes) if self.classes else labelled


def known_classes(rows: pd.DataFrame, label: str, classes: Classes) -> pd.DataFrame:
    """The rows whose label is one of the classes; the others are counted in the log.

    Args:
        rows: (n, …) rows with the label.
        label: label column.
        classes: the classes.

    Raises:
        TrainingError: more than ``MAX_UNKNOWN_CLASSES`` of the labels are none of the classes.
    """
    is_known = class_numbers(rows[label], classes) >= 0
    if is_known.all():
        return rows
    unknown = rows.loc[~is_known, label]
    counts = unknown.astype("object").where(unknown.notna(), "(none)").value_counts()
    listed = ", ".join(f"{name} ({count})" for name, count in counts.head(MAX_LISTED).items())
    found = f"{len(unknown)} of {len(rows)} labels are none of the classes: {listed}"
    if len(unknown) > MAX_UNKNOWN_CLASSES * len(rows):
        raise TrainingError(
            f"{found}; at most {MAX_UNKNOWN_CLASSES:.0%} may be. Add them to 'classes' of "
            "'estimator' in defs.yaml, or correct the labels"
        )
    log.warning(f"{found}; their rows are left out")
    return rows[is_known]


def refuse_gaps(days: Sequence[str], usable: Collection[str], max_share: float) -> None:
    """Refuse a window with too many missing days.

    Args:
        days: all days of the window.
        usable: days with rows to train on.
        max_share: largest share of ``days`` that may be missing.

    Raises:
        TrainingError: more days are missing.
    """
    missing = [day for day in days if day not in usable]
    if len(missing) > max_share * len(days):
        shown = ", ".join(missing[:MAX_LISTED])
        raise TrainingError(
            f"{len(missing)} of the {len(days)} days to train on are missing or not usable "
            f"({shown}{', …' if len(missing) > MAX_LISTED else ''}), more than the allowed "
            f"{max_share:.0%}: repair and materialize them, or raise "
            "'max_missing_share' in defs.yaml"
        )


def test_rows(dataset: pd.DataFrame) -> pd.DataFrame:
    """The test rows of a dataset.

    Raises:
        TrainingError: there are none.
    """
    test = dataset[dataset[SPLIT] == "test"]
    if test.empty:
        raise TrainingError(
            "no label of the test window was known when the as-of day began: materialize features "
            "and labels of the days before it, or choose a later day"
        )
    return test


def split_counts(dataset: pd.DataFrame) -> dict[str, int]:
    """Number of rows of each split, as metadata."""
    return {f"{split} rows": int(count) for split, count in dataset[SPLIT].value_counts().items()}
