"""The objective of an estimator, and its metrics, from its parameters."""

from collections.abc import Mapping
from typing import Any

from ml_assets.learning.metrics import METRICS
from ml_assets.learning.metrics.regression import PINBALL

QUANTILE = {
    "sklearn.ensemble.HistGradientBoostingRegressor": ("loss", "quantile", "quantile", None),
    "sklearn.ensemble.GradientBoostingRegressor": ("loss", "quantile", "alpha", 0.9),
    "lightgbm.LGBMRegressor": ("objective", "quantile", "alpha", 0.9),
    "xgboost.XGBRegressor": ("objective", "reg:quantileerror", "quantile_alpha", None),
}
"""Estimator → the parameter and value of quantile regression, the parameter and default of its
level."""

COUNTS = {("criterion", "poisson"), ("loss", "poisson"), ("objective", "poisson")} | {
    ("objective", "count:poisson")
}
"""Parameters and values of estimators of counts."""


def fitting_metrics(path: str, hyperparameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Metrics of a quantile or of counts, the main one first.

    Args:
        path: import path of the estimator.
        hyperparameters: its keyword arguments.

    Returns:
        Names of metrics; none if the estimator is fitted for something else, for which the metrics
        of the task fit.
    """
    level = _level(path, hyperparameters)
    if isinstance(level, int | float):
        name = f"{PINBALL}{round(level * 100):02d}"
        is_known = name in METRICS and abs(level * 100 - round(level * 100)) < 1e-9
        return (name, "mae") if is_known else ()
    is_of_counts = path.endswith(".PoissonRegressor") or any(
        hyperparameters.get(name) == value for name, value in COUNTS
    )
    return ("poisson_deviance", "mae", "rmse") if is_of_counts else ()


def _level(path: str, hyperparameters: Mapping[str, Any]) -> Any:
    if path.endswith(".QuantileRegressor"):
        return hyperparameters.get("quantile", 0.5)
    known = next(
        (known for name, known in QUANTILE.items() if _is_same(path, name)), ("", "", "", None)
    )
    objective, value, name, default = known
    return hyperparameters.get(name, default) if hyperparameters.get(objective) == value else None


def _is_same(path: str, name: str) -> bool:
    """Whether a path names a class, whose module may be a private one."""
    return (
        path.partition(".")[0] == name.partition(".")[0]
        and path.rpartition(".")[2] == (name.rpartition(".")[2])
    )
