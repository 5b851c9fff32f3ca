"""A model pipeline as its ``defs.yaml`` says it: what its four parts share, and what each adds.

``TrainedModel``, ``ModelRelease``, ``BatchPredictions`` and ``Monitoring`` may stand alone; a
``ModelPipeline`` is all four. Days, key and owners that are omitted are those of the feature table,
see ``documents``.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ml_assets.cadence import shifted
from ml_assets.configuration.objects import WITH
from ml_assets.configuration.sections import (
    MAX_DAYS,
    Days,
    DaysOrNone,
    DottedPath,
    Estimator,
    Key,
    Labels,
    Name,
    NumberOfDays,
    Owner,
    Section,
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
        features: of the feature table; that of its ``FeatureTable`` when omitted.
        outcomes: of the table that labels come from; that of its ``FeatureTable`` when omitted.
        training_dataset: of the training dataset; derived from both when omitted.
        predictions: of the predictions; derived from the features, key and segments when omitted.
        labels: of the arrived labels; derived from segments and task when omitted.
        predictions_day: contract of a day of derived predictions, see ``contracts.day``.
        labels_day: contract of a day of derived labels.
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
                    f"{name}_day is for derived {name}: name it in the contract {getattr(self, name)}"
                )
        return self


class MonitoringSection(Section):
    """How features are monitored.

    Attributes:
        structural: features whose distribution should not move; all others move by nature.
        policy: the retraining policy: a file's path, or the name of a file of the folder
            ``policies`` beside the ``defs.yaml``. Without one nothing asks for a retraining but a
            missing champion.
        min_rows: rows that a window needs before a feature counts as drifted, and values that the
            feature needs in it for its distance to count; about half of a usual day.
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
    """What a model card says that no asset knows.

    Attributes:
        purpose: what the model is for, in whole sentences.
        limits: what it is not for and not good at, a sentence each.
    """

    purpose: str = Field("Nobody has written down what it is for.", min_length=1)
    limits: tuple[str, ...] = ("Nobody has written down what it is not for.",)


class ModelConfiguration(Section):
    """What every part of a model pipeline knows of the model.

    Attributes:
        pipeline: first part of the asset keys.
        owners: ``team:…`` names.
        days: daily partitions of features, predictions and monitoring.
        as_of_days: the as-of days there are; from the first day that leaves one to fit on, as long
            as ``days``, when omitted.
        features: asset key of the feature table.
        labels: where labels come from.
        key: columns that identify a row in both.
        segments: columns whose values are judged one by one.
        contracts: contracts of the tables that carry the pipeline's own columns.
        estimator: what is fitted.
        window_days: days looked back on in all when training.
        validation_days: days before the test window, never fitted.
        test_days: last days before the as-of day, never fitted.
        drift_days: days that a drift report spans, and that the reference is calibrated for.
        evaluation: what is measured, see ``EvaluationRules``.
        registry: whether released models are registered and staged; not in a backtest, where none
            serves.
    """

    pipeline: Name
    features: Key
    labels: Labels
    estimator: Estimator
    days: Days
    as_of_days: Days | None = None
    key: tuple[Name, ...] = Field(min_length=1)
    owners: tuple[Owner, ...] = ()
    segments: tuple[Name, ...] = ()
    contracts: Contracts = Contracts()
    window_days: NumberOfDays = 365
    validation_days: DaysOrNone = 7
    test_days: NumberOfDays = 28
    drift_days: NumberOfDays = 7
    evaluation: EvaluationRules = EvaluationRules()
    registry: bool = True

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        held_out = self.windows.held_out_days
        last = self.days.last
        if not self.as_of_days and last and shifted(self.days.first, held_out) > last:
            raise ValueError(
                f"days ({self.days.first} to {last}) leave no as-of day: validation_days, test_days "
                f"and labels.delay_days take {held_out}"
            )
        if held_out >= self.window_days:
            raise ValueError(
                f"window_days ({self.window_days}) leaves no day to fit on: validation_days, "
                f"test_days and labels.delay_days take {held_out}"
            )
        if self.as_ofs.last is not None and self.as_ofs.last <= self.days.first:
            raise ValueError(
                f"as_of_days ends on {self.as_ofs.last}, and no day lies before that: days begins "
                f"on {self.days.first}"
            )
        if self.days.last is not None and self.as_ofs.first > shifted(self.days.last, MAX_DAYS):
            raise ValueError(
                f"as_of_days begins on {self.as_ofs.first}, long after the last of days, "
                f"{self.days.last}"
            )
        for name in ("key", "segments"):
            names = getattr(self, name)
            if not names and name in self.model_fields_set:
                raise ValueError(f"{name} is empty: name a column, or leave the key out")
            if len({*names}) < len(names):
                raise ValueError(f"{name} names a column more than once")
        if self.days.timezone != self.as_ofs.timezone:
            raise ValueError(
                f"days and as_of_days have other time zones: {self.days.timezone} and "
                f"{self.as_ofs.timezone}"
            )
        return self

    @property
    def as_ofs(self) -> Days:
        """The as-of days there are."""
        if self.as_of_days is not None:
            return self.as_of_days
        return Days(
            first=shifted(self.days.first, self.windows.held_out_days + 1),
            last=self.days.last and shifted(self.days.last, 1),
            timezone=self.days.timezone,
        )

    @property
    def dataset(self) -> DatasetSpecification:
        """How training datasets are made."""
        named = self.contracts
        derived = f"{named.features}{WITH}{named.outcomes}"
        return DatasetSpecification(
            features=self.features,
            labels=self.labels.asset,
            key=self.key,
            label=self.labels.column,
            known_at=self.labels.known_at,
            timezone=self.as_ofs.timezone,
            windows=self.windows,
            contract=named.training_dataset or derived,
        )

    @property
    def specification(self) -> ModelSpecification:
        """What is fitted."""
        return ModelSpecification(
            task=self.estimator.task,
            estimator=self.estimator.path,
            label=self.labels.column,
            numeric=self.estimator.numeric,
            categorical=self.estimator.categorical,
            hyperparameters=dict(sorted(self.estimator.hyperparameters.items())),
            checkpoint_every=self.estimator.checkpoint_every,
        )

    @property
    def windows(self) -> Windows:
        """How the days before an as-of day are used."""
        return Windows(
            self.window_days, self.validation_days, self.test_days, self.labels.delay_days
        )


class TrainedModelConfiguration(ModelConfiguration):
    """Training dataset, model, evaluation, reference.

    Attributes:
        max_missing_days_share: share of the days looked back on that may be quarantined, skipped
            or otherwise not usable when training. A table with rows on weekdays only misses 29 %.
    """

    max_missing_days_share: float = Field(0.3, ge=0, lt=1)


class ModelReleaseConfiguration(ModelConfiguration):
    """From the evidence about a model to the champion.

    Attributes:
        release: what a challenger has to show, see ``ReleaseRules``.
        staging: budgets of the integration tests, see ``StagingRules``.
        card: what the model card says that no asset knows.
    """

    release: ReleaseRules = ReleaseRules()
    staging: StagingRules = StagingRules()
    card: CardConfiguration = CardConfiguration()


class BatchPredictionsConfiguration(ModelConfiguration):
    """Predictions of each day, labels as they arrive, and performance."""


class MonitoringConfiguration(ModelConfiguration):
    """Profiles, drift, the retraining decision, and the sensors that keep the loop going.

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
                f"monitoring.structural names {', '.join(unknown)}, which are no features of the "
                "estimator"
            )
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ValueError(f"monitoring.structural names {', '.join(twice)} more than once")
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
