"""What a prediction takes by the scorer of a model and by scikit-learn, in turn on the same rows.

python -m benchmarks.scorer
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from ml_assets.learning.scorer.parity import plain_rows
from ml_assets.learning.scorer.scorer import build_scorer
from ml_assets.learning.specification import ModelSpecification, build
from ml_assets.learning.training import predict

BUDGET_MS, BUDGET_RATIO = 1.0, 3.0
ROWS, BATCH, PAIRS = 5_000, 1_000, 40
NUMERIC = tuple(f"number_{place}" for place in range(15))
CATEGORICAL = tuple(f"category_{place}" for place in range(5))
ESTIMATORS = {
    "sklearn.ensemble.HistGradientBoostingClassifier": {"max_iter": 200, "early_stopping": False},
    "sklearn.ensemble.RandomForestClassifier": {"n_estimators": 200, "min_samples_leaf": 10},
    "lightgbm.LGBMClassifier": {"n_estimators": 200},
    "xgboost.XGBClassifier": {"n_estimators": 200},
    "sklearn.linear_model.LogisticRegression": {"max_iter": 1000},
}


def main() -> int:
    """Measure, print the table, end with 1 when a scorer is over its budget."""
    print(
        "| estimator | one row: p50, ms | times scikit-learn's | 1,000 rows: p50, ms | times scikit-learn's |"
    )
    print("| --- | --- | --- | --- | --- |")
    is_over = False
    rows, labels = _rows()
    for path, hyperparameters in ESTIMATORS.items():
        specification = ModelSpecification(
            task="classification",
            estimator=path,
            label="late",
            numeric=NUMERIC,
            categorical=CATEGORICAL,
            hyperparameters={**hyperparameters, "random_state": 0},
        )
        pipeline = build(specification).fit(rows[specification.features], labels)
        scorer = build_scorer(specification, pipeline, rows.head())
        batch, plain = rows.head(BATCH), plain_rows(rows.head(BATCH))
        one, one_ratio = _paired(
            lambda number, use=scorer.of_rows, given=plain: use([given[number]]),
            lambda number, of=(specification, pipeline): predict(*of, rows.iloc[[number]]),
        )
        many, ratio = _paired(
            lambda _, use=scorer.of_frame, given=batch: use(given),
            lambda _, of=(specification, pipeline), given=batch: predict(*of, given),
        )
        is_over |= one > BUDGET_MS or ratio > BUDGET_RATIO
        name = path.rpartition(".")[2]
        print(f"| `{name}` | {one:.2f} | {one_ratio:.3f} | {many:.1f} | {ratio:.2f} |")
    print(f"| budget | {BUDGET_MS:g} | | | {BUDGET_RATIO:g} |")
    return int(is_over)


def _paired(ours: Callable[[int], object], theirs: Callable[[int], object]) -> tuple[float, float]:
    """Median milliseconds of ``ours``, and the median of the ratios of neighbouring measurements."""
    pairs = [(_timed(ours, number), _timed(theirs, number)) for number in range(PAIRS)]
    return statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)


def _timed(work: Callable[[int], object], number: int) -> float:
    started = time.perf_counter()
    work(number)
    return (time.perf_counter() - started) * 1000


def _rows() -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(ROWS, len(NUMERIC)))
    numbers[random.random(numbers.shape) < 0.05] = np.nan
    rows = pd.DataFrame(numbers, columns=list(NUMERIC))
    for place, name in enumerate(CATEGORICAL):
        values = random.integers(0, 4**place + 2, ROWS).astype(str)
        rows[name] = pd.Series(values, dtype="str").mask(random.random(ROWS) < 0.05)
    signal = np.nan_to_num(numbers[:, :3]).sum(axis=1) + random.normal(size=ROWS)
    return rows, (signal > 1).astype(int)


if __name__ == "__main__":
    sys.exit(main())
