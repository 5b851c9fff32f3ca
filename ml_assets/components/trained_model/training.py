"""Stage: training dataset, model and evaluation.

All are partitioned by as-of day: a model of day D uses only data that was known when D began, so
the same D produces the same model whenever it is run.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import output, plan_as_of
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.trained_model.held_out import held_out_rows
from ml_assets.components.trained_model.runs import record_trainings
from ml_assets.components.trained_model.shown import metrics_table, plots_of
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import contract_sources
from ml_assets.errors import TrainingError
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import (
    SPLIT,
    DatasetSpecification,
    refuse_gaps,
    split_counts,
    training_dataset,
)
from ml_assets.learning.estimators import library_of
from ml_assets.learning.evaluation import Evaluation, evaluate, headline
from ml_assets.learning.training import FittedModel, train, training_code
from ml_assets.ledger.since import change_message, changed_since_first_made
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.model_io import (
    ModelOutput,
    lost_models,
    model_check,
)
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, each_day, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace

STAGE = "training"
UNKNOWN_CLASSES = "rows of unknown classes"
"""Metadata of a dataset: number of labelled rows that were left out, if there are any."""

KINDS = {"sklearn": "scikitlearn", "lightgbm": "lightgbm", "xgboost": "xgboost"}
"""Library of an estimator → kind of the asset, for its icon."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """The training stage of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        contract: contract of the training dataset.
        dataset: how the dataset is built.
        max_missing_share: largest share of the processed days in the window that may be
            unusable.
    """

    pipeline: PipelineContext
    contract: type[Contract]
    dataset: DatasetSpecification
    max_missing_share: float

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks."""
        this = self.pipeline
        dataset, model = this.input(nouns.TRAINING_DATASET), this.input(nouns.MODEL)
        return dg.Definitions.merge(
            this.define(
                nouns.TRAINING_DATASET,
                stage=STAGE,
                description="Features with the labels known when the as-of day began, split by time.",
                version=self._dataset_version,
                inputs=[
                    replace(self._window, table=this.features),
                    replace(self._window, table=this.labels.asset),
                ],
                compute=self._build_dataset,
                contract=self.contract,
                is_as_of=True,
                inherits_from=this.features,
            ),
            this.define(
                nouns.MODEL,
                stage=STAGE,
                description=self.model_description,
                version=self.model_version,
                inputs=[dataset, *self.model_inputs],
                compute=self.fit,
                contract=None,
                is_as_of=True,
                checks=[model_check(this.table(nouns.MODEL), this.specification)],
                kinds=frozenset({self.kind}),
                io_manager_key="model_io_manager",
                names={"member_models": self.member_models},
            ),
            this.define(
                nouns.EVALUATION,
                stage=STAGE,
                description="Metrics on held-out days, overall and per segment.",
                version=self._evaluation_version,
                inputs=[dataset, model],
                compute=self._evaluate,
                contract=Evaluation,
                is_as_of=True,
            ),
        )

    @property
    def _dataset_version(self) -> str:
        return code_version(training_dataset, *contract_sources(self.contract), self.dataset)

    @property
    def model_description(self) -> str:
        """Description of the model for stakeholders."""
        return "The model fitted on the training split, stored without pickle."

    @property
    def model_version(self) -> str:
        """Code version of the model."""
        return code_version(*training_code(self.pipeline.specification))

    @property
    def model_inputs(self) -> list[Input]:
        """What the model is made from, besides its dataset."""
        return []

    @property
    def member_models(self) -> list[str]:
        """The models that it is composed of."""
        return []

    @property
    def kind(self) -> str:
        """Dagster's kind of the model."""
        return KINDS.get(str(library_of(self.pipeline.specification.estimator)), "python")

    @property
    def _evaluation_version(self) -> str:
        this = self.pipeline
        return code_version(evaluate, this.specification, list(this.segments), this.evaluation)

    @property
    def _window(self) -> Input:
        this = self.pipeline
        return Input(
            "",
            -this.windows.window_days,
            -1,
            calendar=this.as_of_calendar,
            input_calendar=this.calendar,
        )

    def _build_dataset(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake = workspace.lake
        planned = plan_as_of(
            self.pipeline,
            lake,
            "training_dataset",
            days,
            self._dataset_version,
            features=replace(self._window, table=self.pipeline.features),
            labels=replace(self._window, table=self.pipeline.labels.asset),
        )
        left_out: dict[str, int] = {}
        planned, frames = each_day(planned, self._dataset_of(lake, planned, left_out))
        metadata: dict[str, ExtraMetadata] = {
            day: {
                **split_counts(frame),
                **({UNKNOWN_CLASSES: left_out[day]} if left_out.get(day) else {}),
                **self._inputs_changed_since(lake, planned, day),
            }
            for day, frame in frames.items()
        }
        return output(planned, frames, self.contract, self._dataset_version, day_metadata=metadata)

    def _inputs_changed_since(self, lake: Lake, planned: Plan, day: str) -> ExtraMetadata:
        """Inputs that changed since the dataset was first computed."""
        table = self.pipeline.table(nouns.TRAINING_DATASET)
        history = lake.ledger.history(table, day)
        changed = changed_since_first_made(history, planned.reads[day])
        if not changed:
            return {}
        log.warning(f"{table} {day} is {change_message(changed)}")
        return {"changed_since_first_made": dg.MetadataValue.json(changed)}

    def _dataset_of(
        self, lake: Lake, planned: Plan, left_out: dict[str, int]
    ) -> Callable[[str], pd.DataFrame]:
        """Computes the dataset of a day, and counts the rows that it leaves out."""
        specification = self.dataset
        wanted = self._window.days_of_all(planned.compute)
        if not any(planned.windows["features"].hashes.get(day) for day in wanted):
            return self._without_features
        features = planned.windows["features"].read(days=wanted)
        labels = planned.windows["labels"].read(specification.label_columns, wanted)
        usable = planned.windows["features"].hashes.keys() & planned.windows["labels"].hashes.keys()
        known = lake.ledger.latest(self.pipeline.features, wanted)

        def of_day(as_of: str) -> pd.DataFrame:
            processed = [day for day in self._window.days_of(as_of) if day in known]
            refuse_gaps(processed, usable, self.max_missing_share)
            labelled = specification.labelled(features, labels, as_of)
            rows = specification.of_known_classes(labelled)
            left_out[as_of] = len(labelled) - len(rows)
            return rows

        return of_day

    def _without_features(self, as_of: str) -> pd.DataFrame:
        first = self.pipeline.days.get_first_partition_key() or as_of
        last = self.pipeline.days.get_last_partition_key() or as_of
        days = [day for day in self._window.days_of(as_of) if first <= day <= last]
        if not days:
            raise TrainingError(f"there is no day before {as_of} to train on: choose a later day")
        command = materialize_command(f'key:"{self.pipeline.features}"')
        raise TrainingError(
            f"no feature day before {as_of} is stored. To compute them, run: "
            f"{command}{partition_option(days[0], days[-1])}"
        )

    def fit(self, workspace: Workspace, days: Sequence[str]) -> ModelOutput:
        """The models of as-of days."""
        table, specification = self.pipeline.table(nouns.MODEL), self.pipeline.specification
        planned = plan_as_of(
            self.pipeline,
            workspace.lake,
            "model",
            days,
            self.model_version,
            dataset=self.pipeline.input(nouns.TRAINING_DATASET),
        )
        planned = with_recomputed(planned, lost_models(workspace, table, planned.unchanged))
        used = [*specification.features, self.pipeline.labels.column, SPLIT]

        def of_day(day: str) -> FittedModel:
            log.info(f"training {table} {day}")
            dataset = planned.windows["dataset"].read(used, [day])
            checkpoints = workspace.checkpoints(table, day)
            return train(specification, dataset, checkpoints, self.model_version)

        planned, models = each_day(planned, of_day)
        return ModelOutput(planned, models, self.model_version)

    def _evaluate(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        this = self.pipeline
        planned = plan_as_of(
            self.pipeline,
            workspace.lake,
            "evaluation",
            days,
            self._evaluation_version,
            dataset=this.input(nouns.TRAINING_DATASET),
            model=this.input(nouns.MODEL),
        )
        plots: dict[str, dg.MetadataValue] = {}

        def of_day(day: str) -> pd.DataFrame:
            dataset = held_out_rows(planned, day)
            fingerprint = planned.windows["model"].hashes[day]
            model = workspace.models.load(this.table(nouns.MODEL), fingerprint, this.specification)
            predictions = model.predict(dataset)
            plots[day] = plots_of(this.specification, dataset, predictions)
            return evaluate(
                this.specification, dataset, predictions, this.segments, this.evaluation
            )

        planned, frames = each_day(planned, of_day)
        metadata: dict[str, ExtraMetadata] = {
            day: {
                **headline(frame),
                "plots": plots[day],
                "test, overall and per segment": metrics_table(frame),
            }
            for day, frame in frames.items()
        }
        usable = [*planned.unchanged, *frames]
        return output(
            planned,
            frames,
            Evaluation,
            self._evaluation_version,
            day_metadata=metadata,
            after_commit=partial(record_trainings, workspace, this, usable)
            if this.has_registry
            else None,
        )
