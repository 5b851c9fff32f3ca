"""Stage: what the champion of a day predicts, the labels that arrive later, and how good it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd

from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import Pipeline
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import RegistryMismatch, TrainingError, UnsafeModel
from ml_assets.lake.integrity import last_stored
from ml_assets.lake.store import Window
from ml_assets.learning.scoring import score, with_late_rows
from ml_assets.ledger.entries import grouped
from ml_assets.monitoring.contracts.performance import Performance
from ml_assets.monitoring.performance import arrived_labels, headline, performance
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.partitions import bounds
from ml_assets.planning.plan import Input, Plan, each_day, plan, skipping
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion
from ml_assets.release.confirm import confirm_champion
from ml_assets.release.facts import release_facts
from ml_assets.workspace import Workspace

STAGE = "predictions"


@dataclass(frozen=True)
class Predictions:
    """The prediction stage of a pipeline.

    Attributes:
        pipeline: what the stages share.
        contract: contract of the predictions.
        label_contract: contract of the arrived labels.
        feature_columns: columns of the feature table.
    """

    pipeline: Pipeline
    contract: type[Contract]
    label_contract: type[Contract]
    feature_columns: Sequence[str]

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks."""
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                "predictions",
                stage=STAGE,
                description=(
                    "What the champion of the day predicts for each row of the day. Predictions stay "
                    "as they were made; rows that come after their day was scored are added, marked late."
                ),
                version=self._prediction_version,
                inputs=[
                    Input(this.features),
                    this.champion_lineage("model"),
                    this.champion_lineage("champion"),
                ],
                compute=self._predict,
                contract=self.contract,
                is_fact=True,
                handed_on_by=this.features,
                names={"feature_columns": self.feature_columns},
            ),
            this.define(
                "labels",
                stage=STAGE,
                description="What really happened, by the day it became known, joined with its prediction.",
                version=self._label_version,
                inputs=[self._scored, self._outcomes],
                compute=self._collect_labels,
                contract=self.label_contract,
                handed_on_by=this.table("predictions"),
                keeps_dead_letters=True,
            ),
            this.define(
                "performance",
                stage=STAGE,
                description="How good a day's predictions were, by the labels that have arrived so far.",
                version=self._performance_version,
                inputs=[self._predicted, self._arriving],
                compute=self._measure,
                contract=Performance,
            ),
        )

    @property
    def _prediction_version(self) -> str:
        this = self.pipeline
        return code_version(
            score,
            *contract_sources(self.contract),
            this.specification,
            list(this.key),
            list(this.segments),
        )

    @property
    def _label_version(self) -> str:
        this = self.pipeline
        return code_version(
            arrived_labels, *contract_sources(self.label_contract), this.labels.model_dump()
        )

    @property
    def _performance_version(self) -> str:
        this = self.pipeline
        return code_version(performance, this.specification, list(this.segments), this.evaluation)

    @property
    def _predicted(self) -> Input:
        """The same day's predictions, as they were made: they count although their inputs changed."""
        return Input(self.pipeline.table("predictions"), is_pinned=True)

    @property
    def _scored(self) -> Input:
        within = self.pipeline.labels.within_days
        return replace(self._predicted, first=-within, is_optional=True)

    @property
    def _outcomes(self) -> Input:
        return replace(self._scored, table=self.pipeline.labels.asset, is_pinned=False)

    @property
    def _arriving(self) -> Input:
        within = self.pipeline.labels.within_days
        return Input(self.pipeline.table("labels"), 0, within, is_optional=True)

    def _predict(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        table = this.table("predictions")
        planned = plan(
            lake,
            table,
            days,
            {"features": Input(this.features), "champion": this.release_of_champion(champions)},
            self._prediction_version,
            further_reads=this.model_reads(champions),
        )
        planned, scored = self._score(workspace, planned, champions)
        planned, frames = each_day(
            planned,
            lambda day: with_late_rows(last_stored(lake, table, day), _scored_rows(scored, day)),
        )
        return output(
            planned,
            frames,
            self.contract,
            self._prediction_version,
            day_metadata={day: _shown(frame) for day, frame in frames.items()},
            is_final=True,
        )

    def _score(
        self, workspace: Workspace, planned: Plan, champions: Mapping[str, Champion]
    ) -> tuple[Plan, pd.DataFrame]:
        """Predictions of all days to compute, each by its champion.

        Days whose champion cannot be used are skipped with the reason: another model must not take
        its place, and what was predicted before stays.

        Raises:
            UnsafeModel: the newest day was never scored, and the file of its champion is gone or
                altered.
            RegistryMismatch: the same, and what is stored of its release does not agree.
        """
        stored = workspace.lake.days_stored(self.pipeline.table("predictions"))
        days_of = grouped((champions[day], day) for day in planned.compute if day in champions)
        parts, unusable = [no_rows(self.contract)], {}
        for champion, days in days_of.items():
            try:
                features = planned.windows["features"]
                parts.append(self._score_by(workspace, champion, features, days))
            except (UnsafeModel, RegistryMismatch) as error:
                if max(planned.compute) in {*days} - {*stored}:
                    raise
                unusable.update(dict.fromkeys(days, str(error)))
        return skipping(planned, unusable), pd.concat(parts[1:] or parts, ignore_index=True)

    def _score_by(
        self, workspace: Workspace, champion: Champion, features: Window, days: Sequence[str]
    ) -> pd.DataFrame:
        this = self.pipeline
        self._confirm(workspace, champion)
        model = workspace.models.load(this.table("model"), champion.fingerprint, this.specification)
        scored = score(
            this.specification,
            model,
            features.read(days=days),
            key=this.key,
            segments=this.segments,
        )
        return scored.assign(
            model_version=champion.fingerprint,
            model_as_of=champion.as_of,
            feature_version=scored[DAY].map(features.hashes),
        )

    def _confirm(self, workspace: Workspace, champion: Champion) -> None:
        """Refuse a champion that is not what its release says.

        Raises:
            RegistryMismatch: decision, approval, registration, tests and model do not agree.
            LakeMismatch: one of them was altered behind the ledger.
        """
        registry = workspace.registry if self.pipeline.has_registry else None
        lake, log, as_of = workspace.lake, workspace.approvals, champion.as_of
        confirm_champion(release_facts(lake, log, registry, self.pipeline.name, as_of))

    def _collect_labels(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        inputs = {"predictions": self._scored, "outcomes": self._outcomes}
        planned = plan(lake, this.table("labels"), days, inputs, self._label_version)
        scored, outcomes = planned.windows["predictions"], planned.windows["outcomes"]
        predictions = _read_all(scored, self.contract)
        columns = [DAY, *this.key, this.labels.column, this.labels.known_at, this.labels.day]
        known = outcomes.read(columns) if outcomes.hashes else None
        planned, frames = each_day(
            planned, lambda day: self._labels_of(day, predictions, known, scored)
        )
        return output(
            planned, frames, self.label_contract, self._label_version, keeps_dead_letters=True
        )

    def _labels_of(
        self, day: str, predictions: pd.DataFrame, outcomes: pd.DataFrame | None, scored: Window
    ) -> pd.DataFrame:
        this = self.pipeline
        window = self._scored.days_of(day)
        scored_days = [scored_day for scored_day in window if scored_day in scored.hashes]
        if outcomes is None or not scored_days:
            return no_rows(self.label_contract)
        return arrived_labels(
            predictions[predictions[DAY].isin(scored_days)],
            outcomes[outcomes[DAY].isin(window)],
            day=day,
            bounds=bounds(this.days, day),
            scored_days=scored_days,
            key=this.key,
            segments=this.segments,
            label=this.labels.column,
            known_at=this.labels.known_at,
            of_day=this.labels.day,
            delay_days=this.labels.delay_days,
            within_days=this.labels.within_days,
        )

    def _measure(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        inputs = {"predictions": self._predicted, "labels": self._arriving}
        planned = plan(lake, this.table("performance"), days, inputs, self._performance_version)
        predictions = _read_all(planned.windows["predictions"], self.contract)
        labels = _read_all(planned.windows["labels"], self.label_contract)

        def of_day(day: str) -> pd.DataFrame:
            return performance(
                this.specification,
                predictions[predictions[DAY] == day],
                labels[labels["prediction_day"] == day],
                this.segments,
                day=day,
                rules=this.evaluation,
            )

        planned, frames = each_day(planned, of_day)
        return output(
            planned,
            frames,
            Performance,
            self._performance_version,
            day_metadata={day: headline(frame) for day, frame in frames.items()},
        )


def _scored_rows(scored: pd.DataFrame, day: str) -> pd.DataFrame:
    rows = scored[scored[DAY] == day]
    if rows.empty:
        raise TrainingError(
            f"not predicted: no champion serves on {day}. Materialize a model and its release "
            "of that day or an earlier one, from the approvals to the champion: the asset groups "
            "that end in __training and __release"
        )
    return rows


def _read_all(window: Window, contract: type[Contract]) -> pd.DataFrame:
    """Rows of all stored days of a window; none, with the contract's columns, when none is stored."""
    return window.read() if window.hashes else no_rows(contract)


def _shown(predictions: pd.DataFrame) -> dict[str, float | int | str]:
    return {
        "mean prediction": float(predictions["prediction"].mean()),
        "model as of": str(predictions["model_as_of"].iloc[0]) if len(predictions) else "",
        "late rows": int(predictions["is_late"].sum()),
    }
