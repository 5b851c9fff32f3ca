"""Template: a whole model pipeline: training, release, predictions and monitoring of one model.

A preset of four templates that refer to each other by asset keys only. Each can be used alone.
"""

import dagster as dg

from ml_assets.components.batch_predictions import BatchPredictions
from ml_assets.components.model_release import ModelRelease
from ml_assets.components.monitoring import Monitoring
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.components.scaffolder import PipelineScaffolder
from ml_assets.components.trained_model import TrainedModel
from ml_assets.configuration.parts import PipelineConfiguration

PARTS = (TrainedModel, ModelRelease, BatchPredictions, Monitoring)


@dg.scaffold_with(PipelineScaffolder)
class ModelPipeline(ModelPart[PipelineConfiguration]):
    """Training, release, predictions and monitoring of one model."""

    configuration = PipelineConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of the pipeline, their checks and sensors."""
        return dg.Definitions.merge(*(part(self.config).build(context) for part in PARTS))
