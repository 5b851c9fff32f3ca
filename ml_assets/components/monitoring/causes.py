"""Stage: the likely cause of each broken limit of the performance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.monitoring.served import (
    counted_names,
    feature_input,
    served_features,
)
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.lake.store import Lake, Window
from ml_assets.learning.evaluation import segment_values
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.columns import first_stored
from ml_assets.lineage.measurement.resolved import column_lineage
from ml_assets.monitoring.causes import (
    BASE_WINDOWS,
    HISTORY_WINDOWS,
    Column,
    causes,
    columns_text,
    movements,
)
from ml_assets.monitoring.contracts.causes import LikelyCauses
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import each_day, plan
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace

Breach = Mapping[Any, Any]
"""A row of the performance report whose limit is broken."""


@dataclass(frozen=True)
class CauseStage:
    """The likely causes of a pipeline's breaches.

    Attributes:
        pipeline: context shared by all stages.
        window: partitions of the shortest window of a performance report.
        dataset: contract with all columns of the features.
        calendar: features that move with the date, which are no cause.
        is_logged: whether the features are those that services predicted with, instead of the
            feature table.
    """

    pipeline: PipelineContext
    window: int
    calendar: Sequence[str]
    dataset: type[Contract]
    is_logged: bool

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        this = self.pipeline
        return this.define(
            nouns.LIKELY_CAUSES,
            stage="monitoring",
            description=(
                "For each broken limit of the performance: the source columns whose features changed, and since when."
            ),
            version=self._version,
            inputs=[self._reports, replace(self._features, first=-self._before, is_optional=True)],
            compute=self._find,
            contract=LikelyCauses,
            names=counted_names(this, is_logged=self.is_logged),
        )

    @property
    def _version(self) -> str:
        return code_version(
            movements, causes, self.pipeline.specification, self.window, list(self.calendar)
        )

    @property
    def _reports(self) -> Input:
        return self.pipeline.daily_input(self.pipeline.table(nouns.PERFORMANCE_REPORT))

    @property
    def _features(self) -> Input:
        return feature_input(self.pipeline, is_logged=self.is_logged)

    @property
    def _before(self) -> int:
        """Partitions before a window whose features are compared."""
        return (BASE_WINDOWS + HISTORY_WINDOWS) * self.window

    def _find(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, table = workspace.lake, self.pipeline.table(nouns.LIKELY_CAUSES)
        breaches = self._breaches(lake, days)
        picked = {day: self._compared(found) for day, found in breaches.items()}
        features = replace(self._features, picks=picked, is_optional=True)
        planned = plan(
            lake, table, days, {"reports": self._reports, "features": features}, self._version
        )
        window = planned.windows["features"]
        made_from = self._made_from(lake) if any(map(breaches.get, planned.compute)) else {}

        def of_day(day: str) -> pd.DataFrame:
            if day not in breaches:
                return _table(day, [])
            rows = self._rows(workspace, window, features.days_of(day))
            return _table(
                day,
                [
                    {
                        **{name: breach[name] for name in ("segment_column", "segment", "metric")},
                        **found,
                    }
                    for breach in breaches[day]
                    for found in self._causes(breach, rows, made_from)
                ],
            )

        planned, frames = each_day(planned, of_day)
        return output(
            planned,
            frames,
            LikelyCauses,
            self._version,
            day_metadata={day: _summary(frame) for day, frame in frames.items()},
        )

    def _breaches(self, lake: Lake, days: Sequence[str]) -> dict[str, list[Breach]]:
        """Day → the limits that are broken on it, of the stored days that have one."""
        window = lake.window(self._reports.table, days)
        rows = window.read(days=[*window.hashes]) if window.hashes else None
        if rows is None or not rows["is_breached"].any():
            return {}
        broken = rows[rows["is_breached"].astype("bool")]
        return grouped((row[DAY], row) for row in broken.to_dict("records"))

    def _compared(self, breaches: Sequence[Breach]) -> list[str]:
        """The partitions whose features are searched for the causes of a day's breaches."""
        calendar = self.pipeline.calendar
        first = min(breach["window_first"] for breach in breaches)
        last = max(breach["window_last"] for breach in breaches)
        return calendar.keys(calendar.shifted(first, -self._before), last)

    def _made_from(self, lake: Lake) -> dict[str, list[Column]]:
        """Feature → the source columns that it is made from."""
        known, table = column_lineage(lake).made_from, self.pipeline.features
        names = [name for name in self.pipeline.specification.features if name not in self.calendar]
        return {name: first_stored(known, (table, name)) for name in names}

    def _rows(self, workspace: Workspace, window: Window, days: Sequence[str]) -> pd.DataFrame:
        """The features of some partitions, with the segments that are among them."""
        this = self.pipeline
        stored, names = [day for day in days if day in window.hashes], this.specification.features
        if self.is_logged:
            answers = window.read([DAY, "event_id"], stored)
            return served_features(
                workspace.prediction_log, this.name, answers, self.dataset, names
            )
        copied = [name for name in this.segments if name in this.feature_columns(self.dataset)]
        return window.read([*dict.fromkeys([DAY, *names, *copied])], stored)

    def _causes(
        self, breach: Breach, rows: pd.DataFrame, made_from: Mapping[str, Sequence[Column]]
    ) -> list[dict[str, Any]]:
        if (column := str(breach["segment_column"])) in rows.columns:
            rows = rows[segment_values(rows[column]) == breach["segment"]]
        moved = movements(
            self.pipeline.specification,
            rows,
            (breach["window_first"], breach["window_last"]),
            BASE_WINDOWS * self.window,
            HISTORY_WINDOWS * self.window,
        )
        return [
            {
                "rank": rank,
                "is_likely": cause.is_likely,
                "feature": cause.movement.feature,
                "ratio": cause.movement.ratio,
                "since": cause.movement.since,
                "columns": columns_text(cause.columns),
                "strength": cause.strength,
                "usual_strength": cause.usual,
            }
            for rank, cause in enumerate(causes(moved, made_from), 1)
        ]


def _table(day: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*columns(LikelyCauses)]).assign(**{DAY: day})


def _summary(found: pd.DataFrame) -> dict[str, str]:
    """The first likely cause of each breach as metadata."""
    first = found[(found["rank"] == 1) & found["is_likely"].astype("bool")]
    return {
        f"{row['metric']} of {row['segment']}": f"{row['feature']} since {row['since']}, from {row['columns']}"
        for row in first.to_dict("records")
    }
