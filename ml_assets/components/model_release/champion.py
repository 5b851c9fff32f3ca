"""Stage: a released and tested model becomes the champion; updates the registry's alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.model_release.staging import Staging
from ml_assets.components.pipeline.output import output, plan_same_day
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.contracts.validation import no_rows
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import each_day, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.registry.store import CHAMPION
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.champion import ChampionModel, newest
from ml_assets.release.history import released_days, releases
from ml_assets.release.releasing import champion_row
from ml_assets.release.state import DECIDED
from ml_assets.workspace import Workspace

STAGE = "release"

REGISTERED = {"registered": ["registered_model.version"]}
"""Additional source columns of a champion if the pipeline has a registry."""


@dataclass(frozen=True)
class ChampionStage:
    """The champions of a pipeline.

    Attributes:
        staging: the stage of registration and integration tests.
    """

    staging: Staging

    @property
    def pipeline(self) -> PipelineContext:
        """The context shared by all stages."""
        return self.staging.pipeline

    @property
    def _table(self) -> str:
        return self.pipeline.table(nouns.CHAMPION)

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        return self.pipeline.define(
            nouns.CHAMPION,
            stage=STAGE,
            description="The released model of this as-of day. It serves from the day in serves_from; the registry's alias 'champion' points to the newest one.",
            version=code_version(ChampionModel),
            inputs=[self.pipeline.input(noun) for noun in self._required_stages],
            compute=self._promote,
            contract=ChampionModel,
            is_as_of=True,
            names=REGISTERED if self.pipeline.has_registry else dict.fromkeys(REGISTERED, ()),
        )

    @property
    def _required_stages(self) -> list[str]:
        """Assets that a model has to pass to become champion."""
        stages = (
            [nouns.REGISTERED_MODEL, nouns.INTEGRATION_TESTS] if self.pipeline.has_registry else []
        )
        return [*DECIDED, *stages]

    def _promote(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, version = workspace.lake, code_version(ChampionModel)
        planned = plan_same_day(
            self.pipeline, lake, nouns.CHAMPION, days, version, reads=self._required_stages
        )
        by_hand = written_by_hand(lake, self._table, list(planned.unchanged))
        planned = with_recomputed(planned, by_hand)
        self._record_start(lake.ledger, planned.compute)

        def of_day(day: str) -> pd.DataFrame:
            row = champion_row(self.staging.state_of(workspace, planned, day))
            return pd.DataFrame([row]) if row else no_rows(ChampionModel)

        has_registry = self.pipeline.has_registry
        decided, frames = each_day(planned, of_day)
        return output(
            decided,
            frames,
            ChampionModel,
            version,
            day_metadata=_champion_metadata(frames),
            keeps_rows=True,
            after_commit=partial(self._update_alias, workspace) if has_registry else None,
        )

    def _record_start(self, ledger: Ledger, days: Sequence[str]) -> None:
        """Record the start of releases, so that of two concurrent runs the later sees the earlier."""
        released = released_days(ledger.history(self._table))
        if new := [day for day in days if day not in released]:
            ledger.begin(self._table, new)

    def _update_alias(self, workspace: Workspace) -> None:
        """Point the alias to the newest champion, also if another run releases one meanwhile."""
        registry, name, lake = workspace.registry, self.pipeline.name, workspace.lake
        while (fingerprint := self._newest(lake)) is not None:
            registry.set_alias(name, CHAMPION, fingerprint)
            if self._newest(lake) == fingerprint:
                return

    def _newest(self, lake: Lake) -> str | None:
        last = self.pipeline.as_of_days.get_last_partition_key() or ""
        champion = newest(releases(lake, self._table, last))
        return champion.fingerprint if champion else None


def _champion_metadata(frames: Mapping[str, pd.DataFrame]) -> dict[str, ExtraMetadata]:
    columns = ["fingerprint", "version", "serves_from", "released_by", "evidence"]
    return {
        day: {column: str(frame[column].iloc[0]) for column in columns}
        for day, frame in frames.items()
        if len(frame)
    }
