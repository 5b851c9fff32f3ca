"""Template: trains and evaluates a model as of any day, on data known when that day began."""

import dagster as dg

from ml_assets.components.pipeline.part import ModelPart
from ml_assets.components.trained_model.reference import ReferenceStage
from ml_assets.components.trained_model.training import Training
from ml_assets.configuration.pipeline import TrainedModelConfiguration


class TrainedModel(ModelPart[TrainedModelConfiguration]):
    """Training dataset, model, evaluation and reference."""

    configuration = TrainedModelConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The four assets and their checks."""
        del context
        config = self.config
        config.evaluation.of_task(config.estimator.task)
        training = Training(
            self.pipeline,
            self.contracts.training_dataset,
            config.dataset,
            config.max_missing_share,
        )
        reference = ReferenceStage(self.pipeline, config.drift_partitions)
        return dg.Definitions.merge(training.definitions(), reference.definitions())
