"""A small, fast model and training data."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification
from ml_assets_tests.learning import elsewhere


@pytest.fixture
def specification() -> ModelSpecification:
    """Gradient boosting of a few trees on one text and two number columns."""
    return ModelSpecification(
        task="classification",
        estimator="sklearn.ensemble.HistGradientBoostingClassifier",
        label="late",
        numeric=["minute", "delay"],
        categorical=["carrier"],
        hyperparameters={"max_iter": 5, "random_state": 0, "early_stopping": False},
    )


@pytest.fixture
def dataset() -> pd.DataFrame:
    """400 rows of three splits, with missing values and a rare carrier."""
    random = np.random.default_rng(0)
    count = 400
    delay = np.where(random.random(count) < 0.1, np.nan, random.integers(-10, 60, count))
    carriers = np.where(np.arange(count) == 0, "rare", random.choice(["UA", "DL"], count))
    return pd.DataFrame(
        {
            "ds": "2013-07-08",
            "carrier": pd.Series(carriers, dtype="str"),
            "minute": random.integers(300, 1400, count),
            "delay": delay,
            "late": (np.nan_to_num(delay) + random.normal(0, 10, count) > 30).astype("int64"),
            "amount": random.random(count),
            SPLIT: np.repeat(["train", "validation", "test"], [300, 50, 50]),
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """An empty model store."""
    return ModelStore(tmp_path / "models")


@pytest.fixture(scope="session")
def trained_elsewhere() -> Iterator[elsewhere.Train]:
    """Trains models in other processes."""
    with elsewhere.trained_elsewhere() as train:
        yield train
