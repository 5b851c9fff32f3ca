"""Walking column lineage: what a column is made from, and what is made from it.

Which columns a column is directly made from is declared beside the contracts and kept in
``lake.provenance``.
"""

from collections.abc import Collection, Mapping, Sequence

from ml_assets.ledger.entries import grouped
from ml_assets.names import unknown
from ml_assets.provenance.provenance import Column


def upstream(
    made_from: Mapping[Column, Sequence[Column]], start: Collection[Column]
) -> set[Column]:
    """The columns that some columns are made from, directly or through others.

    Args:
        made_from: column → the columns that it is directly made from.
        start: where to begin; included in the answer.
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
    """The columns that are made from some columns, directly or through others.

    Args:
        made_from: column → the columns that it is directly made from.
        start: where to begin; included in the answer.
    """
    makes = grouped((source, column) for column, sources in made_from.items() for source in sources)
    return upstream(makes, start)


def origins(made_from: Mapping[Column, Sequence[Column]], start: Collection[Column]) -> set[Column]:
    """The columns furthest up that some columns are made from: those that no other makes."""
    return {column for column in upstream(made_from, start) if not made_from.get(column)} - {*start}


def columns_of(made_from: Mapping[Column, Sequence[Column]], name: str) -> list[Column]:
    """The columns that a name means: all of ``table``, or the one of ``table.column``.

    Args:
        made_from: column → the columns that it is directly made from.
        name: what somebody asks about.

    Raises:
        ConfigurationError: there is no such table or column; the nearest is told.
    """
    table, _, column = name.partition(".")
    known = {*made_from, *(source for sources in made_from.values() for source in sources)}
    of_table = sorted(each for each in known if each[0] == table)
    if not of_table:
        raise unknown("table", table, {each[0] for each in known})
    if column and (table, column) not in known:
        raise unknown(f"column of {table}", column, [name for _, name in of_table])
    return [(table, column)] if column else of_table
