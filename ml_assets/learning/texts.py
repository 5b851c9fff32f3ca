"""Columns of free text as numbers, which the default preprocessing passes to an estimator.

The words of a text are hashed into ``HASHED`` columns, weighted by how rare they are in training
(tf-idf), and reduced to ``COMPONENTS`` dense columns by a singular value decomposition (latent
semantic analysis). No vocabulary is learned, so no text can fail: missing text counts as empty, and
a text without words, or with words that training did not see, is a row of small numbers or zeros.
A text has at most the length 1 before the decomposition, so the columns need no scaling.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

HASHED = 4096
"""Number of columns of hashed words. Words may share one; of the frequent ones, some hundreds, few do."""

COMPONENTS = 32
"""Number of columns that a text becomes."""

LEAST_SINGULAR_VALUE = 1e-9
"""Share of the largest singular value below which a component is rounding error."""


def text_encoder() -> "Pipeline":
    """An unfitted encoder of one text column, which it takes as a series."""
    return make_pipeline(
        FunctionTransformer(without_missing),
        HashingVectorizer(n_features=HASHED, alternate_sign=False, norm=None),
        TfidfTransformer(),
        LatentSemantics(COMPONENTS, random_state=0),
    )


def without_missing(texts: pd.Series) -> pd.Series:
    """The texts, empty where they are missing."""
    return texts.astype("object").where(texts.notna(), "")


class LatentSemantics(TruncatedSVD):  # type: ignore[misc]
    """A ``TruncatedSVD`` that is the same at every fit and has the same size for any rows.

    It computes on one thread, as the number of threads changes the last bits of a result. If the
    rows have fewer components than wanted, the others are zero instead of rounding errors.
    """

    components_: np.ndarray

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:  # noqa: N803
        """Fit on the rows of a matrix, and transform them."""
        with threadpool_limits(1, user_api="blas"), np.errstate(invalid="ignore"):
            super().fit_transform(X, y)
        least = LEAST_SINGULAR_VALUE * self.singular_values_.max()
        found = self.components_[self.singular_values_ > least]
        self.components_ = np.pad(found, ((0, self.n_components - len(found)), (0, 0)))
        return np.asarray(self.transform(X))
