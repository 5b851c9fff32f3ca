"""Linear models in numpy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.learning.scorer.arithmetic import in_order, softmax
from ml_assets.learning.scorer.values import NotSupported, refuse_infinite, refuse_missing

REGRESSORS = frozenset(
    {
        "ARDRegression",
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearRegression",
        "LinearSVR",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "QuantileRegressor",
        "Ridge",
        "RidgeCV",
        "SGDRegressor",
        "TheilSenRegressor",
    }
)
"""Estimators that predict a weighted sum."""

OF_COUNTS = frozenset({"GammaRegressor", "PoissonRegressor"})
"""Estimators that predict the exponential of a weighted sum."""

CLASSIFIERS = frozenset({"LogisticRegression", "LogisticRegressionCV"})


@dataclass(frozen=True)
class Linear:
    """A linear model.

    Attributes:
        names: names of the m inputs, for messages.
        weights: (m, k) a column for each sum.
        intercepts: (k,)
        link: from (n, k) sums to what is predicted: (n,), or (n, k) probabilities.
    """

    names: Sequence[str]
    weights: np.ndarray
    intercepts: np.ndarray
    link: Callable[[np.ndarray], np.ndarray]

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        """(n,) predictions, or (n, k) probabilities, of (n, m) numbers.

        Raises:
            ContractViolation: a number is missing or infinite.
        """
        refuse_missing(self.names, matrix)
        refuse_infinite(self.names, matrix)
        sums = [
            in_order(matrix * weights) if len(weights) else np.zeros(len(matrix))
            for weights in self.weights.T
        ]
        return self.link(np.stack(sums, axis=1) + self.intercepts)


def is_linear(estimator: Any) -> bool:
    """Whether an estimator is a linear model that is computed here."""
    module, name = type(estimator).__module__, type(estimator).__name__
    is_known = name in REGRESSORS | OF_COUNTS | CLASSIFIERS or name == "TweedieRegressor"
    return module.startswith(("sklearn.linear_model.", "sklearn.svm.")) and is_known


def linear(estimator: Any, names: Sequence[str]) -> Linear:
    """A fitted linear model.

    Args:
        estimator: the model.
        names: names of its inputs, for messages.

    Raises:
        NotSupported: it predicts several numbers.
    """
    name = type(estimator).__name__
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=float)).T
    intercepts = np.ravel(np.asarray(estimator.intercept_, dtype=float))
    if name in CLASSIFIERS:
        return Linear(names, weights, intercepts, softmax if weights.shape[1] > 1 else _logistic)
    if weights.shape[1] != 1:
        raise NotSupported(f"{name} predicts several numbers")
    is_exponential = name in OF_COUNTS or (name == "TweedieRegressor" and _has_log_link(estimator))
    return Linear(names, weights, intercepts, _exponential if is_exponential else _identity)


def _has_log_link(estimator: Any) -> bool:
    return bool(estimator.link == "log" or (estimator.link == "auto" and estimator.power > 0))


def _identity(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0]


def _exponential(sums: np.ndarray) -> np.ndarray:
    return np.exp(np.ascontiguousarray(sums[:, 0]))


def _logistic(sums: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(np.ascontiguousarray(sums[:, 0])))
