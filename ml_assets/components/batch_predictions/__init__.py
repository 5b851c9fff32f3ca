"""Template: what the champion of a day predicts, the labels that arrive, and how good it was."""

from ml_assets.components.batch_predictions.component import BatchPredictions

__all__ = ["BatchPredictions"]
