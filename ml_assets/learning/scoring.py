"""Scoring rows with a model: the one function that batch scoring and services share.

A prediction is identified by its day and its key, so that scoring a row again replaces its
prediction, and a label that comes weeks later finds it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.content import DAY
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PREDICTION_ID = "prediction_id"


def with_late_rows(made: pd.DataFrame | None, scored: pd.DataFrame) -> pd.DataFrame:
    """The predictions of a day: those that were made stay, rows that came since are added.

    Args:
        made: predictions that the day has already; None for a day that is scored for the first
            time.
        scored: predictions of all rows that the day has now.

    Returns:
        The rows of ``made`` as they are, and the others of ``scored`` with ``is_late`` set.
    """
    if made is None:
        return scored.assign(is_late=False)
    late = scored[~scored[PREDICTION_ID].isin(made[PREDICTION_ID])]
    if late.empty:
        return made
    return pd.concat([made, late.assign(is_late=True)[list(made.columns)]], ignore_index=True)


def prediction_ids(rows: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """(n,) identifiers, the same for a row whether it is scored alone or among others.

    Args:
        rows: (n, …) rows with ``ds`` and the key columns.
        key: columns that identify a row.
    """
    text = rows[key[0]].map(str).astype("str")
    for column in key[1:]:
        text = text + "\x1f" + rows[column].map(str).astype("str")
    hashes = pd.util.hash_array(text.to_numpy(dtype=object), categorize=False)
    return (
        rows[DAY].astype("str")
        + "-"
        + pd.Series([f"{value:016x}" for value in hashes], index=rows.index, dtype="str")
    )


def score(
    specification: ModelSpecification,
    pipeline: "Pipeline",
    features: pd.DataFrame,
    *,
    key: Sequence[str],
    segments: Sequence[str],
) -> pd.DataFrame:
    """Predictions for feature rows, with what identifies and what segments them.

    Args:
        specification: the model's.
        pipeline: the fitted model.
        features: (n, …) rows with ``ds``, the key, the segments and the model's input columns.
        key: columns that identify a row.
        segments: columns that performance is cut by.

    Returns:
        (n, …) ``ds``, ``prediction_id``, key and segment columns, ``prediction``.
    """
    kept = list(dict.fromkeys([DAY, *key, *segments]))
    return features[kept].assign(
        **{
            PREDICTION_ID: prediction_ids(features, key),
            "prediction": predict(specification, pipeline, features) if len(features) else [],
        }
    )
