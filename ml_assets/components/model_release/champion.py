"""Stage: the released and tested model becomes the champion; the registry's alias follows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets.cadence import shifted
from ml_assets.components.model_release.releasing import DECIDED, Released, Releasing
from ml_assets.components.model_release.staging import Staging
from ml_assets.components.pipeline.pipeline import Pipeline, output, planned_from
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import LakeMismatch, TrainingError
from ml_assets.lake.integrity import in_force, unaltered
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.assets.day_metadata import Further
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import Input, Plan, computing_too, each_day
from ml_assets.provenance.code import code_version
from ml_assets.registry.integration import IntegrationTest
from ml_assets.registry.store import CHAMPION
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import shown_time
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.champion import ChampionModel, newest
from ml_assets.release.decision import AWAITING
from ml_assets.release.history import begun_before, released_days, releases
from ml_assets.release.promotion import (
    NotPromoted,
    is_not_measured,
    lost_approval,
    problem_of_tests,
    release_command,
    training_command,
)
from ml_assets.workspace import Workspace

STAGE = "release"

REGISTERED = {
    "registered": ["registered_model.version"],
}
"""What a champion's columns are made from besides, where there is a registry."""


@dataclass(frozen=True)
class ChampionStage:
    """The champions of a pipeline.

    Attributes:
        staging: what a model has to have gone through.
    """

    staging: Staging

    @property
    def pipeline(self) -> Pipeline:
        """What the stages share."""
        return self.staging.pipeline

    @property
    def releasing(self) -> Releasing:
        """What a release goes on by."""
        return self.staging.releasing

    @property
    def _table(self) -> str:
        return self.pipeline.table("champion")

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        return self.pipeline.define(
            "champion",
            stage=STAGE,
            description="The model that serves from this as-of day on; the registry's alias 'champion' follows it.",
            version=code_version(ChampionModel),
            inputs=[Input(self.pipeline.table(noun)) for noun in self._released_through],
            compute=self._promote,
            contract=ChampionModel,
            is_as_of=True,
            names=REGISTERED if self.pipeline.has_registry else dict.fromkeys(REGISTERED, ()),
        )

    @property
    def _released_through(self) -> list[str]:
        """What a model has to have gone through to become champion."""
        stages = ["registered_model", "integration_tests"] if self.pipeline.has_registry else []
        return [*DECIDED, *stages]

    def _promote(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake = workspace.lake
        version = code_version(ChampionModel)
        planned = planned_from(
            self.pipeline, lake, "champion", days, version, reads=self._released_through
        )
        by_hand = written_by_hand(lake, self._table, list(planned.unchanged))
        planned = computing_too(planned, by_hand)
        self._take_turns(lake.ledger, planned.compute)
        planned, frames = each_day(planned, lambda day: self._champion_of(workspace, planned, day))
        return output(
            planned,
            frames,
            ChampionModel,
            version,
            day_metadata=_champions(frames),
            is_fact=True,
            after_commit=(lambda: self._point_alias(workspace))
            if self.pipeline.has_registry
            else None,
        )

    def _champion_of(self, workspace: Workspace, planned: Plan, day: str) -> pd.DataFrame:
        """The champion of an as-of day; no row when its model was not released.

        Raises:
            NotPromoted: it was released, and something keeps it from becoming champion.
        """
        lake = workspace.lake
        decision = self.releasing.decision_of(planned, day)
        release = self.releasing.released(workspace, planned, day)
        if release is None:
            self._refuse_if_released(lake.ledger, day)
            self._tell_lost_approval(workspace.approvals, decision, day)
            return no_rows(ChampionModel)
        number = self._tested_version(lake.ledger, planned, day, decision["challenger"], release)
        self._refuse_out_of_turn(lake.ledger, day)
        self._refuse_older(lake.ledger, day, release)
        self.releasing.refuse_other_champion(lake, decision, day)
        return pd.DataFrame(
            [
                {
                    DAY: day,
                    "fingerprint": decision["challenger"],
                    "version": number,
                    "serves_from": release.serves_from,
                    "released_by": release.by,
                    "evidence": decision["evidence"],
                    "metric": decision["metric"],
                    "value": decision["challenger_value"],
                    "training_days": decision["training_days"],
                    "training_last": decision["training_last"],
                    "replaces": decision["champion_as_of"],
                }
            ]
        )

    def _refuse_if_released(self, ledger: Ledger, day: str) -> None:
        """A model that has been champion was released on its evidence; that is not taken back.

        Raises:
            TrainingError: it was released before, and would not be now.
        """
        if day in released_days(ledger.history(self._table)):
            raise TrainingError(
                f"the model of {day} was released before, and would not be released now: see "
                "release_decision, approvals and integration_tests of the day. What is stored of "
                "it stays"
            )

    def _take_turns(self, ledger: Ledger, days: Sequence[str]) -> None:
        """Note which days begin to be released, so that of two at once the later sees the earlier."""
        released = released_days(ledger.history(self._table))
        if new := [day for day in days if day not in released]:
            ledger.begin(self._table, new)

    def _refuse_out_of_turn(self, ledger: Ledger, day: str) -> None:
        """One release is promoted after the other.

        Raises:
            TrainingError: another release began before this one.
        """
        history = ledger.history(self._table)
        if day in released_days(history):
            return
        if others := begun_before(history, day):
            raise TrainingError(
                f"{self._table} {others[0]} is being released, or was cut short. Release it first: "
                f"{release_command(self.pipeline.name, others[0])}; and then this one: "
                f"{release_command(self.pipeline.name, day)}"
            )

    def _refuse_older(self, ledger: Ledger, day: str, release: Released) -> None:
        """A model never replaces the one of a newer day, which was released before it.

        It happens when an old day is judged again, because its data was corrected, and passes now.
        """
        released = released_days(ledger.history(self._table))
        newest_day = max(released, default="")
        if newest_day > day and day not in released:
            raise self._not_promoted(
                day,
                release.by,
                f"the model of {newest_day} was released since and is newer, so this one would "
                "never serve",
                f"Train and judge a model as of a later day: "
                f"{training_command(self.pipeline.name, shifted(newest_day, 1))}",
            )

    def _tested_version(
        self, ledger: Ledger, planned: Plan, day: str, challenger: str, release: Released
    ) -> int:
        """The registered version of which every integration test is there and passed; 0 without a registry.

        Raises:
            NotPromoted: it is not registered, or a test did not pass.
            LakeMismatch: they are of another model than was judged, or of other code or budgets.
        """
        if not self.pipeline.has_registry:
            return 0
        registered = unaltered(planned.windows["registered_model"], day)
        tests = unaltered(planned.windows["integration_tests"], day)
        problem = problem_of_tests(tests, IntegrationTest.names())
        if registered.empty or problem:
            self._refuse_if_released(ledger, day)
            advice = (
                "Repair what they name"
                if not is_not_measured(tests)
                else "Wait for the machine to be less busy"
            )
            command = release_command(self.pipeline.name, day)
            raise self._not_promoted(
                day,
                release.by,
                "it is not registered" if registered.empty else problem,
                f"{advice}, and run the release again: {command}",
            )
        in_force(planned.windows["integration_tests"], day, self.staging.tests_version)
        if {*registered["fingerprint"], *tests["fingerprint"]} != {challenger}:
            raise LakeMismatch(
                f"What was registered or tested as of {day} is not the model that was judged, "
                f"{challenger}: run the release again: {release_command(self.pipeline.name, day)}"
            )
        return int(registered["version"].iloc[0])

    def _tell_lost_approval(self, log: ApprovalLog, decision: Mapping[str, Any], day: str) -> None:
        """An approval that was used, and expired before its model was champion.

        Raises:
            NotPromoted: there is one.
        """
        name = self.pipeline.name
        records = log.records(name, day)
        if decision["verdict"] != AWAITING:
            return
        lost = lost_approval(records, decision["evidence"], datetime.now(UTC))
        if lost and lost.expires_at:
            raise self._not_promoted(
                day,
                lost.signature,
                f"{lost.name} expired on {shown_time(lost.expires_at)}, before the release was finished",
                f"Approve it again: ml-assets approve {name} {day} --by NAME --reason TEXT; then: "
                f"{release_command(name, day)}",
            )

    def _not_promoted(self, day: str, by: str, problem: str, remedy: str) -> NotPromoted:
        return NotPromoted(
            f"the model of {day} was released by {by} and did not become champion: {problem}. {remedy}"
        )

    def _point_alias(self, workspace: Workspace) -> None:
        """Let the alias follow the champions, also when another run releases meanwhile."""
        registry, name, lake = workspace.registry, self.pipeline.name, workspace.lake
        while (fingerprint := self._newest(lake)) is not None:
            registry.set_alias(name, CHAMPION, fingerprint)
            if self._newest(lake) == fingerprint:
                return

    def _newest(self, lake: Lake) -> str | None:
        last = self.pipeline.as_of_days.get_last_partition_key() or ""
        champion = newest(releases(lake, self._table, last))
        return champion.fingerprint if champion else None


def _champions(frames: Mapping[str, pd.DataFrame]) -> dict[str, Further]:
    columns = ["fingerprint", "version", "serves_from", "released_by", "evidence"]
    return {
        day: {column: str(frame[column].iloc[0]) for column in columns}
        for day, frame in frames.items()
        if len(frame)
    }
