"""Template: predictions of each day by its champion, the labels that arrive, and performance."""

import dagster as dg
import pandas as pd

from ml_assets.components.batch_predictions.labels import LabelStage
from ml_assets.components.batch_predictions.predictions import Predictions
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.contracts.contract import Contract, columns, dtype
from ml_assets.errors import ConfigurationError
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.names import suggestion


class BatchPredictions(ModelPart[BatchPredictionsConfiguration]):
    """Predictions, labels and performance."""

    configuration = BatchPredictionsConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The three assets and their checks."""
        del context
        this, contracts = self.pipeline, self.contracts
        dataset = contracts.training_dataset
        copied = this.feature_columns(dataset)
        times = PredictionTimes(
            this.calendar, this.lead, self.config.predicted_at, self.config.target_time
        )
        refuse_other_types(this.name, times, dataset)
        return dg.Definitions.merge(
            Predictions(this, contracts.predictions, copied, dataset, times).definitions(),
            LabelStage(this, contracts.predictions, contracts.labels).definitions(),
        )


def refuse_other_types(pipeline: str, times: PredictionTimes, dataset: type[Contract]) -> None:
    """Refuse columns of times that the features do not have, or that contain no time.

    Args:
        pipeline: name of the pipeline.
        times: the times of a prediction.
        dataset: contract of the training dataset, which has all columns of the features.

    Raises:
        ConfigurationError: there is one, or rows would be predicted after what they predict.
    """
    known = columns(dataset)
    moments = [name for name, column in known.items() if _is_moment(dtype(column))]
    for key, name in (("predicted_at", times.predicted_at), ("target_time", times.target_time)):
        if name and name not in moments:
            what = "no time with a time zone" if name in known else "no column of the features"
            raise ConfigurationError(
                f"'{key}' of {pipeline} in defs.yaml names '{name}', which is {what}."
                f"{suggestion(name, moments)}"
            )

    if times.predicted_at and not times.target_time and not times.lead:
        raise ConfigurationError(
            f"'predicted_at' of {pipeline} in defs.yaml names '{times.predicted_at}', but its features read "
            "the partition itself, whose start is predicted unless 'target_time' says more: "
            "'horizon_hours' would be negative. Name the column with the time that is predicted as "
            "'target_time'."
        )


def _is_moment(found: object) -> bool:
    return isinstance(found, pd.DatetimeTZDtype)
