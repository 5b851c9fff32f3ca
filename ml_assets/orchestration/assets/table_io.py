"""The default IO manager: stores tables in the lake by day, with validation and provenance.

An asset returns a DataFrame or a ``TableOutput``. An input annotated ``Window`` is passed unread.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg
import pandas as pd

from ml_assets.configuration.objects import load_contract
from ml_assets.content import DAY, NO_ROWS, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import Validated, validate
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Window
from ml_assets.orchestration.assets.table_output import TableOutput, code_version_of
from ml_assets.orchestration.assets.table_storing import store
from ml_assets.orchestration.runs.retries import attempt
from ml_assets.orchestration.storage.objects import ObjectMetadataValue
from ml_assets.planning.plan import Plan
from ml_assets.planning.staleness import stale
from ml_assets.workspace import Workspace

CONTRACT_KEY = "ml_assets/contract"
"""Definition metadata with a table's contract: the class, or its name ``package.module.Class``."""


class TableIOManager(dg.IOManager):
    """Stores and reads tables.

    Args:
        workspace: workspace of the tables.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._reads: dict[tuple[str, str, int], list[Window]] = {}

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | Window:
        """The stored days selected by an input's partition mapping."""
        with attempt(self._workspace, _retry_number(context.step_context)):
            table = table_name(context.asset_key)
            window = self._workspace.lake.window(table, _days(context))
            self._reads.setdefault(_attempt(context.step_context), []).append(window)
            if context.dagster_type.typing_type is Window:
                return window
            return window.read(columns=(context.definition_metadata or {}).get("columns"))

    def handle_output(self, context: dg.OutputContext, obj: TableOutput | pd.DataFrame) -> None:
        """Store the valid days and log the result of each day."""
        with attempt(self._workspace, _retry_number(context.step_context)):
            output = obj if isinstance(obj, TableOutput) else self._planned(context, obj)
            contract = contract_of(context.definition_metadata or {})
            store(context, self._workspace.lake, table_name(context.asset_key), contract, output)

    def _planned(self, context: dg.OutputContext, rows: pd.DataFrame) -> TableOutput:
        step = context.step_context
        windows, days = self._reads.pop(_attempt(step), []), _days(context)
        if DAY not in rows.columns:
            if len(days) != 1:
                raise ConfigurationError(
                    f"{context.asset_key.to_user_string()} returned rows for {len(days)} days "
                    f"without a '{DAY}' column with the day of each row. Add it."
                )
            rows = rows.assign(**{DAY: days[0]})
        skipped = _blocked_days(windows, days)
        compute = [day for day in days if day not in skipped]
        rows = rows[~rows[DAY].isin(skipped)]
        plan = Plan(
            compute=compute,
            unchanged={},
            skipped=skipped,
            reads={
                day: [read for window in windows for read in window.reads(_input_days(window, day))]
                for day in days
            },
            windows={},
        )
        contract = contract_of(context.definition_metadata or {})
        validated = validate(rows, contract, compute) if contract else Validated(rows, NO_ROWS, {})
        return TableOutput(plan, validated, code_version_of(context))


def table_name(key: dg.AssetKey) -> str:
    """The lake's name for an asset."""
    return "/".join(key.path)


def contract_of(metadata: Mapping[str, object]) -> type[Contract] | None:
    """The contract in an asset's definition metadata; None without one.

    Raises:
        ConfigurationError: the metadata value is not a contract.
    """
    name = metadata.get(CONTRACT_KEY)
    if name is None:
        return None
    if isinstance(name, ObjectMetadataValue) and name.instance is not None:
        return cast("type[Contract]", name.instance)
    return load_contract(str(getattr(name, "value", name)))


def _days(context: dg.InputContext | dg.OutputContext) -> list[str]:
    return list(context.asset_partition_keys) if context.has_asset_partitions else [SNAPSHOT]


def _input_days(window: Window, day: str) -> Sequence[str]:
    """Input days of one day: the same day if the input has it, otherwise all that were read."""
    return [day] if day in window.days else window.days


def _blocked_days(windows: Sequence[Window], days: Sequence[str]) -> dict[str, str]:
    """Days of a plain asset that must not be stored, because an input day is missing or stale."""
    skipped: dict[str, str] = {}
    for window in windows:
        changed = stale(window.lake.ledger, window.table, list(window.hashes))
        for day in days:
            for input_day in _input_days(window, day):
                if reason := changed.get(input_day):
                    skipped[day] = f"{window.table} {input_day} is stale ({reason})"
                elif input_day == day and day not in window.hashes:
                    skipped[day] = f"{window.table} {day} is not stored"
    return skipped


def _attempt(step: Any) -> tuple[str, str, int]:
    return step.run_id, step.step.key, _retry_number(step)


def _retry_number(step: object) -> int:
    return int(getattr(step, "previous_attempt_count", 0))
