"""Predictions of other models as features: the function of a ``ChainedFeatures`` table.

A model that is trained with the prediction of another one must see in training what it will get later:
predictions of rows that the other model was not trained on, as they were known at the time. These are
the other model's stored predictions. A day's predictions are made by the champion of that day, whose
labels were all known before the day began, from features of that day; so it does not matter when they
were computed, and predictions of a replay of history (``is_replayed``) count like any others.

A prediction is not used, and its value is missing, if

- it is late (``is_late``): its row came after its day was predicted, and after what it predicts; or
- it was known after the time ``cut`` of the row that would use it. It was known ``horizon_hours`` before
  the time that it predicts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.errors import MergeError

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.learning.horizon import HORIZON
from ml_assets.learning.predictions import PREDICTION

IS_LATE = "is_late"

Joined = Mapping[str, Mapping[str, str]]
"""Column of a prediction → column of the features → column of the predictions with equal values."""


def chained(
    days: Sequence[str],
    *,
    features: pd.DataFrame,
    joined: Joined,
    cut: str | None = None,
    targets: Mapping[str, str] | None = None,
    **predictions: pd.DataFrame,
) -> pd.DataFrame:
    """The rows of a feature table with the predictions of other models for them.

    Args:
        days: partitions to compute.
        features: (n, …) rows with ``ds``.
        joined: by which columns the predictions are found, besides the partition.
        cut: column of the features with the time at which all of a row is known; None if the
            predictions of a partition exist before any of its rows is used.
        targets: column of a prediction → column of the predictions with the time that is predicted, of
            the predictions that are compared with ``cut``.
        predictions: column → predictions of a model, with the partition of the features as ``ds``.

    Raises:
        ConfigurationError: a row has several predictions of a model.
    """
    rows = features[features[DAY].isin(days)].reset_index(drop=True)
    known_by = rows[cut] if cut else None
    found = {
        column: _found(
            rows, of_model, column, joined[column], known_by, (targets or {}).get(column)
        )
        for column, of_model in predictions.items()
    }
    return rows.assign(**found)


def source_rows(
    row: pd.Series,
    *,
    features: pd.DataFrame,
    joined: Joined,
    cut: str | None = None,
    targets: Mapping[str, str] | None = None,
    **others: object,
) -> dict[str, pd.DataFrame]:
    """The rows that ``chained`` made one row from, for ``ml-assets trace``.

    Args:
        row: a row of its result.
        features: this and all other arguments as there.
        joined: see ``chained``.
        cut: see ``chained``.
        targets: see ``chained``.
        others: see ``chained``.

    Returns:
        input → its rows that were used, with ``used_for``.
    """
    predictions = {name: one for name, one in others.items() if isinstance(one, pd.DataFrame)}
    found = {
        column: _equal(
            _in_time(of_model, (targets or {}).get(column), row[cut] if cut else None),
            {theirs: row[own] for own, theirs in joined[column].items()},
        )
        for column, of_model in predictions.items()
    }
    own = {str(name): row[name] for name in features.columns}
    of_row = {"features": _equal(features, own), **found}
    uses = {"features": "the row itself"} | {name: f"its {name}" for name in found}
    return {name: rows.assign(used_for=uses[name]) for name, rows in of_row.items()}


def _in_time(predictions: pd.DataFrame, target: str | None, cut: object) -> pd.DataFrame:
    """Predictions that are not late, and are known at a time if they are compared with it."""
    if predictions.empty:
        return predictions
    known = predictions[~predictions[IS_LATE].astype(bool)]
    return known[_known_at(known, target) <= cut] if target and cut is not None else known


def _known_at(predictions: pd.DataFrame, target: str) -> pd.Series:
    """(n,) time at which the features of each prediction were known."""
    return predictions[target] - pd.to_timedelta(predictions[HORIZON], unit="h")


def _found(  # noqa: PLR0917
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    column: str,
    joined: Mapping[str, str],
    known_by: pd.Series | None,
    target: str | None,
) -> pd.Series:
    """(n,) prediction of each row; missing where it has none that was known."""
    if predictions.empty:
        return pd.Series(float("nan"), rows.index)
    names = {theirs: own for own, theirs in joined.items()}
    in_time = _in_time(predictions, None, None)
    known = in_time[[DAY, *names]].rename(columns=names)
    known[PREDICTED] = in_time[PREDICTION].astype(float)
    if target:
        known[KNOWN_AT] = _known_at(in_time, target)
    own = [DAY, *joined]
    try:
        found = rows[own].merge(known, how="left", on=own, validate="many_to_one")
    except MergeError:
        raise ConfigurationError(
            f"'predictions.{column}': rows have several predictions with equal {', '.join(joined)}. "
            "Name all columns under 'join_keys' that identify a prediction within a partition."
        ) from None
    if target and known_by is not None:
        return found[PREDICTED].where(found[KNOWN_AT] <= known_by)
    return found[PREDICTED]


PREDICTED, KNOWN_AT = "<predicted>", "<known at>"
"""Columns while tables are joined; no column of a table has such a name."""


def _equal(rows: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Rows with these values."""
    if rows.empty:
        return rows
    same = pd.Series(True, rows.index)
    for name, value in values.items():
        same &= rows[name].isna() if pd.isna(value) else rows[name] == value
    return rows[same]
