"""Stage: the predictions of a day that services answered, from the prediction log."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.batch_predictions.stage import STAGE
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY, columns_of
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.validation import validate
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.ledger.entries import Entry, Read, Status, grouped
from ml_assets.ledger.ledger import Ledger
from ml_assets.online.prediction_log.rows import ensemble_columns, logged_rows
from ml_assets.orchestration.assets.table_output import TableOutput, in_parts
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import plan, with_kept
from ml_assets.provenance.code import code_version
from ml_assets.sources.fingerprint import observed_schema, raw_fingerprints
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class LoggedPredictions:
    """The logged predictions of a pipeline.

    A day is computed again when the log has other entries of it: more, or fewer after an erasure.

    Attributes:
        pipeline: context shared by all stages.
        contract: contract of the logged predictions.
        times: the times of a prediction, from columns of a request.
        is_ensemble: whether the model is an ensemble, so that rows tell how it came to them.
    """

    pipeline: PipelineContext
    contract: type[Contract]
    times: PredictionTimes
    is_ensemble: bool

    def definitions(self) -> dg.Definitions:
        """The log as an external asset, the table, its dead letters and its checks."""
        this = self.pipeline
        log = dg.AssetSpec(
            self._log.split("/"),
            description=f"Every prediction of {this.name} that services answered.",
            kinds={"sql"},
            owners=this.owners,
            group_name=f"{this.name}__{STAGE}",
            partitions_def=this.days,
        )
        defined = this.define(
            nouns.LOGGED_PREDICTIONS,
            stage=STAGE,
            description="Predictions that services answered, from the prediction log.",
            version=self._version,
            inputs=[self._logged],
            compute=lambda workspace, days: in_parts(
                days, lambda part: self._extract(workspace, part)
            ),
            contract=self.contract,
            keeps_dead_letters=True,
            names={"log": [this.name]},
        )
        return dg.Definitions.merge(dg.Definitions(assets=[log]), defined)

    @property
    def _log(self) -> str:
        return f"prediction_log/{self.pipeline.name}"

    @property
    def _logged(self) -> Input:
        return self.pipeline.daily_input(self._log)

    @property
    def _names(self) -> list[str]:
        return [*dict.fromkeys([*self.pipeline.join_keys, *self.pipeline.segments])]

    @property
    def _version(self) -> str:
        of_ensemble = [ensemble_columns] if self.is_ensemble else []
        sources = contract_sources(self.contract)
        return code_version(logged_rows, *of_ensemble, *sources, self._names, self.times)

    def _extract(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        table = this.table(nouns.LOGGED_PREDICTIONS)
        entries = workspace.prediction_log.read(this.name, days)
        raw = logged_rows(entries, self.contract, self._names, self.times)
        if self.is_ensemble and entries:
            raw = raw.join(ensemble_columns(entries))
        kept = self._stored_before_they_were_erased(workspace, days)
        self._record(lake.ledger, [day for day in days if day not in kept], raw)
        planned = plan(
            lake,
            table,
            days,
            {"log": self._logged},
            self._version,
            further_reads=self._models(raw),
        )
        planned = with_kept(planned, kept)
        wanted = raw[raw[DAY].isin(planned.compute)]
        return TableOutput(
            planned,
            validate(wanted, self.contract, planned.compute),
            self._version,
            may_skip_days=True,
        )

    def _stored_before_they_were_erased(
        self, workspace: Workspace, days: Sequence[str]
    ) -> dict[str, Entry]:
        """Day → entry of its stored rows, of days whose log entries were all erased after a time."""
        erasures = workspace.prediction_log.erasures(self.pipeline.name, days)
        erased = sorted({one.day for one in erasures if not one.columns})
        table = self.pipeline.table(nouns.LOGGED_PREDICTIONS)
        latest = workspace.lake.ledger.latest(table, erased) if erased else {}
        return {day: entry for day, entry in latest.items() if entry.status is Status.STORED}

    def _record(self, ledger: Ledger, days: Sequence[str], raw: pd.DataFrame) -> None:
        """Record the log's content of days in the ledger where it has changed."""
        known = ledger.latest(self._log, days)
        schema = observed_schema(raw, columns(self.contract))
        found = raw_fingerprints(raw, days, columns_of(schema))
        counts = raw[DAY].value_counts()
        ledger.append(
            [
                Entry(
                    self._log,
                    day,
                    Status.STORED,
                    content_hash=found[day],
                    rows=int(counts.get(day, 0)),
                    schema=schema,
                )
                for day in days
                if day not in known or known[day].content_hash != found[day]
            ]
        )

    def _models(self, raw: pd.DataFrame) -> dict[str, list[Read]]:
        """Day → reads of the models that answered, identified by their fingerprints."""
        model = self.pipeline.table(nouns.MODEL)
        answered = raw[[DAY, "model_as_of", "model_version"]].drop_duplicates()
        return grouped(
            (str(day), Read(model, str(as_of), str(fingerprint), None, is_pinned=True))
            for day, as_of, fingerprint in sorted(answered.itertuples(index=False))
        )
