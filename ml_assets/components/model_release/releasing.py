"""Whether a release goes on after its decision: asked at every stage, of what is in force then."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.components.pipeline.pipeline import Pipeline
from ml_assets.errors import TrainingError
from ml_assets.lake.integrity import in_force, unaltered
from ml_assets.lake.store import Lake
from ml_assets.planning.plan import Plan
from ml_assets.release.approvals.approvals import State, records_of, standing
from ml_assets.release.approvals.persons import first_not_scored
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.history import release_of, released_days
from ml_assets.release.promotion import release_command
from ml_assets.workspace import Workspace

DECIDED = ("release_decision", "approvals")
"""What says whether a model is released."""


@dataclass(frozen=True)
class Released:
    """A release that may go on, and by whom."""

    by: str
    serves_from: str


@dataclass(frozen=True)
class Releasing:
    """The releases of a pipeline, on their way from a decision to a champion.

    Attributes:
        pipeline: whose.
        decision_version: version of the code and rules that decide now.
    """

    pipeline: Pipeline
    decision_version: str

    def decision_of(self, planned: Plan, day: str) -> dict[str, Any]:
        """The release decision of an as-of day, as it was made.

        Raises:
            LakeMismatch: somebody changed it since.
        """
        return _record(unaltered(planned.windows["release_decision"], day))

    def released(self, workspace: Workspace, planned: Plan, day: str) -> Released | None:
        """Whether the release of a day may go on: it passed, or an approval of it was used.

        What is champion was released; of anything else it is asked what holds now.

        Args:
            workspace: where it is asked.
            planned: has windows over the tables of ``DECIDED``.
            day: the as-of day.

        Raises:
            LakeMismatch: the decision was changed, or made by other code or rules.
            TrainingError: it was judged against another champion than there is, or what persons
                said last is not in ``approvals``.
        """
        decision = self.decision_of(planned, day)
        lake = workspace.lake
        if champion := self._champion_on(lake, decision, day):
            return Released(champion["released_by"], champion["serves_from"])
        if decision["verdict"] not in {PASSED, AWAITING}:
            return None
        in_force(planned.windows["release_decision"], day, self.decision_version)
        if decision["verdict"] == PASSED:
            found: Released | None = Released(BY_GATES, day)
        else:
            said = unaltered(planned.windows["approvals"], day)
            found = self._approved(workspace, said, decision, day)
        if found:
            self.refuse_other_champion(lake, decision, day)
        return found

    def refuse_other_champion(self, lake: Lake, decision: dict[str, Any], day: str) -> None:
        """A model is promoted only over the champion that it was compared with.

        Raises:
            TrainingError: the champion is another one now.
        """
        champion = self.pipeline.champions_before(lake, [day]).get(day)
        is_same = decision["champion"] == (champion.fingerprint if champion else "")
        if is_same or self._champion_on(lake, decision, day):
            return
        raise TrainingError(
            f"the model of {day} was judged against {decision['champion_as_of'] or 'no champion'}, "
            f"and the champion is {champion.as_of if champion else 'none'} now. Judge it again: "
            f"{release_command(self.pipeline.name, day)}"
        )

    def _champion_on(self, lake: Lake, decision: dict[str, Any], day: str) -> dict[str, Any] | None:
        table = self.pipeline.table("champion")
        return release_of(lake, table, day, decision["evidence"])

    def _approved(
        self, workspace: Workspace, said: pd.DataFrame, decision: dict[str, Any], day: str
    ) -> Released | None:
        """The release on an approval that was used and is still valid.

        The model serves from the day that was told then, or later when further days were scored
        before it became champion.
        """
        lake, name = workspace.lake, self.pipeline.name
        records = records_of(name, said)
        if records != workspace.approvals.records(name, day):
            raise TrainingError(
                f"{self.pipeline.table('approvals')} {day} does not hold what was said last: "
                "materialize it first"
            )
        found = standing(records, decision["evidence"], datetime.now(UTC))
        if found.state is not State.USED or found.record is None:
            return None
        serves_from = found.serves_from
        if day not in released_days(lake.ledger.history(self.pipeline.table("champion"))):
            serves_from = max(serves_from, first_not_scored(lake, name, day))
        return Released(found.record.signature, serves_from)


def _record(rows: pd.DataFrame) -> dict[str, Any]:
    [row] = rows.to_dict("records")
    return {str(name): value for name, value in row.items()}
