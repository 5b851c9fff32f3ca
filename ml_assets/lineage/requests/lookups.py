"""Rows of feature tables that requests looked up: found again in the lake, by entity and time.

A log entry has the age of each table's values. So the row was known at a certain time, and the
lake has the partition that it is from, and what this was computed from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_assets.configuration import models
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.configuration.serving.request_features import request_features
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Read
from ml_assets.lineage.graph import Graph, Node
from ml_assets.lineage.inputs import TableRead, reads_by_table
from ml_assets.online.definition import OnlineTable
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.rows import places
from ml_assets.online.values import entity_key

EntityAt = tuple[str, datetime]
"""The key of an entity, and when its row was known."""


@dataclass(frozen=True)
class LookedUp:
    """A row that a request looked up.

    Attributes:
        table: table of the row.
        known_at: when it was known, in UTC.
        day: its partition; empty where the lake does not have the row any more.
        written_after: whether the partition was computed again after the answer.
        sources: days that the partition was computed from, directly or indirectly, by table.
    """

    table: str
    known_at: datetime
    day: str
    written_after: bool
    sources: Sequence[TableRead]


def lookups_of(pipeline: str) -> Sequence[OnlineTable]:
    """The tables that requests of a pipeline look up."""
    config = models.pipeline(pipeline)
    if not isinstance(config, BatchPredictionsConfiguration):
        return ()
    return request_features(config).lookups


def looked_up(
    entry: LoggedPrediction, lookups: Sequence[OnlineTable]
) -> Iterator[tuple[OnlineTable, EntityAt]]:
    """The tables in which a request found a row, with its entity and time.

    Args:
        entry: its log entry.
        lookups: tables that the pipeline looks up now; others are not told.
    """
    for online in lookups:
        age = entry.ages.get(online.table)
        if age is not None:
            entity = entity_key([entry.request.get(name) for name in online.entity])
            yield online, (entity, entry.at - timedelta(seconds=age))


def stored_places(lake: Lake, online: OnlineTable, days: Sequence[str]) -> dict[EntityAt, str]:
    """Entity and time → partition of each row of some partitions; of two partitions the later one.

    Args:
        lake: the lake.
        online: the table.
        days: its partitions; those that are not stored have no rows.
    """
    stored = [day for day in lake.days_stored(online.table) if day in {*days}]
    if not stored:
        return {}
    names = [DAY, *online.entity, *([online.event_time] if online.event_time else [])]
    rows = lake.read(online.table, stored, columns=names).sort_values(DAY, kind="stable")
    return {(entity, moment): day for entity, moment, day in places(online, rows)}


def trace_lookups(
    lake: Lake, graph: Graph, entry: LoggedPrediction, lookups: Sequence[OnlineTable]
) -> list[LookedUp]:
    """The rows that a request looked up, with the days that they were computed from.

    Args:
        lake: the lake.
        graph: the lineage graph.
        entry: the request's log entry.
        lookups: tables that the pipeline looks up.
    """
    found = []
    for online, (entity, moment) in looked_up(entry, lookups):
        known = stored_places(lake, online, _near(online, moment))
        day = known.get((entity, moment), "")
        node = (online.table, day)
        found.append(
            LookedUp(
                table=online.table,
                known_at=moment,
                day=day,
                written_after=_is_written_after(graph, node, entry.answered_at),
                sources=reads_by_table(_reads_before(graph, node)) if day else [],
            )
        )
    return found


def _near(online: OnlineTable, moment: datetime) -> list[str]:
    """Partitions that may have a row that was known at a time: its own and those beside it."""
    own = online.calendar.key_of(moment)
    return [online.calendar.shifted(own, count) for count in (-1, 0, 1)]


def _is_written_after(graph: Graph, node: Node, moment: datetime) -> bool:
    entry = graph.entries.get(node)
    written = entry.written_at if entry else None
    return written is not None and written.replace(tzinfo=moment.tzinfo) > moment


def _reads_before(graph: Graph, node: Node) -> list[Read]:
    """The direct and indirect inputs of a day, of the lake's tables."""
    nodes = {node, *graph.upstream(node)} & graph.entries.keys()
    reads = [read for one in nodes for read in graph.entries[one].reads]
    return [read for read in reads if read.version is not None]
