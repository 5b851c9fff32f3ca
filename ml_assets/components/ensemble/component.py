"""Template: an ensemble of other pipelines' champions, evaluated, released and monitored like a model."""

import dagster as dg

from ml_assets.components.batch_predictions import BatchPredictions
from ml_assets.components.configured import folder_of
from ml_assets.components.ensemble.composition import Composition
from ml_assets.components.ensemble.members import MemberStage
from ml_assets.components.model_release import ModelRelease
from ml_assets.components.monitoring import Monitoring
from ml_assets.components.pipeline.members import member_pipelines
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.components.trained_model import TrainedModel
from ml_assets.configuration.ensemble.section import EnsembleConfiguration

PARTS = (ModelRelease, BatchPredictions, Monitoring)


class Ensemble(ModelPart[EnsembleConfiguration]):
    """Composition, release, predictions and monitoring of an ensemble."""

    configuration = EnsembleConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of the ensemble, their checks and sensors."""
        config = self.config
        members = member_pipelines(config, folder_of(context))
        composition = Composition(
            self.pipeline,
            self.contracts.training_dataset,
            config.dataset,
            config.max_missing_share,
            members,
        )
        return dg.Definitions.merge(
            TrainedModel(config).with_training(composition),
            MemberStage(self.pipeline, members).definitions(),
            *(part(config).build(context) for part in PARTS),
        )
