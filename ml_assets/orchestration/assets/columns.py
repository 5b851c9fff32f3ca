"""Column schema and column lineage of a contract for Dagster's metadata and the provenance.

``contracts.lineage`` resolves the declared source columns, ``lineage.measurement.resolved`` those of columns
that declare none.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import dagster as dg

from ml_assets.contracts.contract import Contract, columns, key_columns, type_name, unit
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.contracts.lineage import lineage, lineage_description
from ml_assets.lake.store import Lake
from ml_assets.lineage.measurement.resolved import column_lineage as known_lineage
from ml_assets.provenance.provenance import ANY, Column

LINEAGE_KEY = "dagster/column_lineage"
"""Metadata key of a table's column lineage."""

Lineage = Mapping[str, Sequence[Column]]
"""Column → the columns that it is computed from."""


def column_metadata(contract: type[Contract], column_lineage: Lineage) -> dict[str, Any]:
    """Metadata of a table: its columns and their lineage."""
    return {
        "dagster/column_schema": _schema(contract, column_lineage),
        LINEAGE_KEY: dg.TableColumnLineage(
            {
                name: [_dependency(*source) for source in sources]
                for name, sources in column_lineage.items()
            }
        ),
    }


def dead_letter_lineage(table: str, contract: type[Contract]) -> dict[str, list[Column]]:
    """The column lineage of a table's rejected rows."""
    names = {
        "table": [table.rpartition("/")[2]],
        "key": key_columns(contract),
        "columns": list(columns(contract)),
    }
    return lineage(DeadLetters, [table], names)


def log_columns(
    context: dg.OutputContext, lake: Lake, table: str, contract: type[Contract] | None = None
) -> None:
    """Record the column lineage of an output, and log it with the output's last day.

    What is logged of columns that declare nothing is measured, or every column of their inputs.
    """
    value = (context.definition_metadata or {}).get(LINEAGE_KEY)
    if value is None:
        return
    column_lineage = cast("dg.TableColumnLineage", getattr(value, "value", value))
    declared = {
        name: [("/".join(source.asset_key.path), source.column_name) for source in sources]
        for name, sources in column_lineage.deps_by_column.items()
    }
    lake.provenance.record_columns(table, declared)
    if contract and any(column == ANY for sources in declared.values() for _, column in sources):
        made_from = known_lineage(lake).made_from
        known = {name: made_from[table, name] for name in declared}
        context.add_output_metadata(column_metadata(contract, known))
    else:
        context.add_output_metadata({LINEAGE_KEY: value})


def _schema(contract: type[Contract], column_lineage: Lineage) -> dg.TableSchema:
    """Type, description, nullability and uniqueness of each column.

    The description includes the unit and the source columns, because Dagster's open-source UI does
    not show column lineage.
    """
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=type_name(column),
                description=_description(column, column_lineage[name]),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable),
                    unique=bool(column.unique),
                    other=[str(check) for check in _check_names(column)],
                ),
            )
            for name, column in columns(contract).items()
        ]
    )


def _description(column: Any, sources: Sequence[Column]) -> str:
    in_unit = f"[{unit(column)}]" if unit(column) else ""
    return " ".join(filter(None, [column.description, in_unit, lineage_description(sources)]))


def _check_names(column: Any) -> list[str]:
    return [check.error or check.name or "check" for check in column.checks]


@cache
def _dependency(table: str, column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(asset_key=dg.AssetKey(table.split("/")), column_name=column)
