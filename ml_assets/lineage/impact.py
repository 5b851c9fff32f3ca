"""What one day of a table touched: days, models, predictions; whether a champion is among them.

What must be made again to repair it is in ``repair``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ml_assets.configuration.documents import pipelines
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, grouped
from ml_assets.lineage.columns import columns_of, downstream
from ml_assets.lineage.graph import Edge, Graph, Node, used
from ml_assets.lineage.pipelines import PipelineTables, pipeline
from ml_assets.names import unknown
from ml_assets.provenance.provenance import Column


@dataclass(frozen=True)
class TouchedTable:
    """Days of one table that used the day.

    Attributes:
        table: its name.
        days: the days, in order.
        rows: rows of these days.
        stale: how many of them were made from an input that changed since.
        columns: its columns that depend on the column that was asked about; empty for all.
    """

    table: str
    days: Sequence[str]
    rows: int
    stale: int
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class TouchedModel:
    """A model that was trained on the day, or on something made from it.

    Attributes:
        pipeline: whose model.
        as_of: its as-of day.
        fingerprint: what identifies it.
        version: its version in the registry; None when it was never released.
        is_champion: whether it is the champion now.
        predictions: predictions that it made.
        first: first day of these; empty for none.
        last: last day of these; empty for none.
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
    """What used a day.

    Attributes:
        table: the day's table.
        day: the day.
        column: the column that was asked about; empty for all.
        state: what the ledger says of the day, in words.
        tables: the tables that used it, those nearest to it first.
        models: the models among them, and the day itself when it is one.
        waiting: table → days that wait for it: it is not there, or was not good enough for them.
    """

    table: str
    day: str
    column: str
    state: str
    tables: Sequence[TouchedTable]
    models: Sequence[TouchedModel]
    waiting: Mapping[str, Sequence[str]]

    @property
    def reaches_champion(self) -> bool:
        """Whether a model that is champion now is among them."""
        return any(model.is_champion for model in self.models)

    @property
    def nodes(self) -> set[Node]:
        """All touched days, and those that wait."""
        used = {(touched.table, day) for touched in self.tables for day in touched.days}
        return used | {(table, day) for table, days in self.waiting.items() for day in days}


def impact(lake: Lake, graph: Graph, table: str, day: str, column: str = "") -> Impact:
    """Everything that used a day of a table, directly or not.

    Args:
        lake: where models and predictions are.
        graph: what was computed from what.
        table: table name.
        day: one of its days.
        column: only what depends on this column.

    Raises:
        ConfigurationError: there is no such table, day or column; the nearest is given.
    """
    _refuse_unknown(graph, table, day)
    made_from = lake.provenance.columns() if column else {}
    reached = downstream(made_from, columns_of(made_from, f"{table}.{column}")) if column else set()
    follows = _following(made_from, reached) if column else _everywhere
    touched = graph.downstream((table, day), follows)
    days = grouped(sorted(touched))
    tables = [
        TouchedTable(
            name,
            days[name],
            sum(graph.entries[name, touched_day].rows for touched_day in days[name]),
            sum(_is_changed(graph, (name, touched_day)) for touched_day in days[name]),
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
    return Impact(table, day, column, _state(graph, (table, day)), tables, models, waiting)


def _refuse_unknown(graph: Graph, table: str, day: str) -> None:
    if table not in graph.tables:
        raise unknown("table", table, graph.tables)
    if day == SNAPSHOT != graph.tables[table][0]:
        raise ConfigurationError(
            f"{table} has days, {graph.tables[table][0]} … {graph.tables[table][-1]}: say which "
            "with --partition."
        )
    if day not in graph.tables[table]:
        raise unknown(f"day of {table}", day, graph.tables[table])


def _everywhere(_: Edge) -> bool:
    return True


def _following(
    made_from: Mapping[Column, Sequence[Column]], reached: set[Column]
) -> Callable[[Edge], bool]:
    """Edges along which a column that is reached makes one of the second table.

    A table whose columns were never noted may depend on anything: it is followed.
    """
    noted = {table for table, _ in made_from}
    edges = {
        (source[0], made[0])
        for made, sources in made_from.items()
        for source in sources
        if source in reached
    }
    return lambda edge: edge in edges or edge[1] not in noted


def _state(graph: Graph, node: Node) -> str:
    entry = graph.entries[node]
    told = f"{entry.status.value}: {entry.reason}" if entry.reason else entry.status.value
    return f"{told}, {entry.rows:,} rows" if entry.status is Status.STORED else told


def _is_changed(graph: Graph, node: Node) -> bool:
    """Whether an input that a day read directly changed since."""
    return any(
        _is_another(graph, read.table, read.day, read.content_hash)
        for read in used(graph.entries[node])
    )


def _is_another(graph: Graph, table: str, day: str, content_hash: str) -> bool:
    entry = graph.entries.get((table, day))
    return entry is None or entry.status is not Status.STORED or entry.content_hash != content_hash


def _nearest_first(graph: Graph, start: str, tables: set[str]) -> list[str]:
    """Tables by how many steps they are away, along what was read."""
    inputs = {
        name: {read.table for day in graph.tables[name] for read in used(graph.entries[name, day])}
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
    as_ofs = days.get(of.table("model"), ())
    if not as_ofs:
        return []
    champions = _champions(lake, of)
    scored = _scored_by(graph, of)
    return [
        TouchedModel(
            pipeline=of.name,
            as_of=as_of,
            fingerprint=graph.entries[of.table("model"), as_of].content_hash,
            version=champions.get(as_of),
            is_champion=as_of == max(champions, default=""),
            predictions=sum(entry.rows for entry in scored.get(as_of, ())),
            first=min((entry.day for entry in scored.get(as_of, ())), default=""),
            last=max((entry.day for entry in scored.get(as_of, ())), default=""),
        )
        for as_of in as_ofs
    ]


def _champions(lake: Lake, of: PipelineTables) -> dict[str, int]:
    """As-of day → version, of the models that became champion."""
    days = lake.days_stored(of.table("champion"))
    if not days:
        return {}
    rows = lake.read(of.table("champion"), days, columns=[DAY, "version"])
    return {day: int(version) for day, version in zip(rows[DAY], rows["version"], strict=True)}


def _scored_by(graph: Graph, of: PipelineTables) -> dict[str, list[Entry]]:
    """As-of day → the days of predictions that its model made."""
    predictions, model = of.table("predictions"), of.table("model")
    entries = [graph.entries[predictions, day] for day in graph.tables.get(predictions, [])]
    return grouped(
        (read.day, entry) for entry in entries for read in used(entry) if read.table == model
    )
