"""The templates: how tables, features and models become assets. They know no pipeline."""

from ml_assets.components.feature_table import FeatureTable
from ml_assets.components.model_pipeline import ModelPipeline
from ml_assets.components.new_days import NewDays
from ml_assets.components.source_table import SourceTable

__all__ = ["FeatureTable", "ModelPipeline", "NewDays", "SourceTable"]
