"""The templates: how tables, features and models become assets. They know no pipeline."""

from ml_assets.components.feature_table import FeatureTable
from ml_assets.components.source_table import SourceTable
from ml_assets.components.training import TrainingPipeline

__all__ = ["FeatureTable", "SourceTable", "TrainingPipeline"]
