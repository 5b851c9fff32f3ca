"""Metrics that fit quantiles and counts follow from the parameters of the estimator."""

from typing import Any

import pytest

from ml_assets.configuration.defaults import with_fitting_metrics
from ml_assets.learning.objectives import fitting_metrics

BOOSTING = "sklearn.ensemble.HistGradientBoostingRegressor"


@pytest.mark.parametrize(
    ("path", "parameters", "main"),
    [
        pytest.param(BOOSTING, {"loss": "quantile", "quantile": 0.9}, "pinball_p90", id="sklearn"),
        pytest.param(
            "sklearn.ensemble.GradientBoostingRegressor",
            {"loss": "quantile"},
            "pinball_p90",
            id="default of sklearn's older boosting",
        ),
        pytest.param("sklearn.linear_model.QuantileRegressor", {}, "pinball_p50", id="median"),
        pytest.param(
            "lightgbm.LGBMRegressor",
            {"objective": "quantile", "alpha": 0.05},
            "pinball_p05",
            id="LightGBM",
        ),
        pytest.param(
            "xgboost.XGBRegressor",
            {"objective": "reg:quantileerror", "quantile_alpha": 0.29},
            "pinball_p29",
            id="XGBoost",
        ),
        pytest.param(BOOSTING, {"loss": "poisson"}, "poisson_deviance", id="counts"),
        pytest.param("sklearn.linear_model.PoissonRegressor", {}, "poisson_deviance", id="linear"),
        pytest.param(
            "xgboost.XGBRegressor", {"objective": "count:poisson"}, "poisson_deviance", id="trees"
        ),
        pytest.param(BOOSTING, {}, None, id="mean"),
        pytest.param(
            BOOSTING, {"loss": "quantile", "quantile": 0.975}, None, id="no whole percent"
        ),
        pytest.param(BOOSTING, {"loss": "quantile", "quantile": "x"}, None, id="not a number"),
    ],
)
def test_main_metric_fits_the_objective(
    path: str, parameters: dict[str, Any], main: str | None
) -> None:
    assert next(iter(fitting_metrics(path, parameters)), None) == main


def test_configured_metrics_stay() -> None:
    values = {
        "estimator": {"path": BOOSTING, "hyperparameters": {"loss": "poisson"}},
        "evaluation": {"metrics": ["mae"]},
    }

    assert with_fitting_metrics(values) == values


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"estimator": "HistGradientBoostingRegressor"}, id="a text"),
        pytest.param({"estimator": {"path": 3, "hyperparameters": []}}, id="other types"),
        pytest.param({"estimator": {"path": BOOSTING}, "evaluation": "mae"}, id="no section"),
    ],
)
def test_values_that_are_refused_later_stay(values: Any) -> None:
    assert with_fitting_metrics(values) == values
