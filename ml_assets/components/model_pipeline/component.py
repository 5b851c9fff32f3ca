"""The ``ModelPipeline`` template: what a ``defs.yaml`` says of a pipeline, put together from its stages."""

from typing import Any, TypeVar

import dagster as dg
from pydantic import BaseModel, ValidationError

from ml_assets.components.model_pipeline.approvals import ApprovalStage
from ml_assets.components.model_pipeline.card import Card, CardText
from ml_assets.components.model_pipeline.champion import ChampionStage
from ml_assets.components.model_pipeline.decision import DecisionStage
from ml_assets.components.model_pipeline.evidence import EvidenceStage
from ml_assets.components.model_pipeline.monitoring import Monitoring
from ml_assets.components.model_pipeline.predictions import Predictions
from ml_assets.components.model_pipeline.releasing import Releasing
from ml_assets.components.model_pipeline.sensors import (
    day_sensor,
    release_sensor,
    retraining_sensor,
)
from ml_assets.components.model_pipeline.shared import Labels, Pipeline
from ml_assets.components.model_pipeline.staging import Staging
from ml_assets.components.model_pipeline.training import Training
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import Windows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.drift import MIN_ROWS
from ml_assets.monitoring.policy import read_policy
from ml_assets.orchestration.assets.tables import load_object
from ml_assets.orchestration.partitions import Days
from ml_assets.registry.integration import StagingRules
from ml_assets.release.rules import ReleaseRules
from ml_assets.settings import PipelineOverrides, settings

R = TypeVar("R", bound=BaseModel)


class Estimator(dg.Model, dg.Resolvable):
    """The model; see ``ModelSpecification``."""

    task: str
    path: str
    numeric: list[str]
    categorical: list[str] = []
    hyperparameters: dict[str, Any] = {}
    checkpoint_every: int | None = None


class Contracts(dg.Model, dg.Resolvable):
    """Dotted paths of the contracts whose columns are the pipeline's own."""

    training_dataset: str
    predictions: str
    labels: str


class MonitoringOptions(dg.Model, dg.Resolvable):
    """How features are watched.

    Attributes:
        window_days: days that a drift report spans.
        groups: group (structural or environment) → its features.
        policy: name of the retraining policy, a file of the folder ``policies`` beside the
            ``defs.yaml``.
        min_rows: rows that a window needs before a feature counts as drifted, and values that the
            feature needs in it for its distance to count; about half of a usual day.
    """

    window_days: int
    groups: dict[str, list[str]]
    policy: str
    min_rows: int = MIN_ROWS


