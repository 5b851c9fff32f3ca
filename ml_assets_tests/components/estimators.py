"""Factories of estimators and a label that is a count, for pipelines of tests."""

from collections.abc import Sequence

import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from ml_assets_tests.components.shop import weights


def forest(trees: int = 20) -> RandomForestRegressor:
    """A forest, which the default preprocessing prepares columns for."""
    return RandomForestRegressor(n_estimators=trees, random_state=0, min_samples_leaf=5)


def boosted_mean(trees: int = 20) -> Pipeline:
    """A Pipeline with its own preprocessing, and a vote of boosters of both libraries."""
    from lightgbm import LGBMRegressor
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import VotingRegressor
    from sklearn.preprocessing import OneHotEncoder
    from xgboost import XGBRegressor

    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["region"]),
        remainder="passthrough",
    )
    vote = VotingRegressor(
        [
            ("lightgbm", LGBMRegressor(n_estimators=trees, random_state=0)),
            ("xgboost", XGBRegressor(n_estimators=trees, random_state=0)),
        ]
    )
    return Pipeline([("columns", columns), ("vote", vote)])


def counts(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Weights of orders as whole numbers from 0."""
    found = weights(days, raw=raw)
    return found.assign(weight=found["weight"].round().clip(lower=0))
