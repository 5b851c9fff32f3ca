"""Templates that define tables, features and models as assets, independent of any pipeline."""

from ml_assets.components.batch_predictions import BatchPredictions
from ml_assets.components.chained_features import ChainedFeatures
from ml_assets.components.defaults import Defaults
from ml_assets.components.ensemble import Ensemble
from ml_assets.components.feature_table import FeatureTable
from ml_assets.components.model_pipeline import ModelPipeline
from ml_assets.components.model_release import ModelRelease
from ml_assets.components.monitoring import Monitoring
from ml_assets.components.new_days import NewDays
from ml_assets.components.source_table import SourceTable
from ml_assets.components.trained_model import TrainedModel

__all__ = [
    "BatchPredictions",
    "ChainedFeatures",
    "Defaults",
    "Ensemble",
    "FeatureTable",
    "ModelPipeline",
    "ModelRelease",
    "Monitoring",
    "NewDays",
    "SourceTable",
    "TrainedModel",
]
