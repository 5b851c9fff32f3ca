"""Template: a table computed by a pure function from other tables, day by day.

A day is computed from its own input days and the look-back the inputs declare; a day whose inputs
and code did not change is not computed again; a day whose inputs are not there is skipped.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.lineage import lineage
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.orchestration.assets.table_io import TableOutput
from ml_assets.orchestration.assets.tables import (
    dead_letter_spec,
    load_object,
    statistics_of_days,
    table_asset,
    table_spec,
)
from ml_assets.orchestration.checks.checks import standard_checks, table_checks
from ml_assets.orchestration.partitions import Days, mapping_of
from ml_assets.planning.plan import Input, Plan, plan
from ml_assets.provenance.code import code_version


class TableInput(dg.Model, dg.Resolvable):
    """One input of a computed table.

    Attributes:
        asset: asset key of the input.
        days_before: how many days before its own a day looks back.
        is_snapshot: the input has no days.
        refreshes_history: whether a change of the snapshot makes days stale that were computed
            before it. Without it they keep what the snapshot said when they were computed, and
            new days use what it says now.
    """

    asset: str
    days_before: int = 0
    is_snapshot: bool = False
    refreshes_history: bool = True

    def resolved(self) -> Input:
        """How days of the table depend on days of this input.

        Raises:
            ConfigurationError: an input with days does not refresh history.
        """
        if not (self.is_snapshot or self.refreshes_history):
            raise ConfigurationError(
                f"Input {self.asset} in defs.yaml has 'refreshes_history: false', which only a "
                "snapshot can have: days are always recomputed when their input days change. "
                "Remove it."
            )
        return Input(
            self.asset,
            -self.days_before,
            0,
            self.is_snapshot,
            is_pinned=not self.refreshes_history,
        )


class FeatureTable(dg.Component, dg.Model, dg.Resolvable):
    """A table computed by a function, as a partitioned, validated asset.

    Attributes:
        key: asset key, ``pipeline/noun``.
        function: dotted path of ``f(days, *, <input>=frame, …, <parameter>=value, …)``.
        contract: dotted path of its contract.
        description: what it is, for a stakeholder.
        owners: ``team:…`` names.
        days: the days it has.
        inputs: argument name → input table.
        parameters: further keyword arguments of the function.
        statistics: numeric columns whose daily means the UI plots.
        source_rows: dotted path of ``f(row, *, <input>=frame, …, <parameter>=value, …)``, which
            says which input rows a row was made from; used by ``ml-assets trace``.
    """

    key: str
    function: str
    contract: str
    description: str
    owners: list[str]
    days: Days
    inputs: dict[str, TableInput]
    parameters: dict[str, Any] = {}
    statistics: list[str] = []
    source_rows: str | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The table, its dead letters and its checks."""
        del context
        if self.source_rows:
            load_object(self.source_rows)
        partitions = self.days.definition()
        spec = table_spec(
            self.key,
            self._contract,
            lineage(self._contract, [item.asset for item in self.inputs.values()]),
            stage="features",
            description=self.description,
            owners=self.owners,
            kinds={"pandas", "deltalake"},
            version=self._version,
            partitions_def=partitions,
            deps=[
                dg.AssetDep(item.asset.split("/"), partition_mapping=mapping_of(item.resolved()))
                for item in self.inputs.values()
            ],
        )
        return dg.Definitions(
            assets=[table_asset(spec, self._compute), dead_letter_spec(spec, self._contract)],
            asset_checks=[table_checks(spec.key, partitions, standard_checks(self._contract))],
        )

    @cached_property
    def _contract(self) -> type[Contract]:
        return load_object(self.contract)

    @cached_property
    def _function(self) -> Callable[..., pd.DataFrame]:
        return load_object(self.function)

    @cached_property
    def _version(self) -> str:
        return code_version(
            self._function,
            self._contract,
            sorted(self.parameters.items()),
            sorted((name, item.resolved()) for name, item in self.inputs.items()),
        )

    def _compute(self, days: Sequence[str]) -> TableOutput:
        inputs = {name: item.resolved() for name, item in self.inputs.items()}
        lake = Lake.of_project()
        planned = plan(lake, self.key, days, inputs, self._version)
        rows = self._rows(planned, inputs)
        validated = validate(rows, self._contract, planned.compute)
        return TableOutput(
            planned,
            validated,
            self._version,
            day_metadata=statistics_of_days(
                lake, self.key, planned, validated.rows, self.statistics
            ),
        )

    def _rows(self, planned: Plan, inputs: dict[str, Input]) -> pd.DataFrame:
        if not planned.compute:
            return no_rows(self._contract)
        frames = {
            name: planned.windows[name].read(days=item.days_of_all(planned.compute))
            for name, item in inputs.items()
        }
        rows = self._function(planned.compute, **frames, **self.parameters)
        if DAY not in rows.columns:
            raise ConfigurationError(
                f"{self.function} returned rows without '{DAY}', the day each belongs to. Add it."
            )
        return rows[rows[DAY].isin(planned.compute)]
