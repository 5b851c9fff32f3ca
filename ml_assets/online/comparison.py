"""Whether the online store has what the feature table has, partition by partition.

The store keeps one row of each entity. So a row of a partition is compared while no later partition
has a row of its entity; after that it is superseded, and the later row is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from ml_assets.content import DAY
from ml_assets.online.definition import OnlineTable
from ml_assets.online.materializing import materialize_online_command
from ml_assets.online.rows import OnlineRow, Place, newest_of, online_rows, places
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import Plain, decoded

SAMPLE = 100_000
"""Rows of a partition that are compared; of a larger one a sample that depends on its rows only."""

SHOWN = 3
"""Entities that a message names."""


@dataclass
class Comparison:
    """The rows of one partition, compared with the online store.

    Attributes:
        compared: entities whose row is online.
        superseded: entities that have a newer row online.
        problems: how entities differ.
        left: entities that are online with a row of the partition that it does not have any more.
    """

    compared: int = 0
    superseded: int = 0
    problems: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def sentence(self, table: str, day: str) -> str:
        """The result, with the command that writes the partition online again."""
        command = materialize_online_command(table, day)
        total = self.compared + self.superseded + len(self.problems)
        if self.problems:
            return (
                f"{len(self.problems)} of {total} entities are not equal online: {self.problems[0]}. "
                f"To write their rows again, run: {command}"
            )
        if self.left:
            more = ", …" if len(self.left) > SHOWN else ""
            return (
                "online are rows that the partition does not have any more, of "
                f"{', '.join(self.left[:SHOWN])}{more}. To replace them by older rows, run: {command}"
            )
        newer = "; the others have newer rows there" if self.superseded else ""
        return f"{self.compared} of {total} entities are equal online{newer}"


def compare(
    store: OnlineStore, online: OnlineTable, rows: pd.DataFrame
) -> Mapping[str, Comparison]:
    """Partition → how its rows compare with the online store, for the partitions that have rows.

    Args:
        store: the online store.
        online: the table.
        rows: (n, columns) stored rows of the table, with ``ds``.
    """
    newest = newest_of(online, rows, [DAY, *online.entity])
    counts = newest[DAY].value_counts()
    found = {str(day): Comparison() for day in counts.index}
    sampled = _sampled(newest, counts)
    offline = places(online, sampled)
    stored = store.rows(online.table, sorted({entity for entity, _, _ in offline}))
    is_newest = [_is_newest(place, stored) for place in offline]
    for (_, _, day), is_current in zip(offline, is_newest, strict=True):
        found[day].superseded += not is_current
    current = [place for place, is_current in zip(offline, is_newest, strict=True) if is_current]
    for row in online_rows(online, sampled[is_newest], current):
        _compare(row, stored.get(row.entity), found[row.day])
    known = {(day, entity) for entity, _, day in offline}
    for row in store.rows_of_days(online.table, [*counts.index[counts <= SAMPLE]]):
        if (row.day, row.entity) not in known:
            found[row.day].left.append(row.entity)
    return found


def _sampled(rows: pd.DataFrame, counts: pd.Series) -> pd.DataFrame:
    """The rows, but of partitions with too many of them a sample."""
    large = counts.index[counts > SAMPLE]
    samples = [rows[rows[DAY] == day].sample(SAMPLE, random_state=0) for day in large]
    return pd.concat([rows[~rows[DAY].isin(large)], *samples])


def _is_newest(place: Place, stored: Mapping[str, OnlineRow]) -> bool:
    entity, moment, day = place
    other = stored.get(entity)
    return other is None or other.order <= (moment, day)


def _compare(offline: OnlineRow, online: OnlineRow | None, found: Comparison) -> None:
    if problem := _difference(offline, online):
        found.problems.append(problem)
    else:
        found.compared += 1


def _difference(offline: OnlineRow, online: OnlineRow | None) -> str:
    """How an entity differs online; empty if it does not."""
    if online is None:
        return f"{offline.entity} is not online"
    if online.order < offline.order:
        return f"{offline.entity} is online with the row of {online.day} only"
    if online.features == offline.features:
        return ""
    here, there = decoded(offline.features), decoded(online.features)
    name = next(name for name in {**here, **there} if _text(here, name) != _text(there, name))
    return f"{name} of {offline.entity} is {_text(there, name)}, offline {_text(here, name)}"


def _text(values: Mapping[str, Plain], name: str) -> str:
    return repr(values[name]) if name in values else "not there"
