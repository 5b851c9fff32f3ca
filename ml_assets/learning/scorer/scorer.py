"""The scorer of a model: predictions of plain values, equal to those of its scikit-learn pipeline.

A row has the same prediction, bit for bit, alone and among others. A pipeline with a part that is
not known here is served by scikit-learn itself, and the scorer says why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.learning.scorer.arithmetic import normalized
from ml_assets.learning.scorer.linear import is_linear, linear
from ml_assets.learning.scorer.preprocessing import compiled
from ml_assets.learning.scorer.trees import Predict, is_of_trees, is_of_xgboost, trees
from ml_assets.learning.scorer.values import Columns, NotSupported, columns_of, numbers
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TREELITE, NUMPY, XGBOOST, SCIKIT_LEARN = "treelite", "numpy", "xgboost", "scikit-learn"
"""What computes predictions."""


@dataclass(frozen=True)
class Scorer:
    """Predicts like a fitted pipeline.

    Attributes:
        specification: specification of the model.
        served_by: what computes the predictions, such as ``TREELITE``.
        reason: why that is scikit-learn, as the end of a sentence; otherwise empty.
        compute: from the values of n > 0 rows by column, and n, to (n,) or (n, k) predictions.
    """

    specification: ModelSpecification
    served_by: str
    reason: str
    compute: Callable[[Columns, int], np.ndarray]

    @property
    def is_exact(self) -> bool:
        """Whether a row has the same prediction alone and among others in its last bit."""
        return not self.reason

    def of_rows(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The predictions of rows of plain values.

        Args:
            rows: n rows, input column → number, text, bool, or None or NaN for a missing value.

        Returns:
            (n,) probabilities of the positive class or predicted numbers; (n, k) of k classes.

        Raises:
            ContractViolation: a row lacks a column, or a value is unusable.
        """
        return self._of(columns_of(rows, self.specification.features), len(rows))

    def of_frame(self, rows: pd.DataFrame) -> np.ndarray:
        """The predictions of (n, …) rows of a data frame, like ``of_rows``."""
        return self._of(rows[list(self.specification.features)], len(rows))

    def _of(self, columns: Columns, count: int) -> np.ndarray:
        if count:
            return np.asarray(self.compute(columns, count), dtype=float)
        classes = self.specification.classes
        return np.empty((0, len(classes)) if classes else 0)


def build_scorer(
    specification: ModelSpecification, pipeline: "Pipeline", example: pd.DataFrame
) -> Scorer:
    """The scorer of a fitted pipeline.

    Args:
        specification: specification of the model.
        pipeline: the fitted pipeline.
        example: some rows of its training, whose types scikit-learn gets rows in.
    """
    try:
        return _compiled(specification, pipeline)
    except NotSupported as reason:

        def compute(columns: Columns, _: int) -> np.ndarray:
            frame = (
                columns
                if isinstance(columns, pd.DataFrame)
                else _typed(specification, columns, example)
            )
            return predict(specification, pipeline, frame)

        return Scorer(specification, SCIKIT_LEARN, str(reason), compute)


def _compiled(specification: ModelSpecification, pipeline: "Pipeline") -> Scorer:
    *steps, estimator = [step for _, step in pipeline.steps]
    served_by = _library(estimator)
    _refuse_classes(specification, estimator)
    prepared = compiled(steps, specification)
    predictor: Callable[..., Predict] = linear if served_by == NUMPY else trees
    function = predictor(estimator, prepared.names)
    has_classes = bool(specification.classes)

    def compute(columns: Columns, count: int) -> np.ndarray:
        found = function(prepared.matrix(columns, count))
        return normalized(np.asarray(found, dtype=float)) if has_classes else found

    return Scorer(specification, served_by, "", compute)


def _library(estimator: Any) -> str:
    if is_linear(estimator):
        return NUMPY
    if is_of_trees(estimator):
        return XGBOOST if is_of_xgboost(estimator) else TREELITE
    raise NotSupported(f"{type(estimator).__name__} is known to scikit-learn alone")


def _refuse_classes(specification: ModelSpecification, estimator: Any) -> None:
    if specification.task == "regression":
        return
    found, expected = len(estimator.classes_), len(specification.classes) or 2
    if found != expected:
        raise NotSupported(f"it has {found} classes, not {expected}")


def _typed(
    specification: ModelSpecification, columns: Columns, example: pd.DataFrame
) -> pd.DataFrame:
    """Plain values in the types of the rows that the pipeline was fitted on."""
    return pd.DataFrame(
        {name: _series(name, columns[name], example[name].dtype) for name in specification.features}
    )


def _series(name: str, values: Any, dtype: Any) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(dtype):
        return pd.Series(list(values), dtype=dtype)
    found = pd.Series(numbers(name, values))
    with np.errstate(invalid="ignore"):
        typed = found if found.isna().any() else found.astype(dtype)
    return typed if (typed == found).all() else found
