"""Stage: the model card of each registered version, compiled from the assets of its release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.model_release.card_contents import (
    card_features,
    card_is_known,
    card_tables,
    card_verdict,
)
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.configuration.model_sections import CardConfiguration
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import TrainingError
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.ensembles.members import shown_parameters
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import Plan, each_day, plan, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.registry.files import requirements_of
from ml_assets.registry.serving import ServingRecords
from ml_assets.registry.store import Registry
from ml_assets.release.champion import ChampionModel
from ml_assets.release.decision import parse_findings
from ml_assets.release.promotion import training_command
from ml_assets.reports.card import (
    CardContents,
    Check,
    Data,
    html,
    markdown,
)
from ml_assets.reports.contracts import ModelCard
from ml_assets.workspace import Workspace

STAGE = "release"

PAGE = "model_card.html"

COMMON_LIBRARIES = ("numpy", "treelite")
"""Libraries that every model uses, beside those that its own file names."""

SOURCES = (
    nouns.TRAINING_DATASET,
    nouns.MODEL,
    nouns.EVALUATION,
    nouns.COMPARISON,
    nouns.FAIRNESS,
    nouns.RELEASE_DECISION,
    nouns.APPROVALS,
    nouns.REGISTERED_MODEL,
    nouns.INTEGRATION_TESTS,
    nouns.CHAMPION,
)
"""Assets from which a card is compiled."""


@dataclass(frozen=True)
class ModelCardStage:
    """The model card stage of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        text: purpose and limits, from the configuration.
        contract: contract of the training dataset, which describes the features.
    """

    pipeline: PipelineContext
    text: CardConfiguration
    contract: type[Contract]

    def definitions(self) -> dg.Definitions:
        """The asset; none without a registry."""
        this = self.pipeline
        if not this.has_registry:
            return dg.Definitions()
        return this.define(
            nouns.MODEL_CARD,
            stage=STAGE,
            description="Purpose, performance, release decision and limits of a registered version.",
            version=self._version,
            inputs=[this.input(noun) for noun in SOURCES],
            compute=self._write,
            contract=ModelCard,
            is_as_of=True,
            kinds=frozenset({"markdown", "mlflow"}),
        )

    @property
    def _version(self) -> str:
        this = self.pipeline
        return code_version(markdown, self.text.model_dump(), this.specification, list(this.owners))

    def _write(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        this, lake, registry = self.pipeline, workspace.lake, workspace.registry
        inputs = {
            noun: replace(this.input(noun), is_optional=True, is_pinned=True, is_evidence=True)
            for noun in SOURCES
        }
        inputs[nouns.REGISTERED_MODEL] = this.input(nouns.REGISTERED_MODEL)
        planned = plan(lake, this.table(nouns.MODEL_CARD), days, inputs, self._version)
        planned = with_recomputed(planned, self._missing_cards(lake, registry, planned))
        metadata: dict[str, ExtraMetadata] = {}

        def card_of(day: str) -> pd.DataFrame:
            registered = planned.windows[nouns.REGISTERED_MODEL].read(days=[day])
            if registered.empty:
                return no_rows(ModelCard)
            if missing := [noun for noun in SOURCES if not card_is_known(planned, noun, day)]:
                raise TrainingError(
                    f"its card needs {', '.join(map(this.table, missing))} of {day}. To compute "
                    f"them and the card, run: {training_command(this.name, day)}"
                )
            number = int(registered["version"].iloc[0])
            contents = self._contents(lake, registry, planned, day, number)
            text = markdown(contents)
            files = {"model_card.md": text, PAGE: html(contents)}
            registry.describe(this.name, number, text, files)
            metadata[day] = {
                "card": dg.MetadataValue.md(text),
                "html": dg.MetadataValue.path(workspace.below_data(self._file(registry, number))),
                "version": number,
            }
            return registered.assign(markdown=text)

        planned, frames = each_day(planned, card_of)
        return output(planned, frames, ModelCard, self._version, day_metadata=metadata)

    def _file(self, registry: Registry, number: int) -> Path:
        return registry.folder(self.pipeline.name, number) / PAGE

    def _missing_cards(self, lake: Lake, registry: Registry, planned: Plan) -> list[str]:
        """Days whose card file is missing, because their version was registered again."""
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        if not stored:
            return []
        cards = lake.read(self.pipeline.table(nouns.MODEL_CARD), stored)
        return [
            row[DAY]
            for row in cards.to_dict("records")
            if not self._file(registry, row["version"]).is_file()
        ]

    def _contents(
        self, lake: Lake, registry: Registry, planned: Plan, day: str, number: int
    ) -> CardContents:
        this, specification = self.pipeline, self.pipeline.specification

        def rows(noun: str) -> pd.DataFrame:
            return planned.windows[noun].read(days=[day])

        champion = (
            rows(nouns.CHAMPION)
            if day in planned.windows["champion"].hashes
            else no_rows(ChampionModel)
        )

        [decision] = _records(rows(nouns.RELEASE_DECISION))
        evaluation = rows(nouns.EVALUATION)
        approvals = rows(nouns.APPROVALS)
        tests = [
            Check(row["test"], bool(row["passed"]), row["finding"])
            for row in _records(rows(nouns.INTEGRATION_TESTS))
        ]
        verdict, decided_by = card_verdict(
            champion, decision["challenger"], rows(nouns.INTEGRATION_TESTS)
        )
        serving = ServingRecords(registry, this.name).of(number)
        return CardContents(
            pipeline=this.name,
            version=str(number),
            fingerprint=decision["challenger"],
            as_of=day,
            purpose=self.text.purpose,
            owners=this.owners,
            verdict=verdict,
            decided_by=decided_by,
            task=specification.task,
            estimator=specification.estimator,
            hyperparameters=shown_parameters(specification),
            label=specification.label,
            classes=specification.classes,
            features=card_features(self.contract, specification.features),
            data=self._data(planned, lake, day, decision),
            main_metric=decision["metric"],
            metrics=evaluation[evaluation[SPLIT] == "test"],
            comparison=rows(nouns.COMPARISON),
            champion=decision["champion_as_of"],
            fairness=rows(nouns.FAIRNESS),
            gates=[
                Check(gate.name, bool(decision[gate.name]), gate.reason)
                for gate in parse_findings(decision["findings"]).values()
            ],
            approvals=_records(approvals),
            integration_tests=tests,
            serving=serving,
            limits=self.text.limits,
            code_version=lake.ledger.latest(this.table(nouns.MODEL), [day])[day].code_version,
            library_versions=requirements_of(registry.folder(this.name, number))
            | {name: installed(name) for name in COMMON_LIBRARIES},
            confidence=this.evaluation.confidence,
        )

    def _data(self, planned: Plan, lake: Lake, day: str, decision: Mapping[str, Any]) -> Data:
        dataset = planned.windows[nouns.TRAINING_DATASET].read([FEATURE_DAY, SPLIT], [day])
        table = self.pipeline.table(nouns.TRAINING_DATASET)
        return Data(
            training_first=dataset.loc[dataset[SPLIT] == "train", FEATURE_DAY].min(),
            training_last=decision["training_last"],
            training_rows=int(decision["training_rows"]),
            test_first=decision["test_first"],
            test_last=decision["test_last"],
            test_rows=int(decision["test_rows"]),
            tables=card_tables(lake.ledger.reads(table, [day])[day]),
        )


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
