"""Template: from features and labels to a training dataset, a model and its evaluation.

All three are partitioned by the as-of day: what is trained on day D uses only what was known
when D began, so the same D gives the same model whenever it is run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.errors import TrainingError
from ml_assets.lake.content import DAY
from ml_assets.lake.ledger import Entry, Status
from ml_assets.lake.planning import Input, Plan, computing_too, each_day, plan
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import SPLIT, Windows, split_counts, training_dataset
from ml_assets.learning.evaluation import Evaluation, evaluate, headline
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict, train
from ml_assets.orchestration.checks import (
    standard_checks,
    table_checks,
)
from ml_assets.orchestration.model_io import (
    ModelOutput,
    lost_models,
    model_check,
    project_models,
)
from ml_assets.orchestration.partitions import Days, bounds, mapping_of
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.orchestration.tables import code_version, load_object, table_asset, table_spec

AS_OF = (
    "Most days are empty, because a partition is an as-of day and is made only when somebody "
    "asks for a model of that day."
)


class Labels(dg.Model, dg.Resolvable):
    """Where labels come from.

    Attributes:
        asset: asset key of the label table.
        column: the label.
        known_at: column that says when it was known.
    """

    asset: str
    column: str
    known_at: str = "known_at"


class Estimator(dg.Model, dg.Resolvable):
    """The model; see ``ModelSpecification``."""

    task: str
    path: str
    numeric: list[str]
    categorical: list[str] = []
    hyperparameters: dict[str, Any] = {}


class TrainingPipeline(dg.Component, dg.Model, dg.Resolvable):
    """Training dataset, model and evaluation of one pipeline, per as-of day.

    Attributes:
        pipeline: first part of the asset keys.
        owners: ``team:…`` names.
        days: the as-of days there are.
        features: asset key of the feature table.
        labels: where labels come from.
        key: columns that identify a row in both.
        dataset_contract: dotted path of the dataset's contract.
        window_days: days looked back on in all.
        validation_days: days before the test window, never fitted.
        test_days: last days before the as-of day, never fitted.
        estimator: what is fitted.
        segments: columns whose values are evaluated one by one.
    """

    pipeline: str
    owners: list[str]
    days: Days
    features: str
    labels: Labels
    key: list[str]
    dataset_contract: str
    window_days: int
    validation_days: int
    test_days: int
    estimator: Estimator
    segments: list[str] = []

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The three assets and their checks."""
        del context
        dataset = self._spec(
            "training_dataset",
            contract=self._contract,
            description=f"Features with the labels known when the as-of day began, split by time. {AS_OF}",
            kinds={"pandas", "deltalake"},
            inputs=[self.features, self.labels.asset],
            offsets=self._window,
        )
        model = self._spec(
            "model",
            contract=None,
            description=f"The model fitted on the training split, stored with skops. {AS_OF}",
            kinds={"scikitlearn"},
            inputs=[self._table("training_dataset")],
            offsets=Input(""),
        )
        evaluation = self._spec(
            "evaluation",
            contract=Evaluation,
            description=f"Metrics on days no model was fitted on, overall and per segment. {AS_OF}",
            kinds={"pandas", "deltalake"},
            inputs=[self._table("training_dataset"), self._table("model")],
            offsets=Input(""),
        )
        stored = partial(standard_checks, keeps_dead_letters=False)
        return dg.Definitions(
            assets=[
                table_asset(dataset, self._build_dataset),
                table_asset(model, self._fit, io_manager_key="model_io_manager"),
                table_asset(evaluation, self._evaluate),
            ],
            asset_checks=[
                table_checks(dataset.key, self._partitions, stored(self._contract)),
                table_checks(
                    model.key,
                    self._partitions,
                    [model_check(self._table("model"), self._specification)],
                ),
                table_checks(evaluation.key, self._partitions, stored(Evaluation)),
            ],
        )

    @cached_property
    def _contract(self) -> type[Contract]:
        return load_object(self.dataset_contract)

    @cached_property
    def _partitions(self) -> dg.DailyPartitionsDefinition:
        return self.days.definition()

    @property
    def _window(self) -> Input:
        return Input("", -self.window_days, -1)

    @property
    def _windows(self) -> Windows:
        return Windows(self.window_days, self.validation_days, self.test_days)

    @cached_property
    def _specification(self) -> ModelSpecification:
        return ModelSpecification(
            task="regression" if self.estimator.task == "regression" else "classification",
            estimator=self.estimator.path,
            label=self.labels.column,
            numeric=tuple(self.estimator.numeric),
            categorical=tuple(self.estimator.categorical),
            hyperparameters=dict(sorted(self.estimator.hyperparameters.items())),
        )

    def _table(self, noun: str) -> str:
        return f"{self.pipeline}/{noun}"

    def _version(self, noun: str) -> str:
        parts: dict[str, tuple[object, ...]] = {
            "training_dataset": (
                training_dataset,
                self._contract,
                self._windows,
                self.key,
                self.labels.model_dump(),
            ),
            "model": (train, self._specification),
            "evaluation": (evaluate, self._specification, self.segments),
        }
        return code_version(*parts[noun])

    def _spec(
        self,
        noun: str,
        *,
        contract: type[Contract] | None,
        description: str,
        kinds: set[str],
        inputs: Sequence[str],
        offsets: Input,
    ) -> dg.AssetSpec:
        return table_spec(
            self._table(noun),
            contract,
            stage="training",
            description=description,
            owners=self.owners,
            kinds=kinds,
            version=self._version(noun),
            is_as_of=True,
            partitions_def=self._partitions,
            deps=[
                dg.AssetDep(table.split("/"), partition_mapping=mapping_of(offsets))
                for table in inputs
            ],
        )

    def _plan(self, noun: str, days: Sequence[str], **inputs: Input) -> Plan:
        lake = Lake.of_project()
        planned = plan(lake, self._table(noun), days, inputs, self._version(noun))
        asked_for = [Entry(self._table(noun), day, Status.WRITING) for day in planned.compute]
        lake.ledger.append(asked_for)
        return planned

    def _build_dataset(self, days: Sequence[str]) -> TableOutput:
        planned = self._plan(
            "training_dataset",
            days,
            features=replace(self._window, table=self.features),
            labels=replace(self._window, table=self.labels.asset),
        )
        planned, frames = each_day(planned, self._dataset_of(planned))
        rows = _stacked(frames, self._contract)
        validated = validate(rows, self._contract, planned.compute)
        counts = {day: split_counts(frame) for day, frame in frames.items()}
        return TableOutput(
            planned,
            validated,
            self._version("training_dataset"),
            keeps_dead_letters=False,
            day_metadata=counts,
        )

    def _dataset_of(self, planned: Plan) -> Callable[[str], pd.DataFrame]:
        wanted = self._window.days_of_all(planned.compute)
        if not any(planned.windows["features"].hashes.get(day) for day in wanted):
            return _nothing_to_learn_from
        features = planned.windows["features"].read(days=wanted)
        used = [DAY, *self.key, self.labels.column, self.labels.known_at]
        labels = planned.windows["labels"].read(used, wanted)

        def of_day(as_of: str) -> pd.DataFrame:
            return training_dataset(
                features,
                labels,
                key=self.key,
                label=self.labels.column,
                known_at=self.labels.known_at,
                as_of=as_of,
                as_of_start=bounds(self._partitions, as_of)[0],
                windows=self._windows,
            )

        return of_day

    def _fit(self, days: Sequence[str]) -> ModelOutput:
        planned = self._plan("model", days, dataset=Input(self._table("training_dataset")))
        planned = computing_too(planned, lost_models(self._table("model"), planned.unchanged))
        dataset = planned.windows["dataset"]
        used = [*self._specification.features, self.labels.column, SPLIT]
        planned, models = each_day(
            planned, lambda day: train(self._specification, dataset.read(used, [day]))
        )
        return ModelOutput(planned, models, self._version("model"))

    def _evaluate(self, days: Sequence[str]) -> TableOutput:
        planned = self._plan(
            "evaluation",
            days,
            dataset=Input(self._table("training_dataset")),
            model=Input(self._table("model")),
        )
        planned, frames = each_day(planned, lambda day: self._evaluation_of(planned, day))
        rows = _stacked(frames, Evaluation)
        return TableOutput(
            planned,
            validate(rows, Evaluation, planned.compute),
            self._version("evaluation"),
            keeps_dead_letters=False,
            day_metadata={day: headline(frame) for day, frame in frames.items()},
        )

    def _evaluation_of(self, planned: Plan, day: str) -> pd.DataFrame:
        dataset = planned.windows["dataset"].read(days=[day])
        dataset = dataset[dataset[SPLIT] != "train"]
        if not (dataset[SPLIT] == "test").any():
            raise TrainingError(f"no label of the test window was known when {day} began")
        pipeline = project_models().load(
            self._table("model"), planned.windows["model"].hashes[day], self._specification
        )
        predictions = predict(self._specification, pipeline, dataset)
        return evaluate(self._specification, dataset, predictions, self.segments)


def _nothing_to_learn_from(day: str) -> pd.DataFrame:
    raise TrainingError(f"no feature day before {day} is stored: materialize the features first")


def _stacked(frames: Mapping[str, pd.DataFrame], contract: type[Contract]) -> pd.DataFrame:
    if not frames:
        return no_rows(contract)
    return pd.concat(frames.values(), ignore_index=True)
