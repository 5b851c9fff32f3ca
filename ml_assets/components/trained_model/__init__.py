"""Template: from features and labels to a training dataset, a model, its evaluation and reference."""

from ml_assets.components.trained_model.component import TrainedModel

__all__ = ["TrainedModel"]
