"""The context shared by the stages of a model pipeline: names, days, model, asset definitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from ml_assets import nouns
from ml_assets.cadence import Calendar
from ml_assets.components.pipeline.metadata import asset_metadata
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import Labels
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.lineage import Names, lineage
from ml_assets.lake.store import Lake
from ml_assets.learning.contracts import ModelPrediction
from ml_assets.learning.dataset import Windows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.predictions import prediction_columns
from ml_assets.learning.specification import ModelSpecification
from ml_assets.ledger.entries import Read
from ml_assets.orchestration.assets.tables import (
    Compute,
    dead_letter_spec,
    table_asset,
    table_spec,
)
from ml_assets.orchestration.checks.checks import table_checks
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.checks.table_check import TableCheck
from ml_assets.orchestration.partitions import Partitions, dependencies, partitions
from ml_assets.planning.inputs import Input
from ml_assets.release.champion import Champion, champion_by_day, newest
from ml_assets.release.history import releases

AS_OF = (
    "Most days are empty, because a partition is an as-of day and is computed only when a user or "
    "the retraining sensor requests a model of that day."
)

DELTA = frozenset({"pandas", "deltalake"})


@dataclass(frozen=True)
class PipelineContext:
    """The configuration of one pipeline, shared by its stages.

    Attributes:
        name: first part of the asset keys.
        owners: ``team:…`` names.
        days: partitions of features, predictions and monitoring.
        as_of_days: partitions of datasets, models and decisions.
        calendar: cadence and time zone of ``days``.
        as_of_calendar: cadence and time zone of ``as_of_days``.
        features: asset key of the feature table.
        lead: partitions before the end of a partition at which its features can be computed.
        labels: source of the labels.
        join_keys: columns that identify a row of features and labels.
        segments: columns whose values are evaluated separately.
        specification: the model to fit.
        windows: use of the days before an as-of day.
        evaluation: metrics and intervals of an evaluation.
        has_registry: whether released models are registered and staged.
    """

    name: str
    owners: Sequence[str]
    days: Partitions
    as_of_days: Partitions
    calendar: Calendar
    as_of_calendar: Calendar
    features: str
    lead: int
    labels: Labels
    join_keys: Sequence[str]
    segments: Sequence[str]
    specification: ModelSpecification
    windows: Windows
    evaluation: EvaluationRules
    has_registry: bool

    @classmethod
    def of(cls, config: ModelConfiguration) -> "PipelineContext":
        """The pipeline that a ``defs.yaml`` describes."""
        return cls(
            name=config.pipeline,
            owners=config.owners,
            days=partitions(config.days),
            as_of_days=partitions(config.as_ofs, is_as_of=True),
            calendar=config.days.calendar,
            as_of_calendar=config.as_of_calendar,
            features=config.features,
            lead=config.lead_partitions,
            labels=config.labels,
            join_keys=config.join_keys,
            segments=config.segments,
            specification=config.specification,
            windows=config.windows,
            evaluation=config.evaluation,
            has_registry=config.registry,
        )

    @property
    def names(self) -> dict[str, list[str]]:
        """Columns and tables for the placeholders of contracts, see ``contracts.lineage``."""
        return {
            "features": self.specification.features,
            "numeric": list(self.specification.numeric),
            "categorical": list(self.specification.categorical),
            "text": list(self.specification.text),
            "key": list(self.join_keys),
            "segments": list(self.segments),
            "label": [self.labels.column],
            "predicted": prediction_columns(self.specification.classes),
            "known_at": [self.labels.known_at],
            "label_day": [] if self.labels.day == DAY else [self.labels.day],
            "feature_table": [self.features.rpartition("/")[2]],
            "label_table": [self.labels.asset.rpartition("/")[2]],
            "member_models": [],
        }

    @property
    def arrives_within(self) -> int:
        """Partitions after that of a prediction by which its label has arrived."""
        return self.labels.arrives_within(self.calendar)

    def table(self, noun: str) -> str:
        """Table name, and asset key, of one of the pipeline's assets."""
        return f"{self.name}/{noun}"

    def input(self, noun: str) -> Input:
        """The same as-of day of one of the pipeline's assets, as an input."""
        return Input(self.table(noun), calendar=self.as_of_calendar)

    def daily_input(
        self,
        table: str,
        first: int = 0,
        last: int = 0,
        *,
        is_optional: bool = False,
        is_pinned: bool = False,
    ) -> Input:
        """Partitions of a table with the cadence of ``days`` as an input, see ``Input``."""
        return Input(
            table, first, last, is_optional=is_optional, is_pinned=is_pinned, calendar=self.calendar
        )

    def define(
        self,
        noun: str,
        *,
        stage: str,
        description: str,
        version: str,
        inputs: Sequence[Input],
        compute: Compute,
        contract: type[Contract] | None,
        is_as_of: bool = False,
        is_fact: bool = False,
        keeps_dead_letters: bool = False,
        checks: Sequence[TableCheck] | None = None,
        kinds: frozenset[str] = DELTA,
        io_manager_key: str = "io_manager",
        hidden_inputs: Sequence[str] = (),
        inherits_from: str | None = None,
        names: Names | None = None,
    ) -> dg.Definitions:
        """An asset of the pipeline with its checks, and its dead letters where it keeps them.

        Args:
            noun: second part of its key.
            stage: second part of its group.
            description: description for stakeholders.
            version: code version of what computes it.
            inputs: assets it is computed from, for the lineage.
            compute: returns what the IO manager stores for the days of a run.
            contract: the table's contract; None for a model.
            is_as_of: its partitions are as-of days.
            is_fact: its stored days are never computed again, see ``FACT_KEY``.
            keeps_dead_letters: rejected rows are kept in a separate table.
            checks: checks in addition to the standard ones of a contract.
            kinds: Dagster kinds of the asset.
            io_manager_key: key of the IO manager that stores it.
            hidden_inputs: further assets that its columns are computed from; Dagster's graph omits
                them because they would form a cycle.
            inherits_from: table from which inherited columns are copied.
            names: columns for placeholders of its contract, in addition to the pipeline's ``names``.
        """
        schema = contract or ModelPrediction
        column_lineage = lineage(
            schema,
            [*(item.table for item in inputs), *map(self.table, hidden_inputs)],
            {**self.names, **(names or {})},
            inherits_from,
        )
        partitions = self.as_of_days if is_as_of else self.days
        spec = table_spec(
            self.table(noun),
            schema,
            column_lineage,
            stage=stage,
            description=f"{description} {AS_OF}" if is_as_of else description,
            owners=self.owners,
            kinds=set(kinds),
            version=version,
            is_as_of=is_as_of,
            is_table=contract is not None,
            metadata=asset_metadata(self.name, noun, is_fact=is_fact),
            partitions_def=partitions,
            deps=dependencies(inputs),
        )
        asset = table_asset(spec, compute, io_manager_key=io_manager_key)
        standard = (
            standard_checks(contract, keeps_dead_letters=keeps_dead_letters) if contract else []
        )
        return dg.Definitions(
            assets=[asset, dead_letter_spec(spec, schema)] if keeps_dead_letters else [asset],
            asset_checks=[
                table_checks(
                    spec.key,
                    partitions,
                    [*standard, *(checks or [])],
                    is_sparse=True,
                    skipped_fails=is_as_of,
                )
            ],
        )

    def feature_columns(self, dataset: type[Contract]) -> list[str]:
        """Columns that the training dataset copies from the feature table.

        Args:
            dataset: contract of the training dataset.
        """
        sources = lineage(dataset, [self.features, self.labels.asset], self.names, self.features)
        return [name for name, found in sources.items() if found == [(self.features, name)]]

    def champions(self, lake: Lake, days: Sequence[str]) -> dict[str, Champion]:
        """Day → the champion of that day, for the days that have one.

        A model trained after a day could be predicted is not its champion, whenever it is asked for.

        Raises:
            LakeMismatch: an earlier release is lost.
        """
        predicted_on = {day: self.predicted_on(day) for day in days}
        known = releases(lake, self.table(nouns.CHAMPION), max(days)) if days else None
        return {} if known is None else champion_by_day(known, days, predicted_on)

    def predicted_on(self, day: str) -> str:
        """The day on which a day can be predicted: an earlier one if its features exist before."""
        return self.calendar.shifted(day, min(0, 1 - self.lead))

    def champions_before(self, lake: Lake, as_ofs: Sequence[str]) -> dict[str, Champion]:
        """As-of day → the champion that a model of that day has to beat, even if not yet in use.

        Raises:
            LakeMismatch: an earlier release is lost.
        """
        table = self.table(nouns.CHAMPION)
        found = {day: newest(releases(lake, table, day, includes_last=False)) for day in as_ofs}
        return {day: champion for day, champion in found.items() if champion}

    def champion_input(self, of_days: Mapping[str, Champion], noun: str) -> Input:
        """Input: the partition of an as-of table that belongs to the champion of each day."""
        return replace(
            self.champion_lineage(noun),
            picks={day: [champion.as_of] for day, champion in of_days.items()},
        )

    def model_reads(self, champions: Mapping[str, Champion]) -> dict[str, list[Read]]:
        """Day → read of its champion's model, identified by the fingerprint."""
        table = self.table(nouns.MODEL)
        return {
            day: [Read(table, champion.as_of, champion.fingerprint, None, is_pinned=True)]
            for day, champion in champions.items()
        }

    def release_of_champion(self, champions: Mapping[str, Champion]) -> Input:
        """Input: the release of each day's champion, if the day has one."""
        return replace(self.champion_input(champions, nouns.CHAMPION), is_optional=True)

    def evidence_inputs(self, of_days: Mapping[str, Champion]) -> dict[str, Input]:
        """Inputs of the evidence: challenger, and the champion that it has to beat."""
        return {
            "dataset": self.input(nouns.TRAINING_DATASET),
            "model": self.input(nouns.MODEL),
            "champion": self.release_of_champion(of_days),
        }

    def champion_lineage(self, noun: str) -> Input:
        """Input for the lineage: any partition of an as-of table that may belong to the champion."""
        length = self.as_of_calendar.longest_partition * self.windows.window_days
        first = -self.calendar.covering(length)
        found = self.daily_input(self.table(noun), first, is_pinned=True)
        return replace(found, input_calendar=self.as_of_calendar)
