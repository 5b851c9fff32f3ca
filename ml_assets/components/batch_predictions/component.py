"""Template: predictions of each day by its champion, the labels that arrive, and performance."""

import dagster as dg

from ml_assets.components.batch_predictions.labels import LabelStage
from ml_assets.components.batch_predictions.predictions import Predictions
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.configuration.pipeline import BatchPredictionsConfiguration


class BatchPredictions(ModelPart[BatchPredictionsConfiguration]):
    """Predictions, labels and performance."""

    configuration = BatchPredictionsConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The three assets and their checks."""
        del context
        this, contracts = self.pipeline, self.contracts
        columns = this.feature_columns(contracts.training_dataset)
        return dg.Definitions.merge(
            Predictions(this, contracts.predictions, columns).definitions(),
            LabelStage(this, contracts.predictions, contracts.labels).definitions(),
        )