class ModelPipeline(dg.Component, dg.Model, dg.Resolvable):
    """Training, release, predictions and monitoring of one model.

    Attributes:
        pipeline: first part of the asset keys.
        owners: ``team:…`` names.
        days: daily partitions of features, predictions and monitoring.
        as_of_days: the as-of days there are.
        features: asset key of the feature table.
        labels: where labels come from.
        key: columns that identify a row in both.
        segments: columns whose values are judged one by one, at least one.
        contracts: contracts of the tables that carry the pipeline's own columns.
        window_days: days looked back on in all when training.
        validation_days: days before the test window, never fitted.
        test_days: last days before the as-of day, never fitted.
        max_missing_days_share: share of the days looked back on that may be quarantined, skipped
            or otherwise not usable when training. A table with rows on weekdays only misses 29 %.
        estimator: what is fitted.
        evaluation: what is measured, see ``EvaluationRules``.
        release: what a challenger has to show, see ``ReleaseRules``.
        staging: budgets of the integration tests, see ``StagingRules``.
        card: what the model card says that no asset knows.
        monitoring: how features are watched and when to retrain.
    """

    pipeline: str
    owners: list[str]
    days: Days
    as_of_days: Days
    features: str
    labels: Labels
    key: list[str]
    contracts: Contracts
    window_days: int
    validation_days: int
    test_days: int
    estimator: Estimator
    monitoring: MonitoringOptions
    release: dict[str, Any]
    card: CardText
    segments: list[str]
    max_missing_days_share: float = 0.3
    evaluation: dict[str, Any] = {}
    staging: dict[str, Any] = {}

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of the pipeline, their checks, and the sensors that keep the loop going."""
        folder = context.path.parent if context.path.is_file() else context.path
        overrides = settings().pipelines.get(self.pipeline, PipelineOverrides())
        shared = self._shared(overrides)
        label_contract = load_object(self.contracts.labels)
        watched = self.monitoring
        dataset_contract = load_object(self.contracts.training_dataset)
        training = Training(
            shared, dataset_contract, watched.window_days, self.max_missing_days_share
        )
        release = {**self.release, **overrides.release}
        rules = _read(ReleaseRules, release, "release", self.pipeline)
        rules.check(self._specification.task)
        decision = DecisionStage(EvidenceStage(shared, rules))
        releasing = Releasing(shared, decision.version)
        staging = Staging(releasing, _read(StagingRules, self.staging, "staging", self.pipeline))
        predictions = Predictions(
            shared,
            load_object(self.contracts.predictions),
            label_contract,
            training.feature_columns,
        )
        monitoring = Monitoring(
            shared,
            read_policy(overrides.policy or folder / "policies" / f"{watched.policy}.yaml"),
            watched.window_days,
            self._groups,
            self._min_rows,
            label_contract,
        )
        return dg.Definitions.merge(
            training.definitions(),
            decision.evidence.definitions(),
            decision.definitions(),
            ApprovalStage(releasing).definitions(),
            staging.definitions(),
            ChampionStage(staging).definitions(),
            Card(shared, self.card, dataset_contract).definitions(),
            predictions.definitions(),
            monitoring.definitions(),
            dg.Definitions(
                sensors=[retraining_sensor(shared), day_sensor(shared), release_sensor(shared)]
            ),
        )

    def _shared(self, overrides: PipelineOverrides) -> Pipeline:
        if not self.segments:
            raise ConfigurationError(
                f"'segments' of {self.pipeline} in defs.yaml is empty, so no segment would ever be "
                "judged. Name the columns whose values must not get worse."
            )
        labels = self.labels
        if overrides.label_delay_days is not None:
            labels = labels.model_copy(update={"delay_days": overrides.label_delay_days})
        return Pipeline(
            name=self.pipeline,
            owners=self.owners,
            days=self.days.definition(),
            as_of_days=self.as_of_days.definition(),
            features=self.features,
            labels=labels,
            key=self.key,
            segments=self.segments,
            specification=self._specification,
            windows=Windows(
                self.window_days,
                self.validation_days,
                overrides.test_days or self.test_days,
                labels.delay_days,
            ),
            evaluation=self._evaluation,
        )

    @property
    def _specification(self) -> ModelSpecification:
        return ModelSpecification(
            task="regression" if self.estimator.task == "regression" else "classification",
            estimator=self.estimator.path,
            label=self.labels.column,
            numeric=tuple(self.estimator.numeric),
            categorical=tuple(self.estimator.categorical),
            hyperparameters=dict(sorted(self.estimator.hyperparameters.items())),
            checkpoint_every=self.estimator.checkpoint_every,
        )

    @property
    def _evaluation(self) -> EvaluationRules:
        rules = _read(EvaluationRules, self.evaluation, "evaluation", self.pipeline)
        rules.of_task(self._specification.task)
        return rules

    @property
    def _min_rows(self) -> int:
        if self.monitoring.min_rows < 1:
            raise ConfigurationError(
                f"'min_rows' of 'monitoring' of {self.pipeline} in defs.yaml is "
                f"{self.monitoring.min_rows}. Expected the rows that drift can be told from, at least 1."
            )
        return self.monitoring.min_rows

    @property
    def _groups(self) -> dict[str, str]:
        groups = {
            feature: group
            for group, features in self.monitoring.groups.items()
            for feature in features
        }
        if unknown := sorted(set(groups) - set(self._specification.features)):
            raise ConfigurationError(
                f"'groups' of {self.pipeline} in defs.yaml names {unknown}, which are no features of "
                "its estimator. Correct the names."
            )
        return groups


def _read(rules: type[R], values: dict[str, Any], name: str, pipeline: str) -> R:
    """Rules as ``defs.yaml`` says them.

    Raises:
        ConfigurationError: a value is missing, unknown, or outside its limits.
    """
    try:
        return rules.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or name}: {item['msg']}" for item in error.errors()
        )
        raise ConfigurationError(
            f"'{name}' of {pipeline} in defs.yaml is not usable: {problems}."
        ) from None
