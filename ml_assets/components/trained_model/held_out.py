"""The rows of a training dataset that a model was not fitted on."""

import pandas as pd

from ml_assets.lake.integrity import verified_rows
from ml_assets.learning.dataset import SPLIT, test_rows
from ml_assets.planning.plan import Plan


def held_out_rows(planned: Plan, day: str) -> pd.DataFrame:
    """Validation and test rows of the dataset of an as-of day.

    Raises:
        LakeMismatch: the stored dataset was changed.
        TrainingError: no label of the test window was known when the day began.
    """
    dataset = verified_rows(planned.windows["dataset"], day)
    test_rows(dataset)  # raises without test rows
    return dataset[dataset[SPLIT] != "train"]
