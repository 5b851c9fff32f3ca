"""Template: predictions of each day by its champion, the labels that arrive, and performance."""

from ml_assets.components.batch_predictions.component import BatchPredictions

__all__ = ["BatchPredictions"]
