"""Template: trains and evaluates a model as of any day, on data known when that day began."""

import logging

import dagster as dg

from ml_assets.components.pipeline.part import ModelPart
from ml_assets.components.trained_model.reference import ReferenceStage
from ml_assets.components.trained_model.training import Training
from ml_assets.configuration.parts import TrainedModelConfiguration
from ml_assets.configuration.reachable import unreachable

log = logging.getLogger(__name__)


class TrainedModel(ModelPart[TrainedModelConfiguration]):
    """Training dataset, model, evaluation and reference."""

    configuration = TrainedModelConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The four assets and their checks."""
        del context
        config = self.config
        return self.with_training(
            Training(
                self.pipeline,
                self.contracts.training_dataset,
                config.dataset,
                config.max_missing_share,
            )
        )

    def with_training(self, training: Training) -> dg.Definitions:
        """The four assets and their checks, with the given stage of training."""
        config = self.config
        config.evaluation.of_task(config.estimator.task)
        for problem in unreachable(config):
            log.warning(f"{config.pipeline}: {problem}")
        reference = ReferenceStage(self.pipeline, config.drift_partitions)
        return dg.Definitions.merge(training.definitions(), reference.definitions())
