"""Scoring rows with a model, for batch scoring and services.

A prediction is identified by its day and its key, so that rescoring a row replaces its prediction,
and labels that arrive weeks later can be joined.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.learning.horizon import IS_REPLAYED
from ml_assets.learning.predictions import with_predictions
from ml_assets.learning.scorer.scorer import Scorer

PREDICTION_ID = "prediction_id"


def with_late_rows(stored: pd.DataFrame | None, scored: pd.DataFrame) -> pd.DataFrame:
    """The predictions of a day: stored predictions stay, those of late rows are added.

    Args:
        stored: stored predictions of the day; None for none.
        scored: predictions of all current rows of the day.

    Returns:
        The rows of ``stored`` unchanged, and the other rows of ``scored``. These are late unless they
        are predicted before the time that is predicted.
    """
    if stored is None:
        return scored.assign(is_late=False)
    late = scored[~are_of(scored, stored)]
    if late.empty:
        return stored
    return pd.concat(
        [stored, late.assign(is_late=late[IS_REPLAYED])[list(stored.columns)]], ignore_index=True
    )


def are_of(rows: pd.DataFrame, predictions: pd.DataFrame) -> pd.Series:
    """(n,) whether each row is of one of some predictions; pandas looks up Arrow texts one by one."""
    return rows[PREDICTION_ID].astype("object").isin(predictions[PREDICTION_ID].astype("object"))


def prediction_ids(rows: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """(n,) identifiers from day and key, independent of the other rows.

    Args:
        rows: (n, …) rows with ``ds`` and the key columns.
        key: columns that identify a row.
    """
    values = zip(*(rows[column].map(str) for column in key), strict=True)
    return pd.Series(identified(rows[DAY], values), index=rows.index, dtype="str")


def identified(days: Iterable[str], keys: Iterable[Iterable[object]]) -> list[str]:
    """Identifiers of rows of plain values, equal to those of ``prediction_ids``.

    Args:
        days: (n,) day of each row.
        keys: (n,) values of its key columns.
    """
    texts = np.array(["\x1f".join(map(str, values)) for values in keys], dtype=object)
    hashes = pd.util.hash_array(texts, categorize=False)
    return [f"{day}-{value:016x}" for day, value in zip(days, hashes, strict=True)]


def score(
    scorer: Scorer,
    features: pd.DataFrame,
    *,
    key: Sequence[str],
    segments: Sequence[str],
) -> pd.DataFrame:
    """Predictions for feature rows, with identifiers and segments.

    Args:
        scorer: the scorer of the model.
        features: (n, …) rows with ``ds``, the key, the segments and the model's input columns.
        key: columns that identify a row.
        segments: segment columns.

    Returns:
        (n, …) ``ds``, ``prediction_id``, key and segment columns, and the columns of the
        predictions, see ``predictions``.
    """
    rows = identified_rows(features, key, segments)
    return with_predictions(rows, scorer.of_frame(features), scorer.specification.classes)


def identified_rows(
    features: pd.DataFrame, key: Sequence[str], segments: Sequence[str]
) -> pd.DataFrame:
    """(n, …) ``ds``, ``prediction_id``, key and segment columns of feature rows, see ``score``."""
    kept = list(dict.fromkeys([DAY, *key, *segments]))
    return features[kept].assign(**{PREDICTION_ID: prediction_ids(features, key)})
