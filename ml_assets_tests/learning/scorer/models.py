"""Models of every kind that is scored, and rows that try them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ml_assets.learning.scorer.scorer import Scorer, build_scorer
from ml_assets.learning.specification import ModelSpecification, build

SIZES = ("small", "large", "medium")

BASE = ModelSpecification(
    task="classification",
    estimator="",
    label="late",
    numeric=("minute", "delay", "is_holiday", "nothing"),
    categorical=("carrier", "origin"),
    hyperparameters={"random_state": 0},
)
TASKS: Mapping[str, Mapping[str, Any]] = {
    "classification": {},
    "multiclass": {"task": "multiclass", "label": "size", "classes": SIZES},
    "regression": {"task": "regression", "label": "amount"},
    "counts": {"task": "regression", "label": "count"},
}


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows with missing values, rare categories, booleans, and a column without any value."""
    random = np.random.default_rng(seed)
    delay = np.where(random.random(count) < 0.1, np.nan, random.normal(10, 20, count))
    carrier = random.choice(["UA", "DL", "AA", "rare"], count, p=[0.4, 0.3, 0.29, 0.01])
    known = np.nan_to_num(delay)
    return pd.DataFrame(
        {
            "carrier": pd.Series(carrier, dtype="str").mask(random.random(count) < 0.1),
            "origin": pd.Series(random.choice(["JFK", "EWR"], count), dtype="str"),
            "minute": random.integers(300, 1400, count),
            "delay": delay,
            "is_holiday": random.random(count) < 0.1,
            "nothing": np.nan,
            "late": (known + random.normal(0, 10, count) > 20).astype("int64"),
            "size": np.select([known < 5, known < 20], SIZES[:2], SIZES[2]),
            "amount": known * 100 + random.normal(0, 10, count),
            "count": random.poisson(np.exp(known / 30)),
        }
    )


TRAINING, HELD_OUT = rows(600), rows(300, seed=1)


def specified(estimator: str, task: str, **hyperparameters: Any) -> ModelSpecification:
    """The specification of a model for a task."""
    numbers = BASE.numeric[:-1] if "HistGradient" in estimator else BASE.numeric
    seed = {} if estimator.endswith(WITHOUT_SEED) else BASE.hyperparameters
    return replace(
        BASE,
        **TASKS[task],
        estimator=estimator,
        numeric=numbers,  # gradient boosting of histograms cannot be fitted without any value
        hyperparameters={**seed, **hyperparameters},
    )


WITHOUT_SEED = (
    "GammaRegressor",
    "HuberRegressor",
    "KNeighborsRegressor",
    "LinearRegression",
    "PoissonRegressor",
    "QuantileRegressor",
    "TweedieRegressor",
)


def fitted(specification: ModelSpecification, pipeline: Pipeline | None = None) -> Pipeline:
    """A fitted model; of a pipeline of one's own if there is one."""
    labels = TRAINING[specification.label]
    if specification.classes:
        labels = pd.Index(specification.classes).get_indexer(pd.Index(labels))
    unfitted = build(specification) if pipeline is None else pipeline
    return unfitted.fit(TRAINING[specification.features], labels)


def scorer_of(specification: ModelSpecification, pipeline: Pipeline) -> Scorer:
    """Its scorer."""
    return build_scorer(specification, pipeline, TRAINING[specification.features].head(50))
