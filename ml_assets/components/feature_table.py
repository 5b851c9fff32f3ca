"""Template: a table computed by a pure function from other tables, day by day.

A day is computed from its own input days and the look-back that the inputs declare. It is not
computed again while inputs and code stay the same, and it is skipped while inputs are missing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pandas as pd
from pydantic import BaseModel

from ml_assets.cadence import Calendar
from ml_assets.components.configured import Configured, folder_of
from ml_assets.configuration.input_cadences import with_input_cadences
from ml_assets.configuration.input_columns import columns_of_inputs
from ml_assets.configuration.inputs import TableInput
from ml_assets.configuration.objects import load_contract, load_object
from ml_assets.configuration.parameters import named_arguments, refuse_parameters, takes_any
from ml_assets.configuration.tables import FeatureTableConfiguration
from ml_assets.content import DAY, NO_ROWS, SNAPSHOT
from ml_assets.contracts.contract import (
    Contract,
    described,
    key_columns,
    refuse_longer_partitions,
)
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.lineage import Names, lineage
from ml_assets.contracts.validation import Validated, no_rows, validate, without_days
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.measurement.feature_function import FeatureFunction, in_own_partitions
from ml_assets.names import suggestion
from ml_assets.online.definition import OnlineTable, refuse_unfit
from ml_assets.online.materializing import write_online
from ml_assets.orchestration.assets.function_metadata import function_metadata
from ml_assets.orchestration.assets.table_output import TableOutput, in_parts
from ml_assets.orchestration.assets.tables import (
    dead_letter_spec,
    statistics_of_days,
    table_asset,
    table_spec,
)
from ml_assets.orchestration.checks.checks import table_checks
from ml_assets.orchestration.checks.online import online_check
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.checks.table_check import TableCheck
from ml_assets.orchestration.partitions import dependencies, partitions
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, plan
from ml_assets.provenance.code import code_version
from ml_assets.provenance.provenance import Column
from ml_assets.workspace import Workspace


class FeatureTable(Configured[FeatureTableConfiguration]):
    """A table computed by a function, as a partitioned, validated asset."""

    configuration: ClassVar[type[BaseModel]] = FeatureTableConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The table, its dead letters and its checks."""
        if self.config.source_rows:
            load_object(self.config.source_rows)
        refuse_arguments(self._function, self.config)
        refuse_longer_partitions(self._contract, self.config.days.calendar)
        if self._online:
            refuse_unfit(self._online, self._contract)
        days = partitions(self.config.days)
        known = columns_of_inputs(self._tables, folder_of(context) / "defs.yaml")
        spec = table_spec(
            self.config.key,
            self._contract,
            self._lineage(known),
            stage="features",
            description=self.config.description or described(self._contract),
            owners=self.config.owners,
            kinds={"pandas", "deltalake"},
            version=self._version,
            metadata=function_metadata(self._feature_function),
            partitions_def=days,
            deps=dependencies(self._inputs.values()),
        )
        return dg.Definitions(
            assets=[table_asset(spec, self._compute), dead_letter_spec(spec, self._contract)],
            asset_checks=[table_checks(spec.key, days, self._checks)],
        )

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> FeatureTableConfiguration:
        """Validate the attributes, with the cadence of inputs from their own documents.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        return super().read(with_input_cadences(attributes, file), file)

    @property
    def _checks(self) -> list[TableCheck]:
        of_online = [online_check(self._online)] if self._online else []
        return [*standard_checks(self._contract), *of_online]

    @cached_property
    def _online(self) -> OnlineTable | None:
        return self.config.online_table

    @cached_property
    def _contract(self) -> type[Contract]:
        return load_contract(self.config.contract)

    @cached_property
    def _function(self) -> Callable[..., pd.DataFrame]:
        return load_object(self.config.function)

    @cached_property
    def _inputs(self) -> dict[str, Input]:
        calendar = self.config.days.calendar
        return {name: resolved(item, calendar) for name, item in self.config.inputs.items()}

    @property
    def _tables(self) -> list[str]:
        """Input tables."""
        return list(dict.fromkeys(item.table for item in self._inputs.values()))

    def _lineage(
        self, known: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, list[Column]]:
        """Column → its input columns, see ``contracts.lineage``."""
        return lineage(self._contract, self._tables, self._names, is_optional=True, known=known)

    @property
    def _names(self) -> Names:
        """Values of placeholders of the contract."""
        return {}

    @cached_property
    def _version(self) -> str:
        return code_version(
            self._function,
            *contract_sources(self._contract),
            sorted(self.config.parameters.items()),
            sorted(self._inputs.items()),
        )

    @cached_property
    def _feature_function(self) -> FeatureFunction:
        return FeatureFunction(
            table=self.config.key,
            path=self.config.function,
            function=self._function,
            contract=self._contract,
            inputs=self._inputs,
            parameters=self.config.parameters,
            code_version=self._version,
            column_lineage=self._lineage(),
        )

    def _compute(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        return in_parts(days, lambda part: self._compute_part(workspace, part))

    def _compute_part(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, online = workspace.lake, self._online
        planned = plan(lake, self.config.key, days, self._inputs, self._version)
        frames = self._frames(planned)
        validated = validate(self._rows(planned, frames), self._contract, planned.compute)
        if self.config.rows and frames:
            described, key = frames[self.config.rows], key_columns(self._contract)
            lost = days_with_lost_rows(described, validated, name=self.config.rows, key=key)
            validated = without_days(validated, lost)
        return TableOutput(
            planned,
            validated,
            self._version,
            day_metadata=statistics_of_days(
                lake, self.config.key, planned, validated.rows, self.config.statistics
            ),
            publish=partial(write_online, workspace.online, online) if online else None,
        )

    def _frames(self, planned: Plan) -> dict[str, pd.DataFrame]:
        """Rows of the inputs; none if nothing is computed."""
        if not planned.compute:
            return {}
        rows = {name: planned.rows(name, item) for name, item in self._inputs.items()}
        return {
            name: NO_ROWS if found is None else in_own_partitions(found, self._inputs[name])
            for name, found in rows.items()
        }

    def _rows(self, planned: Plan, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        if not frames:
            return no_rows(self._contract)
        return self._feature_function.rows(planned.compute, frames)


def resolved(item: TableInput, calendar: Calendar) -> Input:
    """The dependency of a table's partitions on those of an input.

    Args:
        item: the input.
        calendar: partitions of the table.
    """
    first, last = item.offsets(calendar)
    return Input(
        item.asset,
        first,
        last,
        required=last,
        is_snapshot=item.is_snapshot,
        is_pinned=not item.refreshes_history,
        calendar=calendar,
        input_calendar=Calendar(item.cadence, calendar.timezone) if item.cadence else None,
    )


def days_with_lost_rows(
    described: pd.DataFrame, validated: Validated, *, name: str, key: Sequence[str]
) -> dict[str, str]:
    """Day → why its rows are not those that they describe, for the days where this is the case.

    Rejected rows are not lost: they are dead letters.

    Args:
        described: (n, …) rows of the input, with ``ds``; a snapshot is described on every day.
        validated: the computed rows.
        name: name of the input.
        key: columns that identify a row; those that the input has too are compared.

    Raises:
        ConfigurationError: the input has none of them.
    """
    shared = [column for column in key if column in described.columns]
    if not shared:
        raise ConfigurationError(
            f"'rows' names '{name}', which has none of the columns {', '.join(key)} that identify a row "
            "of the table. Name the input whose rows the table describes."
        )
    is_snapshot = set(described[DAY].unique()) == {SNAPSHOT}
    wanted_on, made_on = (_by_day(rows, shared) for rows in (described, validated.rows))
    found = {}
    for day, rejected in validated.dead_letter_counts.items():
        if day in validated.quarantined:
            continue
        wanted, made = wanted_on(SNAPSHOT if is_snapshot else day), made_on(day)
        if len(missing := wanted.difference(made)) > rejected:
            found[day] = f"{len(missing)} rows of '{name}' have no row, such as {missing[0]}"
        elif len(unknown := made.difference(wanted)):
            found[day] = f"{len(unknown)} rows are none of '{name}', such as {unknown[0]}"
    return found


def _by_day(rows: pd.DataFrame, names: Sequence[str]) -> Callable[[str], pd.Index]:
    """Finds the values of some columns in the rows of a day."""
    positions = rows.groupby(DAY).indices
    return lambda day: rows.iloc[positions.get(day, [])].set_index([*names]).index


def refuse_arguments(function: Callable[..., object], config: FeatureTableConfiguration) -> None:
    """Refuse inputs and parameters that do not match a function's signature and annotations.

    Raises:
        ConfigurationError: one is missing, unknown, or not of the annotated type.
    """
    first, *others = named_arguments(function)
    for name in config.inputs:
        if name not in others and not takes_any(function):
            raise ConfigurationError(
                f"'inputs' of {config.key} in defs.yaml has '{name}', which {config.function} does not "
                f"take beside {first}.{suggestion(name, others)}"
            )
    where = f"'parameters' of {config.key} in defs.yaml"
    refuse_parameters(function, config.parameters, [first, *config.inputs], where)
