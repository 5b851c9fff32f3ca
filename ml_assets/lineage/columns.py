"""Traversal of column lineage, upstream and downstream.

``measurement.resolved`` says what the direct inputs of each column are.
"""

from collections.abc import Collection, Mapping, Sequence

from ml_assets.ledger.entries import grouped
from ml_assets.names import unknown
from ml_assets.provenance.provenance import ANY, Column


def upstream(
    made_from: Mapping[Column, Sequence[Column]], start: Collection[Column]
) -> set[Column]:
    """The direct and indirect inputs of columns.

    Args:
        made_from: column → its direct input columns.
        start: the columns to start from; included in the result.
    """
    found: set[Column] = set()
    waiting = list(start)
    while waiting:
        column = waiting.pop()
        if column not in found:
            found.add(column)
            waiting += made_from.get(column, ())
    return found


def downstream(
    made_from: Mapping[Column, Sequence[Column]], start: Collection[Column]
) -> set[Column]:
    """The columns that are computed from columns, directly or indirectly; see ``upstream``."""
    dependents = grouped(
        (source, column) for column, sources in made_from.items() for source in sources
    )
    return upstream(dependents, start)


def origins(made_from: Mapping[Column, Sequence[Column]], start: Collection[Column]) -> set[Column]:
    """The inputs of columns that have no inputs themselves."""
    return {column for column in upstream(made_from, start) if not made_from.get(column)} - {*start}


def first_stored(made_from: Mapping[Column, Sequence[Column]], start: Column) -> list[Column]:
    """The columns of source tables that a column is computed from: those that no other table made.

    What a source table reads of its source system has no inputs of its own. The column itself if it is of a
    source table, or if nothing is recorded about it.

    Args:
        made_from: column → its direct input columns.
        start: the column.
    """
    found = [
        column
        for column in upstream(made_from, {start})
        if made_from.get(column) and not any(each in made_from for each in made_from[column])
    ]
    return sorted(found) or [start]


def columns_of(made_from: Mapping[Column, Sequence[Column]], name: str) -> list[Column]:
    """The columns that a name selects: all of ``table``, or the one of ``table.column``.

    Of a table without recorded columns any column may be named; what depends on ``ANY`` of its
    columns depends on it.

    Args:
        made_from: column → its direct input columns.
        name: a table name or ``table.column``.

    Raises:
        ConfigurationError: the table or column is unknown.
    """
    table, _, column = name.partition(".")
    known = {*made_from, *(source for sources in made_from.values() for source in sources)}
    of_table = sorted(each for each in known if each[0] == table)
    if not of_table:
        raise unknown("table", table, {each[0] for each in known})
    if column and (table, ANY) in known:
        return [(table, column), (table, ANY)]
    if column and (table, column) not in known:
        raise unknown(f"column of {table}", column, [name for _, name in of_table])
    return [(table, column)] if column else of_table
