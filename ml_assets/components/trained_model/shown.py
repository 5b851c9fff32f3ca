"""What the UI shows about an evaluation."""

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets.components.pipeline.output import markdown_table
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification
from ml_assets.reports.plots import as_markdown, evaluation_plots


def plots_of(
    specification: ModelSpecification, dataset: pd.DataFrame, predictions: np.ndarray
) -> dg.MetadataValue:
    """Plots of the predictions of the test rows.

    Args:
        specification: specification of the model.
        dataset: (n, …) held-out rows with ``split`` and the label.
        predictions: (n, …) their predictions.
    """
    is_test = (dataset[SPLIT] == "test").to_numpy()
    labels, classes = dataset.loc[is_test, specification.label], specification.classes
    plots = evaluation_plots(specification.task, labels, predictions[is_test], classes=classes)
    return dg.MetadataValue.md(as_markdown(plots))


def metrics_table(evaluation: pd.DataFrame) -> dg.MetadataValue:
    """The metrics of the test rows of an evaluation."""
    columns = ["segment_column", "segment", "metric", "value", "low", "high", "rows"]
    return markdown_table(evaluation.loc[evaluation[SPLIT] == "test", columns])
