"""Configuration of a model pipeline: shared attributes, and those of its four parts.

``TrainedModel``, ``ModelRelease``, ``BatchPredictions`` and ``Monitoring`` can be used alone; a
``ModelPipeline`` is all four. Days, join keys and owners default to those of the feature table, see
``documents``.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from ml_assets.cadence import HOUR, Calendar, Duration, day_of, shifted
from ml_assets.configuration.defaults import with_fitting_metrics
from ml_assets.configuration.objects import WITH
from ml_assets.configuration.sections import (
    Days,
    DottedPath,
    Estimator,
    Key,
    Labels,
    Name,
    Owner,
    Section,
)
from ml_assets.durations import (
    LONGEST,
    DurationOrNone,
    PositiveDuration,
    partitions,
)
from ml_assets.learning.dataset import DatasetSpecification, Windows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.drift import MIN_ROWS
from ml_assets.registry.integration import StagingRules
from ml_assets.release.rules import ReleaseRules


class Contracts(Section):
    """Dotted paths of contracts.

    Attributes:
        features: contract of the feature table; by default that of its ``FeatureTable``.
        outcomes: contract of the label table; by default that of its ``FeatureTable``.
        training_dataset: contract of the training dataset; by default derived from both.
        predictions: contract of predictions; by default derived from features, join keys and segments.
        labels: contract of the arrived labels; by default derived from segments and task.
        predictions_day: day contract of derived predictions, see ``contracts.day``.
        labels_day: day contract of derived labels.
    """

    features: DottedPath | None = None
    outcomes: DottedPath | None = None
    training_dataset: DottedPath | None = None
    predictions: DottedPath | None = None
    labels: DottedPath | None = None
    predictions_day: DottedPath | None = None
    labels_day: DottedPath | None = None

    @model_validator(mode="after")
    def _days_are_of_derived_ones(self) -> Self:
        for name in ("predictions", "labels"):
            if getattr(self, name) and getattr(self, f"{name}_day"):
                raise ValueError(
                    f"{name}_day has no effect if '{name}' is set: set the day contract in the "
                    f"metadata of {getattr(self, name)} instead"
                )
        return self


class MonitoringSection(Section):
    """How features are monitored.

    Attributes:
        structural: features whose distribution should be stable; that of all others may change.
        policy: the retraining policy: path of a file, or name of a file in the folder ``policies``
            beside the ``defs.yaml``. Without one, only a missing champion triggers a retraining.
        min_rows: minimum number of rows of a window, and of values of a feature in it, to detect
            drift; about half of a usual day.
    """

    structural: tuple[Name, ...] = ()
    policy: str | None = Field(None, min_length=1)
    min_rows: int = Field(MIN_ROWS, ge=1)

    def policy_file(self, folder: Path) -> Path | None:
        """The file of the policy, for a ``defs.yaml`` in a folder; None without one."""
        if self.policy is None or self.policy.endswith(".yaml"):
            return folder / self.policy if self.policy else None
        return folder / "policies" / f"{self.policy}.yaml"


class CardConfiguration(Section):
    """Texts of a model card that are not computed.

    Attributes:
        purpose: purpose of the model, in whole sentences.
        limits: limits of its use, one sentence each.
    """

    purpose: str = Field("Nobody has written down what it is for.", min_length=1)
    limits: tuple[str, ...] = ("Nobody has written down what it is not for.",)


class ModelConfiguration(Section):
    """Attributes that all parts of a model pipeline share.

    Attributes:
        pipeline: first part of the asset keys.
        owners: ``team:…`` names.
        days: days of features, predictions and monitoring, and the cadence of their partitions.
        as_of_days: as-of days, at the same or a coarser cadence; by default from the first partition
            that leaves one to train on to the end of ``days``.
        features: asset key of the feature table.
        labels: the source of labels.
        join_keys: columns that identify a row in both tables.
        segments: columns whose values are evaluated separately.
        contracts: contracts of the tables with columns of this pipeline.
        estimator: the estimator and its features.
        window: total time before the as-of day in a training dataset.
        validation_window: time before the test window, not used for training.
        test_window: last time before the as-of day, not used for training.
        drift_window: time covered by a drift report, for which the reference is calibrated.
        evaluation: metrics, see ``EvaluationRules``.
        registry: whether released models are registered and staged; False in a backtest.
    """

    pipeline: Name
    features: Key
    labels: Labels
    estimator: Estimator
    days: Days
    as_of_days: Days | None = None
    join_keys: tuple[Name, ...] = Field(min_length=1)
    owners: tuple[Owner, ...] = ()
    segments: tuple[Name, ...] = ()
    contracts: Contracts = Contracts()
    window: PositiveDuration = Duration.parse("365d")
    validation_window: DurationOrNone = Duration.parse("7d")
    test_window: PositiveDuration = Duration.parse("28d")
    drift_window: PositiveDuration = Duration.parse("7d")
    evaluation: EvaluationRules = EvaluationRules()
    registry: bool = True

    @model_validator(mode="before")
    @classmethod
    def _measures_what_is_fitted(cls, values: Any) -> Any:
        return with_fitting_metrics(values)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._windows_fit()
        held_out = self.windows.held_out_days
        last = self.days.last
        if not self.as_of_days and last and self._first_as_of > shifted(last, 1):
            raise ValueError(
                f"days ({self.days.first} to {last}) leave no as-of day: validation_window, "
                f"test_window and labels.delay take {held_out} partitions"
            )
        if held_out >= self.windows.window_days:
            raise ValueError(
                f"window ({self.window.text}) leaves no day to train on: validation_window, "
                f"test_window and labels.delay take {held_out} partitions"
            )
        if self.as_ofs.last is not None and self.as_ofs.last <= self.days.first:
            raise ValueError(
                f"as_of_days ends on {self.as_ofs.last}, without a day before it: days begins on "
                f"{self.days.first}"
            )
        if self.days.last is not None and self.as_ofs.first > shifted(self.days.last, LONGEST.days):
            raise ValueError(
                f"as_of_days begins on {self.as_ofs.first}, long after the last of days, "
                f"{self.days.last}"
            )
        for name in ("join_keys", "segments"):
            names = getattr(self, name)
            if not names and name in self.model_fields_set:
                raise ValueError(f"{name} is empty: add a column, or remove the key")
            if len({*names}) < len(names):
                raise ValueError(f"{name} contains a column more than once")
        if self.days.timezone != self.as_ofs.timezone:
            raise ValueError(
                f"days and as_of_days have different time zones: {self.days.timezone} and "
                f"{self.as_ofs.timezone}"
            )
        if self.as_ofs.calendar.is_finer_than(self.days.calendar):
            raise ValueError(
                f"as_of_days are {self.as_ofs.cadence}, finer than days, which are "
                f"{self.days.cadence}: use the same cadence or a coarser one"
            )
        return self

    def _windows_fit(self) -> None:
        """Refuse durations that are no whole number of partitions.

        Raises:
            ValueError: one of them is not.
        """
        for name in ("window", "validation_window", "test_window"):
            partitions(self, name, self.as_of_calendar)
        partitions(self, "drift_window", self.days.calendar)
        try:
            self.labels.arrives_within(self.days.calendar)
        except ValueError as error:
            raise ValueError(f"labels.{error}") from None

    @property
    def as_of_calendar(self) -> Calendar:
        """The partitions of as-of days."""
        return (self.as_of_days or self.days).calendar

    @property
    def as_ofs(self) -> Days:
        """The as-of days."""
        if self.as_of_days is not None:
            return self.as_of_days
        days, last = self.days, self.days.last_key
        if last is not None:
            _, end = days.calendar.bounds(days.calendar.shifted(last, 1))
            last = (end - timedelta(microseconds=1)).date().isoformat()
        return days.model_copy(update={"first": self._first_as_of, "last": last})

    @property
    def _first_as_of(self) -> str:
        """The first day on which an as-of partition begins that leaves a partition to train on."""
        key = self.days.calendar.shifted(self.days.first_key, self.windows.held_out_days + 1)
        return (
            day_of(key)
            if self.days.calendar.first_of(day_of(key)) == key
            else shifted(day_of(key), 1)
        )

    @property
    def dataset(self) -> DatasetSpecification:
        """Specification of training datasets."""
        named = self.contracts
        derived = f"{named.features}{WITH}{named.outcomes}"
        return DatasetSpecification(
            features=self.features,
            labels=self.labels.asset,
            key=self.join_keys,
            label=self.labels.column,
            known_at=self.labels.known_at,
            timezone=self.as_ofs.timezone,
            cadence=self.as_ofs.cadence,
            label_delay_hours=self.labels.delay.longest // HOUR,
            windows=self.windows,
            contract=named.training_dataset or derived,
            classes=self.estimator.classes,
        )

    @property
    def specification(self) -> ModelSpecification:
        """Specification of the model."""
        return replace(self.estimator.specification, label=self.labels.column)

    @property
    def drift_partitions(self) -> int:
        """Number of partitions of a drift report."""
        return partitions(self, "drift_window", self.days.calendar)

    @property
    def windows(self) -> Windows:
        """Windows before an as-of day, in partitions of as-of days."""
        calendar = self.as_of_calendar
        return Windows(
            partitions(self, "window", calendar),
            partitions(self, "validation_window", calendar),
            partitions(self, "test_window", calendar),
            calendar.covering(self.labels.delay.longest),
        )


class TrainedModelConfiguration(ModelConfiguration):
    """Training dataset, model, evaluation, reference.

    Attributes:
        max_missing_share: maximum share of the window's partitions that are quarantined, skipped or
            otherwise not usable, 0 to 1. A table with rows on weekdays only misses 29 %.
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


