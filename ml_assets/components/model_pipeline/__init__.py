"""Template: a model that is trained, released, scored, watched and retrained, as assets and sensors."""

from ml_assets.components.model_pipeline.component import ModelPipeline

__all__ = ["ModelPipeline"]
