"""Walking column lineage: what a column is made from, and what is made from it.

Which columns a column is directly made from is declared beside the contracts and kept in
``lake.provenance``.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from ml_assets.lake.provenance import Column


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
    makes: dict[Column, list[Column]] = defaultdict(list)
    for column, sources in made_from.items():
        for source in sources:
            makes[source].append(column)
    return upstream(makes, start)
