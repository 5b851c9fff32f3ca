"""The default preprocessing of the input columns, chosen by the kind of the estimator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

COLUMNS = "columns"
"""Step that encodes categories and leaves numbers as they are."""

PREPARED = "prepared"
"""Step that also fills missing numbers."""

TEXT = "text "
"""Begin of the name of each part of a step that encodes a column of free text."""

TREES = (
    "lightgbm.",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._hist_gradient_boosting",
    "sklearn.tree.",
    "xgboost.",
)
"""Modules of estimators that split on single columns, for which scaling changes nothing."""

MIN_FREQUENCY = 20
"""Number of training rows below which a category counts as rare."""


def preprocessing(
    estimator: Any, numeric: Sequence[str], categorical: Sequence[str], text: Sequence[str] = ()
) -> "tuple[str, ColumnTransformer]":
    """Name and transformer of the first step of a model.

    Categorical columns come first in its result, so that estimators can tell them by position.

    - Trees that accept missing values: categories become ordinal numbers, numbers stay.
    - Other trees: the same, and missing values are filled.
    - All other estimators: categories become indicator columns; numbers are filled and scaled.

    For all of them a column of free text becomes a fixed number of columns, see ``texts``; they are
    the last ones.

    Args:
        estimator: an estimator of scikit-learn, or one that follows its conventions.
        numeric: numeric input columns.
        categorical: text input columns that are categories.
        text: input columns with free text.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    from ml_assets.learning.texts import text_encoder

    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    encoder: Any
    numbers: Any
    if not _is_tree(estimator):
        name, numbers = PREPARED, make_pipeline(filled, StandardScaler())
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=MIN_FREQUENCY, sparse_output=False
        )
    else:
        is_complete = _accepts_missing(estimator)
        name, numbers = (COLUMNS, "passthrough") if is_complete else (PREPARED, filled)
        missing = float("nan") if is_complete else -1
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=missing,
            encoded_missing_value=missing,
            min_frequency=MIN_FREQUENCY,
        )
    return name, ColumnTransformer(
        [
            ("categorical", encoder, list(categorical)),
            ("numeric", numbers, list(numeric)),
            *((f"{TEXT}{place}", text_encoder(), column) for place, column in enumerate(text)),
        ],
        verbose_feature_names_out=False,
    )


def _is_tree(estimator: Any) -> bool:
    """Whether an estimator consists of trees; a linear booster of XGBoost does not."""
    modules = [cls.__module__ + "." for cls in type(estimator).__mro__]
    is_linear = getattr(estimator, "booster", None) == "gblinear"
    return any(module.startswith(TREES) for module in modules) and not is_linear


def _accepts_missing(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).input_tags.allow_nan)
