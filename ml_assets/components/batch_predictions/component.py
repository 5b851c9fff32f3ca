"""Template: predictions of each day by its champion, the labels that arrive, and performance."""

from dataclasses import replace

import dagster as dg
import pandas as pd

from ml_assets.components.batch_predictions.collected import CollectedPredictions
from ml_assets.components.batch_predictions.labels import LabelStage
from ml_assets.components.batch_predictions.logged import LoggedPredictions
from ml_assets.components.batch_predictions.predictions import Predictions
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.contracts.contract import Contract, columns, dtype
from ml_assets.contracts.derived import logged_contract, may_be_empty
from ml_assets.errors import ConfigurationError
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.learning.predictions import prediction_columns
from ml_assets.names import suggestion
from ml_assets.online.prediction_log.rows import Logged


class BatchPredictions(ModelPart[BatchPredictionsConfiguration]):
    """Predictions, labels and performance."""

    configuration = BatchPredictionsConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and their checks."""
        del context
        this, contracts = self.pipeline, self.contracts
        dataset = contracts.training_dataset
        copied = this.feature_columns(dataset)
        times = PredictionTimes(
            this.calendar, this.lead, self.config.predicted_at, self.config.target_time
        )
        refuse_other_types(this.name, times, dataset)
        is_logged = self.config.serving.predictions == "log"
        batch = Predictions(this, contracts.predictions, copied, dataset, times)
        labels = LabelStage(this, contracts.predictions, contracts.labels, only_predicted=is_logged)
        return dg.Definitions.merge(
            self._collected(times) if is_logged else batch.definitions(), labels.definitions()
        )

    def _collected(self, times: PredictionTimes) -> dg.Definitions:
        """The assets that collect what services answered."""
        this, predictions = self.pipeline, may_be_empty(self.contracts.predictions)
        shown = dict.fromkeys([*this.join_keys, *this.segments])
        predicted = prediction_columns(this.specification.classes)
        logged = logged_contract(Logged, predictions, [*shown], predicted)
        request = self.config.serving.request
        knows_target = request is None or times.target_time in columns(load_contract(request))
        of_request = replace(
            times, predicted_at="at", target_time=times.target_time if knows_target else None
        )
        return dg.Definitions.merge(
            LoggedPredictions(this, logged, of_request).definitions(),
            CollectedPredictions(this, predictions, logged).definitions(),
        )


def refuse_other_types(pipeline: str, times: PredictionTimes, dataset: type[Contract]) -> None:
    """Refuse columns of times that the features do not have, or that contain no time.

    Args:
        pipeline: name of the pipeline.
        times: the times of a prediction.
        dataset: contract of the training dataset, which has all columns of the features.

    Raises:
        ConfigurationError: there is one.
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


def _is_moment(found: object) -> bool:
    return isinstance(found, pd.DatetimeTZDtype)
