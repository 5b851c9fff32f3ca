"""A pipeline computed in memory on a few real rows, to be computed again with changed columns.

The tables are frames instead of Delta tables and know no history, so every day is computed whenever
it is asked for, and nothing is stale. What computes them is the real template with a smaller model.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import yaml

from ml_assets.cadence import Span
from ml_assets.components.model_pipeline import ModelPipeline
from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import columns, key_columns
from ml_assets.errors import MLAssetsError
from ml_assets.lake.store import Lake, Window
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.assets.columns import LINEAGE_KEY
from ml_assets.orchestration.assets.model_io import ModelOutput
from ml_assets.orchestration.assets.table_io import contract_of
from ml_assets.provenance.provenance import Column
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.project import ROOT

DEFS = ROOT / "ml_assets" / "defs" / "flight_delays" / "defs.yaml"
ESTIMATOR = {
    "numeric": [
        "minute_of_day",
        "day_of_week",
        "scheduled_minutes",
        "plane_seats",
        "precip",
        "origin_delay_3h",
        "carrier_late_rate_7d",
    ],
    "hyperparameters": {"max_iter": 50, "min_samples_leaf": 3, "random_state": 0},
    "checkpoint_every": None,
}
"""Fewer features and smaller trees, which still split on each feature."""

PREDICTION = "prediction"

Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass
class Table:
    """Rows of a table, the days that are stored, and what computed them."""

    rows: pd.DataFrame
    days: set[str]
    code_version: str = ""
    _entries: dict[str, Entry] = field(default_factory=dict)

    def entries(self, name: str, days: Collection[str] | None = None) -> dict[str, Entry]:
        """The entries of stored days, of some or all, each made when it is first asked for."""
        asked = sorted(self.days if days is None else self.days.intersection(days))
        if new := [day for day in asked if day not in self._entries]:
            hashes, counts = self._hashes(new), self._counts
            for day in new:
                self._entries[day] = Entry(
                    name,
                    day,
                    Status.STORED,
                    content_hash=hashes[day],
                    rows=counts.get(day, 0),
                    code_version=self.code_version,
                )
        return {day: self._entries[day] for day in asked}

    @cached_property
    def _counts(self) -> dict[str, int]:
        return self.rows[DAY].value_counts().to_dict()

    def _hashes(self, days: Sequence[str]) -> dict[str, str]:
        """Day → what identifies its rows; of a model its fingerprint, which is its only value."""
        if list(self.rows.columns) == [DAY, PREDICTION]:
            return self.rows.set_index(DAY)[PREDICTION].astype(str).to_dict()
        return day_hashes(self.rows[self.rows[DAY].isin(days)], days)

    def changed(self, change: Change) -> "Table":
        """The same table with other rows."""
        return Table(change(self.rows), self.days, self.code_version)


class SmallLedger(Ledger):
    """A ledger in which each day is stored and has no inputs."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        super().__init__("sqlite://")
        self._tables = tables

    def one_connection(self) -> AbstractContextManager[None]:
        """No connection is needed."""
        return nullcontext()

    def begin(self, table: str, days: Sequence[str]) -> None:
        """Does nothing."""

    def history(self, table: str, day: str | None = None) -> list[Entry]:
        """Each day was stored once."""
        return list(self.latest(table, None if day is None else [day]).values())

    def append(self, entries: Sequence[Entry]) -> None:
        """Discard them."""

    def latest(self, table: str, days: Sequence[str] | None = None) -> dict[str, Entry]:
        """The entries of days that are stored."""
        found = self._tables.get(table)
        return found.entries(table, days) if found else {}

    def reads(self, table: str, days: Sequence[str]) -> dict[str, list[Read]]:
        """No reads, so that no day is stale."""
        del table
        return {day: [] for day in days}

    def distinct_reads(self, table: str, span: Span) -> set[Read]:
        """None either."""
        del table, span
        return set()


class SmallLake(Lake):
    """Tables in memory."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        super().__init__("memory", SmallLedger(tables))
        self._tables = tables

    def window(self, table: str, days: Sequence[str]) -> Window:
        """The stored days."""
        hashes = {day: entry.content_hash for day, entry in self.ledger.latest(table, days).items()}
        return Window(self, table, tuple(days), hashes, 1)

    def read(
        self,
        table: str,
        days: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        hashes: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Rows of some days."""
        del version, hashes
        rows = self._tables[table].rows
        chosen = rows[list(columns)] if columns else rows
        chosen = chosen if days is None else chosen[rows[DAY].isin(days)]
        return chosen.reset_index(drop=True)

    scan = read


@dataclass(frozen=True)
class SmallWorkspace(Workspace):
    """A workspace whose lake is a small one."""

    small: SmallLake

    @property
    def lake(self) -> Lake:
        """The small lake."""
        return self.small


