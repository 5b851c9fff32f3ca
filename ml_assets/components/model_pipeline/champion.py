"""Stage: the released and tested model becomes the champion; the registry's alias follows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets.components.model_pipeline.approvals import DECIDED, decision_of, released
from ml_assets.components.model_pipeline.shared import Pipeline, output, planned_from
from ml_assets.components.model_pipeline.staging import all_passed
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import TrainingError
from ml_assets.lake.code import code_version
from ml_assets.lake.content import DAY
from ml_assets.lake.integrity import unaltered
from ml_assets.lake.planning import Input, Plan, each_day
from ml_assets.lake.store import Lake
from ml_assets.orchestration.day_metadata import Further
from ml_assets.orchestration.model_io import project_registry
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.registry.champion import ChampionModel, newest
from ml_assets.registry.releases import released_days, releases
from ml_assets.registry.store import CHAMPION

STAGE = "release"


@dataclass(frozen=True)
class ChampionStage:
    """The champions of a pipeline."""

    pipeline: Pipeline

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
        )

    @property
    def _released_through(self) -> list[str]:
        """What a model has to have gone through to become champion."""
        stages = ["registered_model", "integration_tests"] if self.pipeline.has_registry else []
        return [*DECIDED, *stages]

    def _promote(self, days: Sequence[str]) -> TableOutput:
        version = code_version(ChampionModel)
        planned = planned_from(self.pipeline, "champion", days, version, self._released_through)
        planned, frames = each_day(planned, lambda day: self._champion_of(planned, day))
        return output(
            planned,
            frames,
            ChampionModel,
            version,
            day_metadata=_champions(frames),
            is_fact=True,
            after_commit=self._point_alias if self.pipeline.has_registry else None,
        )

    def _champion_of(self, planned: Plan, day: str) -> pd.DataFrame:
        release = released(self.pipeline.name, planned, day)
        number = self._tested_version(planned, day) if self.pipeline.has_registry else 0
        if release is None or number is None:
            self._refuse_if_released(day)
            return no_rows(ChampionModel)
        decision = decision_of(planned, day)
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

    def _refuse_if_released(self, day: str) -> None:
        """A model that has been champion was released on its evidence; that is not taken back.

        Raises:
            TrainingError: it was released before, and would not be now.
        """
        table = self.pipeline.table("champion")
        if day in released_days(Lake.of_project().ledger.history(table)):
            raise TrainingError(
                f"the model of {day} was released before, and would not be released now: see "
                "release_decision, approvals and integration_tests of the day. What was released "
                "stays; a model as of a later day replaces it"
            )

    def _tested_version(self, planned: Plan, day: str) -> int | None:
        """The registered version if every integration test of it is there and passed."""
        registered = unaltered(planned.windows["registered_model"], day)
        tests = unaltered(planned.windows["integration_tests"], day)
        if registered.empty or not all_passed(tests):
            return None
        return int(registered["version"].iloc[0])

    def _point_alias(self) -> None:
        """Let the alias follow the champions, also when another run releases meanwhile."""
        registry, name = project_registry(), self.pipeline.name
        while (newest := self._newest()) is not None:
            registry.set_alias(name, CHAMPION, newest)
            if self._newest() == newest:
                return

    def _newest(self) -> str | None:
        last = self.pipeline.as_of_days.get_last_partition_key() or ""
        champion = newest(releases(Lake.of_project(), self.pipeline.table("champion"), last))
        return champion.fingerprint if champion else None


def _champions(frames: Mapping[str, pd.DataFrame]) -> dict[str, Further]:
    columns = ["fingerprint", "version", "serves_from", "released_by", "evidence"]
    return {
        day: {column: str(frame[column].iloc[0]) for column in columns}
        for day, frame in frames.items()
        if len(frame)
    }
