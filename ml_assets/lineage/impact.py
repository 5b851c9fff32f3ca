"""Impact of one day of a table: the days, models and predictions that were computed from it.

The days that a repair recomputes are in ``repair``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ml_assets import nouns
from ml_assets.configuration.models import pipelines
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, grouped
from ml_assets.lineage.columns import columns_of, downstream
from ml_assets.lineage.graph import Edge, Graph, Node, stored_reads
from ml_assets.lineage.measurement.resolved import column_lineage
from ml_assets.lineage.pipelines import PipelineTables, pipeline
from ml_assets.names import unknown
from ml_assets.provenance.provenance import Column


@dataclass(frozen=True)
class TouchedTable:
    """Days of one table that were computed from the day, directly or indirectly.

    Attributes:
        table: table name.
        days: the days, in order.
        rows: number of rows of these days.
        stale: number of these days with an input that changed since.
        columns: columns that depend on the requested column; empty for all.
    """

    table: str
    days: Sequence[str]
    rows: int
    stale: int
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class TouchedModel:
    """A model that was trained on the day, or on data computed from it.

    Attributes:
        pipeline: name of its pipeline.
        as_of: as-of day.
        fingerprint: hash that identifies the model.
        version: version in the model registry; None when it was never released.
        is_champion: whether it is the current champion.
        predictions: number of its predictions.
        first: first day of its predictions; empty without any.
        last: last day of its predictions; empty without any.
    """

    pipeline: str
    as_of: str
    fingerprint: str
    version: int | None
    is_champion: bool
    predictions: int
    first: str
    last: str


@dataclass(frozen=True)
class Impact:
    """The dependents of a day.

    Attributes:
        table: the day's table.
        day: the day.
        column: the requested column; empty for all.
        state: status, reason and row count of the day in the ledger.
        tables: the dependent tables, the nearest first.
        models: the dependent models, and the day itself when it is a model.
        waiting: table → days that are missing or incomplete because of this day.
        assumed: dependent tables of whose columns each is assumed to depend on every column of their
            inputs, as they neither declare nor were measured to read others.
    """

    table: str
    day: str
    column: str
    state: str
    tables: Sequence[TouchedTable]
    models: Sequence[TouchedModel]
    waiting: Mapping[str, Sequence[str]]
    assumed: Sequence[str] = ()

    @property
    def reaches_champion(self) -> bool:
        """Whether the current champion is among the models."""
        return any(model.is_champion for model in self.models)

    @property
    def used(self) -> set[Node]:
        """All touched days."""
        return {(touched.table, day) for touched in self.tables for day in touched.days}

    @property
    def nodes(self) -> set[Node]:
        """All touched and all waiting days."""
        return self.used | {(table, day) for table, days in self.waiting.items() for day in days}


def impact(lake: Lake, graph: Graph, table: str, day: str, column: str = "") -> Impact:
    """The direct and indirect dependents of a day of a table.

    Args:
        lake: the lake with models and predictions.
        graph: the lineage graph.
        table: table name.
        day: one of its days.
        column: limits the result to dependents of this column.

    Raises:
        ConfigurationError: the table, day or column is unknown.
    """
    _refuse_unknown(graph, table, day)
    lineage = column_lineage(lake) if column else None
    made_from = lineage.made_from if lineage else {}
    reached = downstream(made_from, columns_of(made_from, f"{table}.{column}")) if column else set()
    follows = _follows_columns(made_from, reached) if column else _follows_all
    touched = graph.downstream((table, day), follows)
    days = grouped(sorted(touched))
    tables = [
        TouchedTable(
            name,
            days[name],
            sum(graph.entries[name, touched_day].rows for touched_day in days[name]),
            sum(_is_stale(graph, (name, touched_day)) for touched_day in days[name]),
            sorted(found for of, found in reached if of == name),
        )
        for name in _nearest_first(graph, table, set(days))
    ]
    models = [
        model
        for name in pipelines()
        for model in _models(lake, graph, pipeline(name), grouped(sorted(touched | {(table, day)})))
    ]
    waiting = grouped(sorted(graph.waiting((table, day)) - touched))
    assumed = lineage.assumed(days) if lineage else []
    return Impact(table, day, column, _state(graph, (table, day)), tables, models, waiting, assumed)


def _refuse_unknown(graph: Graph, table: str, day: str) -> None:
    if table not in graph.tables:
        raise unknown("table", table, graph.tables)
    if day == SNAPSHOT != graph.tables[table][0]:
        raise ConfigurationError(
            f"{table} has days, {graph.tables[table][0]} … {graph.tables[table][-1]}: choose one "
            "with --partition."
        )
    if day not in graph.tables[table]:
        raise unknown(f"day of {table}", day, graph.tables[table])


def _follows_all(_: Edge) -> bool:
    return True


def _follows_columns(
    made_from: Mapping[Column, Sequence[Column]], reached: set[Column]
) -> Callable[[Edge], bool]:
    """Edges along which the second table has a column computed from a reached column.

    A table without recorded column lineage may depend on any column: it is followed.
    """
    recorded = {table for table, _ in made_from}
    edges = {
        (source[0], column[0])
        for column, sources in made_from.items()
        for source in sources
        if source in reached
    }
    return lambda edge: edge in edges or edge[1] not in recorded


def _state(graph: Graph, node: Node) -> str:
    entry = graph.entries[node]
    state = f"{entry.status.value}: {entry.reason}" if entry.reason else entry.status.value
    return f"{state}, {entry.rows:,} rows" if entry.status is Status.STORED else state


def _is_stale(graph: Graph, node: Node) -> bool:
    """Whether a direct input of a day changed since."""
    return any(
        _has_changed(graph, read.table, read.day, read.content_hash)
        for read in stored_reads(graph.entries[node])
    )


def _has_changed(graph: Graph, table: str, day: str, content_hash: str) -> bool:
    entry = graph.entries.get((table, day))
    return entry is None or entry.status is not Status.STORED or entry.content_hash != content_hash


def _nearest_first(graph: Graph, start: str, tables: set[str]) -> list[str]:
    """Tables ordered by their distance from ``start`` in the lineage graph."""
    inputs = {
        name: {
            read.table
            for day in graph.tables[name]
            for read in stored_reads(graph.entries[name, day])
        }
        for name in tables
    }
    ordered: list[str] = []
    level = {start}
    while level:
        following = {name for name in tables - {*ordered} if inputs[name] & level}
        ordered += sorted(following)
        level = following
    return ordered


def _models(
    lake: Lake, graph: Graph, of: PipelineTables, days: Mapping[str, Sequence[str]]
) -> list[TouchedModel]:
    as_ofs = days.get(of.table(nouns.MODEL), ())
    if not as_ofs:
        return []
    champions = _champions(lake, of)
    scored = _scored_by(graph, of)
    return [
        TouchedModel(
            pipeline=of.name,
            as_of=as_of,
            fingerprint=graph.entries[of.table(nouns.MODEL), as_of].content_hash,
            version=champions.get(as_of),
            is_champion=as_of == max(champions, default=""),
            predictions=sum(entry.rows for entry in scored.get(as_of, ())),
            first=min((entry.day for entry in scored.get(as_of, ())), default=""),
            last=max((entry.day for entry in scored.get(as_of, ())), default=""),
        )
        for as_of in as_ofs
    ]


def _champions(lake: Lake, of: PipelineTables) -> dict[str, int]:
    """As-of day → version of each model that became champion."""
    days = lake.days_stored(of.table(nouns.CHAMPION))
    if not days:
        return {}
    rows = lake.read(of.table(nouns.CHAMPION), days, columns=[DAY, "version"])
    return {day: int(version) for day, version in zip(rows[DAY], rows["version"], strict=True)}


def _scored_by(graph: Graph, of: PipelineTables) -> dict[str, list[Entry]]:
    """As-of day → the days of predictions of its model."""
    predictions, model = of.table(nouns.PREDICTIONS), of.table(nouns.MODEL)
    entries = [graph.entries[predictions, day] for day in graph.tables.get(predictions, [])]
    return grouped(
        (read.day, entry)
        for entry in entries
        for read in stored_reads(entry)
        if read.table == model
    )