class SmallPipeline:
    """The tables of a pipeline and what computes them.

    Args:
        tables: what it begins with.
        folder: where its policies are.
        changes: attributes of its ``defs.yaml`` that are others here.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        folder: Path,
        changes: Mapping[str, Any],
    ) -> None:
        attributes = list(yaml.safe_load_all(DEFS.read_text("utf-8")))[-1]["attributes"] | changes
        attributes["estimator"] = {**attributes["estimator"], **ESTIMATOR}
        self.name: str = attributes["pipeline"]
        self.tables = dict(tables)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("ML_ASSETS_PIPELINES", "{}")
            settings.cache_clear()
            component = ModelPipeline(ModelPipeline.read(attributes, folder / "defs.yaml"))
            built = component.build(SimpleNamespace(path=folder))  # type: ignore[arg-type]
        settings.cache_clear()
        self._assets = {
            asset.key: asset
            for asset in built.assets or ()
            if isinstance(asset, dg.AssetsDefinition) and len(asset.keys) == 1
        }

    def table(self, noun: str) -> str:
        """Name of one of the pipeline's tables."""
        return f"{self.name}/{noun}"

    def lineage(self, noun: str) -> dict[str, list[Column]]:
        """The declared column lineage of a table."""
        return {
            name: [("/".join(source.asset_key.path), source.column_name) for source in sources]
            for name, sources in self._spec(noun).metadata[LINEAGE_KEY].deps_by_column.items()
        }

    def inputs(self, noun: str) -> set[str]:
        """Tables that are dependencies of an asset in Dagster."""
        spec = self._spec(noun)
        return {"/".join(dep.asset_key.path) for dep in spec.deps}

    def key(self, noun: str) -> list[str]:
        """Columns that identify a row."""
        contract = contract_of(self._spec(noun).metadata)
        return key_columns(contract) if contract else [PREDICTION]

    def is_nullable(self, table: str, column: str) -> bool:
        """Whether a column may contain nulls; in the initial tables, only numeric columns may."""
        pipeline, _, noun = table.rpartition("/")
        asset = self._assets.get(dg.AssetKey([pipeline, noun]))
        contract = contract_of(asset.get_asset_spec().metadata) if asset else None
        return bool(contract and columns(contract)[column].nullable)

    def put(self, noun: str, rows: pd.DataFrame) -> None:
        """Keep rows of a day that is not computed."""
        self._add(noun, rows, set(rows[DAY]), self._spec(noun).code_version or "")

    def add_days(self, noun: str, *days: str) -> None:
        """Compute days one after the other and keep them."""
        for day in days:
            rows, code_version = self._compute(noun, day)
            self._add(noun, rows, {day}, code_version)

    def changed(self, changes: Mapping[str, Change]) -> "SmallPipeline":
        """The same pipeline with changed tables."""
        other = copy(self)
        other.tables = self.tables | {
            table: self.tables[table].changed(change) for table, change in changes.items()
        }
        return other

    def computed(self, noun: str, day: str, changed: Mapping[str, Change]) -> pd.DataFrame | None:
        """A day of a table, computed from changed tables; None when it cannot be.

        Args:
            noun: of the table.
            day: the day.
            changed: table → how its rows are changed.
        """
        own, tables = self.table(noun), self.changed(changed).tables
        if own in tables:
            kept = tables[own].rows[tables[own].rows[DAY] < day]
            tables[own] = Table(kept, set(kept[DAY]), tables[own].code_version)
        try:
            return self._compute(noun, day, tables)[0]
        except (MLAssetsError, ValueError, LookupError, TypeError):
            return None

    def _spec(self, noun: str) -> dg.AssetSpec:
        return self._asset(noun).get_asset_spec()

    def _asset(self, noun: str) -> dg.AssetsDefinition:
        return self._assets[dg.AssetKey([self.name, noun])]

    def _add(self, noun: str, rows: pd.DataFrame, days: set[str], code_version: str) -> None:
        before = self.tables.get(self.table(noun))
        if before:
            rows, days = pd.concat([before.rows, rows], ignore_index=True), days | before.days
        self.tables[self.table(noun)] = Table(rows, days, code_version)

    def _compute(
        self, noun: str, day: str, tables: Mapping[str, Table] | None = None
    ) -> tuple[pd.DataFrame, str]:
        lake = SmallLake(self.tables if tables is None else tables)
        resources = SimpleNamespace(workspace=SmallWorkspace(settings(), lake))
        compute = self._asset(noun).op.compute_fn.decorated_fn  # type: ignore[union-attr]
        output = compute(
            SimpleNamespace(
                retry_number=0,
                partition_keys=[day],
                run=SimpleNamespace(tags={}),
                resources=resources,
            )
        )
        if day not in output.plan.compute:
            raise MLAssetsError(output.plan.skipped[day])
        if isinstance(output, ModelOutput):
            Workspace.of_environment().models.save(self.table(noun), output.models[day])
            fingerprint = output.models[day].fingerprint
            return pd.DataFrame({DAY: [day], PREDICTION: [fingerprint]}), output.code_version
        if day in output.validated.quarantined:
            raise MLAssetsError(output.validated.quarantined[day])
        return output.validated.rows, output.code_version
