"""Configuration of the four parts of a model pipeline, each of which may stand alone, and of the whole."""

from typing import Any, Self

from pydantic import Field, model_validator

from ml_assets.configuration.defaults import with_fitting_segments
from ml_assets.configuration.model_sections import CardConfiguration, MonitoringSection
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import Name
from ml_assets.configuration.serving.section import Serving
from ml_assets.durations import Age
from ml_assets.registry.integration import StagingRules
from ml_assets.release.rules import ReleaseRules


class TrainedModelConfiguration(ModelConfiguration):
    """Training dataset, model, evaluation, reference.

    Attributes:
        max_missing_share: maximum share of the window's partitions that are quarantined, skipped or
            otherwise not usable, 0 to 1. A table with rows on weekdays only misses 29 %, unless its
            contract says so with ``empty_on``.
    """

    max_missing_share: float = Field(0.3, ge=0, lt=1)


class ModelReleaseConfiguration(ModelConfiguration):
    """From the evidence about a model to the champion.

    Attributes:
        release: requirements for a challenger, see ``ReleaseRules``.
        staging: budgets of the integration tests, see ``StagingRules``.
        card: texts of the model card that are not computed.
    """

    release: ReleaseRules = ReleaseRules()
    staging: StagingRules = StagingRules()
    card: CardConfiguration = CardConfiguration()

    @model_validator(mode="before")
    @classmethod
    def _judges_what_can_be(cls, values: Any) -> Any:
        return with_fitting_segments(values)


class BatchPredictionsConfiguration(ModelConfiguration):
    """Predictions of each day, labels as they arrive, and performance.

    Attributes:
        predicted_at: column of the features with the time at which all of a row was known; the end
            of what the features read when omitted.
        target_time: column of the features with the time that is predicted; the time of the partition
            when omitted: its start for the horizon, its end for what is replayed.
        serving: how a service answers requests; without it, requests contain all features.
        fresh_within: time from the end of a partition until its predictions are stored, or else an
            alert tells so.
    """

    predicted_at: Name | None = None
    target_time: Name | None = None
    serving: Serving = Serving()
    fresh_within: Age | None = None


class MonitoringConfiguration(ModelConfiguration):
    """Profiles, drift, the retraining decision, and the sensors that request runs.

    Attributes:
        monitoring: how features are monitored and when to retrain.
    """

    monitoring: MonitoringSection = MonitoringSection()

    @model_validator(mode="after")
    def _groups_are_of_features(self) -> Self:
        features, seen = self.specification.features, list[str]()
        for group in ("structural", "calendar"):
            named = getattr(self.monitoring, group)
            if unknown := [name for name in named if name not in features]:
                raise ValueError(
                    f"monitoring.{group} contains {', '.join(unknown)}, which are no features of "
                    "the estimator"
                )
            seen += named
            if twice := sorted({name for name in named if seen.count(name) > 1}):
                raise ValueError(f"monitoring.{group} contains {', '.join(twice)} more than once")
        return self

    @property
    def groups(self) -> dict[str, str]:
        """Feature → its monitoring group."""
        usual = dict.fromkeys(self.specification.features, "environment")
        return {
            **usual,
            **dict.fromkeys(self.monitoring.structural, "structural"),
            **dict.fromkeys(self.monitoring.calendar, "calendar"),
        }


class PipelineConfiguration(
    TrainedModelConfiguration,
    ModelReleaseConfiguration,
    BatchPredictionsConfiguration,
    MonitoringConfiguration,
):
    """A model pipeline: all four parts."""


def is_logged(config: ModelConfiguration) -> bool:
    """Whether a pipeline's predictions are from the prediction log."""
    return isinstance(config, BatchPredictionsConfiguration) and config.serving.predictions == "log"
