"""Template: an ensemble of other pipelines' champions, evaluated, released and monitored like a model."""

import dagster as dg

from ml_assets.components.batch_predictions import BatchPredictions
from ml_assets.components.configured import folder_of
from ml_assets.components.ensemble.composition import Composition
from ml_assets.components.model_release import ModelRelease
from ml_assets.components.monitoring import Monitoring
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.trained_model import TrainedModel
from ml_assets.configuration.ensembles import EnsembleConfiguration
from ml_assets.configuration.models import pipeline

PARTS = (ModelRelease, BatchPredictions, Monitoring)


class Ensemble(ModelPart[EnsembleConfiguration]):
    """Composition, release, predictions and monitoring of an ensemble."""

    configuration = EnsembleConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of the ensemble, their checks and sensors."""
        config, file = self.config, folder_of(context) / "defs.yaml"
        members = {
            name: PipelineContext.of(pipeline(member.pipeline, file))
            for name, member in config.ensemble.members.items()
        }
        composition = Composition(
            self.pipeline,
            self.contracts.training_dataset,
            config.dataset,
            config.max_missing_share,
            members,
        )
        return dg.Definitions.merge(
            TrainedModel(config).with_training(composition),
            *(part(config).build(context) for part in PARTS),
        )
