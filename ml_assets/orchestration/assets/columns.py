"""A contract's columns as Dagster shows them, and their lineage: in its metadata, in the provenance.

What a column is made from is resolved in ``contracts.lineage``.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import dagster as dg

from ml_assets.contracts.contract import Contract, columns, key_columns, type_name, unit
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.contracts.lineage import lineage, lineage_description
from ml_assets.lake.store import Lake
from ml_assets.provenance.provenance import Column

LINEAGE_KEY = "dagster/column_lineage"
"""Metadata that says which columns each column of a table is made from."""

MadeFrom = Mapping[str, Sequence[Column]]
"""Column → the columns that it is made from."""


def column_metadata(contract: type[Contract], made_from: MadeFrom) -> dict[str, Any]:
    """Definition metadata of a table: its columns and their lineage."""
    return {
        "dagster/column_schema": _schema(contract, made_from),
        LINEAGE_KEY: dg.TableColumnLineage(
            {
                name: [_dependency(*source) for source in sources]
                for name, sources in made_from.items()
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


def tell_columns(context: dg.OutputContext, lake: Lake, table: str) -> None:
    """Keep the column lineage of an output, and show Dagster it with the last of its days."""
    told = (context.definition_metadata or {}).get(LINEAGE_KEY)
    if told is None:
        return
    made_from = cast("dg.TableColumnLineage", getattr(told, "value", told))
    lake.provenance.record_columns(
        table,
        {
            name: [("/".join(source.asset_key.path), source.column_name) for source in sources]
            for name, sources in made_from.deps_by_column.items()
        },
    )
    context.add_output_metadata({LINEAGE_KEY: told})


def _schema(contract: type[Contract], made_from: MadeFrom) -> dg.TableSchema:
    """Type, description, nullability and uniqueness of each column.

    The description has the unit and what the column is made from, as the open-source UI draws no
    column lineage.
    """
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=type_name(column),
                description=_described(column, made_from[name]),
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable),
                    unique=bool(column.unique),
                    other=[str(check) for check in _check_names(column)],
                ),
            )
            for name, column in columns(contract).items()
        ]
    )


def _described(column: Any, sources: Sequence[Column]) -> str:
    in_unit = f"[{unit(column)}]" if unit(column) else ""
    return " ".join(filter(None, [column.description, in_unit, lineage_description(sources)]))


def _check_names(column: Any) -> list[str]:
    return [check.error or check.name or "check" for check in column.checks]


@cache
def _dependency(table: str, column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(asset_key=dg.AssetKey(table.split("/")), column_name=column)