class BatchPredictionsConfiguration(ModelConfiguration):
    """Predictions of each day, labels as they arrive, and performance."""


class MonitoringConfiguration(ModelConfiguration):
    """Profiles, drift, the retraining decision, and the sensors that request runs.

    Attributes:
        monitoring: how features are monitored and when to retrain.
    """

    monitoring: MonitoringSection = MonitoringSection()

    @model_validator(mode="after")
    def _structural_are_features(self) -> Self:
        named = self.monitoring.structural
        features = [*self.estimator.categorical, *self.estimator.numeric]
        if unknown := [name for name in named if name not in features]:
            raise ValueError(
                f"monitoring.structural contains {', '.join(unknown)}, which are no features of "
                "the estimator"
            )
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"monitoring.structural contains {', '.join(twice)} more than once")
        return self

    @property
    def groups(self) -> dict[str, str]:
        """Feature → its monitoring group."""
        features = [*self.estimator.categorical, *self.estimator.numeric]
        return {
            name: "structural" if name in self.monitoring.structural else "environment"
            for name in features
        }


class PipelineConfiguration(
    TrainedModelConfiguration,
    ModelReleaseConfiguration,
    BatchPredictionsConfiguration,
    MonitoringConfiguration,
):
    """A model pipeline: all four parts."""
