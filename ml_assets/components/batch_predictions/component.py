"""Template: predictions of each day by its champion, the labels that arrive, and performance."""

from collections.abc import Sequence
from dataclasses import replace

import dagster as dg
import pandas as pd

from ml_assets.components.batch_predictions.collected import CollectedPredictions
from ml_assets.components.batch_predictions.ensembles import EnsemblePredictions
from ml_assets.components.batch_predictions.labels import LabelStage
from ml_assets.components.batch_predictions.logged import LoggedPredictions
from ml_assets.components.batch_predictions.predictions import Predictions
from ml_assets.components.configured import folder_of
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.parts import BatchPredictionsConfiguration, is_logged
from ml_assets.configuration.serving.request_features import request_features
from ml_assets.contracts.contract import Contract, columns, dtype
from ml_assets.contracts.logged import logged_contract, may_be_empty
from ml_assets.errors import ConfigurationError
from ml_assets.learning.ensembles.columns import ensemble_fields
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.learning.predictions import prediction_columns
from ml_assets.names import suggestion
from ml_assets.online.prediction_log.rows import Logged


class BatchPredictions(ModelPart[BatchPredictionsConfiguration]):
    """Predictions, labels and performance."""

    configuration = BatchPredictionsConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and their checks."""
        this, contracts = self.pipeline, self.contracts
        dataset = contracts.training_dataset
        copied = this.feature_columns(dataset)
        times = PredictionTimes(
            this.calendar, this.lead, self.config.predicted_at, self.config.target_time
        )
        refuse_other_types(this.name, times, dataset)
        request_features(self.config, folder_of(context) / "defs.yaml")
        from_log = is_logged(self.config)
        of_rows = this, contracts.predictions, copied, dataset, times
        batch = (
            EnsemblePredictions(*of_rows, self.config.prediction_limits)
            if isinstance(self.config, EnsembleConfiguration)
            else Predictions(*of_rows)
        )
        labels = LabelStage(
            this,
            contracts.predictions,
            contracts.labels,
            skips_unpredicted=from_log or batch.may_refuse,
        )
        return dg.Definitions.merge(
            self._collected(times) if from_log else batch.definitions(), labels.definitions()
        )

    def _collected(self, times: PredictionTimes) -> dg.Definitions:
        """The assets that collect what services answered."""
        this, predictions = self.pipeline, may_be_empty(self.contracts.predictions)
        shown = dict.fromkeys([*this.join_keys, *this.segments])
        predicted = prediction_columns(this.specification.classes)
        refuse_columns_of_log(this.name, [*shown])
        is_ensemble = isinstance(self.config, EnsembleConfiguration)
        how = [*ensemble_fields()] if is_ensemble else []
        logged = logged_contract(Logged, predictions, [*shown], predicted, of_ensemble=how)
        request = self.config.serving.request
        knows_target = request is None or times.target_time in columns(load_contract(request))
        of_request = replace(
            times, predicted_at="at", target_time=times.target_time if knows_target else None
        )
        return dg.Definitions.merge(
            LoggedPredictions(this, logged, of_request, is_ensemble).definitions(),
            CollectedPredictions(this, predictions, logged).definitions(),
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
            "the partition itself. Without 'target_time' the start of the partition is predicted, so "
            "'horizon_hours' would be negative. Name the column with the time that is predicted as "
            "'target_time'."
        )


def refuse_columns_of_log(pipeline: str, names: Sequence[str]) -> None:
    """Refuse key and segment columns that the logged predictions have for something else.

    Args:
        pipeline: name of the pipeline.
        names: key and segment columns.

    Raises:
        ConfigurationError: there is one.
    """
    if taken := [name for name in names if name in columns(Logged)]:
        raise ConfigurationError(
            f"'predictions: log' of {pipeline} in defs.yaml cannot be used: {', '.join(taken)} is a key or "
            "a segment, and a column of the logged predictions. Give it another name in the features."
        )


def _is_moment(found: object) -> bool:
    return isinstance(found, pd.DatetimeTZDtype)
