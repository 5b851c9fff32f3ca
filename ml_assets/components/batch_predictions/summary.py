"""What the UI shows about the predictions of a day."""

import pandas as pd

from ml_assets.learning.horizon import IS_REPLAYED
from ml_assets.learning.predictions import PREDICTION
from ml_assets.learning.specification import Classes


def prediction_summary(predictions: pd.DataFrame, classes: Classes) -> dict[str, float | int | str]:
    """Metadata of a day of predictions.

    Args:
        predictions: (n, …) predictions of the day.
        classes: classes of a multiclass task; empty for other tasks.
    """
    predictions = predictions[predictions[PREDICTION].notna()]  # the others were refused
    return {
        **_values(predictions, classes),
        "model as of": str(predictions["model_as_of"].iloc[0]) if len(predictions) else "",
        "late rows": int(predictions["is_late"].sum()),
        "replayed rows": int(predictions[IS_REPLAYED].sum()),
    }


def _values(predictions: pd.DataFrame, classes: Classes) -> dict[str, float]:
    """Mean prediction, or the share of the rows that is predicted to be of each class."""
    if not classes:
        return {"mean prediction": float(predictions[PREDICTION].mean())}
    shares = predictions[PREDICTION].value_counts(normalize=True)
    return {f"predicted share of {name}": float(shares.get(name, 0)) for name in classes}
