"""Stage: the predictions of each day, collected from what services answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.batch_predictions.stage import STAGE
from ml_assets.components.batch_predictions.summary import prediction_summary
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.validation import no_rows
from ml_assets.lake.integrity import latest_rows
from ml_assets.learning.predictions import PREDICTION, prediction_columns
from ml_assets.learning.scoring import PREDICTION_ID, with_late_rows
from ml_assets.ledger.entries import Read
from ml_assets.ledger.ledger import Ledger
from ml_assets.online.prediction_log.rows import EVENT
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import each_day, plan
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class CollectedPredictions:
    """The prediction stage of a pipeline whose predictions are answered by a service.

    Attributes:
        pipeline: context shared by all stages.
        contract: contract of the predictions.
        logged: contract of the logged predictions.
    """

    pipeline: PipelineContext
    contract: type[Contract]
    logged: type[Contract]

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        this = self.pipeline
        return this.define(
            nouns.PREDICTIONS,
            stage=STAGE,
            description=(
                "Predictions that services answered, one for each row that was requested: the last "
                "answer. Stored predictions never change; rows that are requested after their day was "
                "collected are added, marked late."
            ),
            version=self._version,
            inputs=[
                self._answers,
                this.champion_lineage(nouns.MODEL),
                this.champion_lineage(nouns.CHAMPION),
            ],
            compute=self._collect,
            contract=self.contract,
            is_fact=True,
            inherits_from=self._answers.table,
            names={
                "feature_table": [nouns.LOGGED_PREDICTIONS],
                "features": prediction_columns(this.specification.classes),
                "feature_columns": ["event_id"],
                "times": ["horizon_hours"],
                "target_time": ["is_replayed"],
            },
        )

    @property
    def _answers(self) -> Input:
        return self.pipeline.daily_input(self.pipeline.table(nouns.LOGGED_PREDICTIONS))

    @property
    def _version(self) -> str:
        return code_version(last_answers, *contract_sources(self.contract))

    def _collect(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        table = this.table(nouns.PREDICTIONS)
        planned = plan(
            lake,
            table,
            days,
            {"answers": self._answers},
            self._version,
            further_reads=self._models(lake.ledger, days),
        )
        answers = planned.rows("answers", self._answers)
        if answers is None:
            answers = no_rows(self.logged)

        def collected(day: str) -> pd.DataFrame:
            last = last_answers(answers[answers[DAY] == day], self.contract)
            last = last.dropna(subset=[PREDICTION])  # an ensemble refused the row
            return with_late_rows(latest_rows(lake, table, day), last)

        planned, frames = each_day(planned, collected)
        requests, rows = answers[DAY].value_counts(), answers.groupby(DAY)[PREDICTION_ID].nunique()
        return output(
            planned,
            frames,
            self.contract,
            self._version,
            day_metadata={
                day: {
                    **prediction_summary(frame, this.specification.classes),
                    "requests": int(requests.get(day, 0)),
                    "further requests of the same rows": int(
                        requests.get(day, 0) - rows.get(day, 0)
                    ),
                }
                for day, frame in frames.items()
            },
            is_final=True,
        )

    def _models(self, ledger: Ledger, days: Sequence[str]) -> dict[str, list[Read]]:
        """Day → reads of the models that answered, as the logged predictions have them."""
        model = self.pipeline.table(nouns.MODEL)
        reads = ledger.reads(self._answers.table, days)
        return {day: [read for read in reads[day] if read.table == model] for day in days}


def last_answers(answers: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    """The last answer of each row as its prediction.

    Args:
        answers: (n, …) logged predictions of a day.
        contract: contract of the predictions.

    Returns:
        (m, …) ``ds`` and the contract's columns but ``is_late``. Of answers at the same time, the one
        with the greatest event id is the last.
    """
    last = answers.sort_values(["answered_at", "event_id"]).drop_duplicates(
        PREDICTION_ID, keep="last"
    )
    found = last.assign(feature_version=EVENT + last["event_id"])
    return found[[DAY, *(name for name in columns(contract) if name != "is_late")]]
