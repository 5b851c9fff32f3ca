"""Loads what a status report is made from: ledger, three small tables, ends of the sources."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_assets import nouns
from ml_assets.cadence import Span, as_day, shifted, start_of
from ml_assets.configuration import documents
from ml_assets.configuration.sections import Days
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.content import DAY
from ml_assets.errors import MLAssetsError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import row_counts
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.pipelines import DECISION, SCORING
from ml_assets.lineage.pipelines import pipeline as known_pipeline
from ml_assets.lineage.status.state import (
    ChampionState,
    PipelineState,
    ProjectState,
    SourceState,
    StoredDecision,
)
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.history import releases
from ml_assets.sources.completeness import extent, usual_rows
from ml_assets.sources.connections import Connections

LOOKED_BACK_DAYS = 7
"""The end of a source is looked for from this many days before the newest stored day on."""

USUAL_DAYS = 28
"""Newest stored days whose rows say how many are usual."""

LAST_DAY = "9999-12-31"


def load_state(lake: Lake, log: ApprovalLog, connections: Connections) -> ProjectState:
    """Load everything that a status report depends on.

    Args:
        lake: the project's tables.
        log: approvals and rejections.
        connections: the source systems; what cannot be read of them is reported.
    """
    tables = documents.source_tables()
    daily = {key: table for key, table in tables.items() if table.days}
    return ProjectState(
        entries={table: lake.ledger.latest(table) for table in lake.ledger.tables()},
        pipelines=[_pipeline(lake, log, name, [*daily]) for name in documents.pipelines()],
        sources={key: _source(lake.ledger, connections, table) for key, table in daily.items()},
        now=datetime.now(UTC),
    )


def nothing_stored() -> ProjectState:
    """The state of a project in which nothing was materialized yet."""
    return ProjectState({}, [], {}, datetime.now(UTC))


def _pipeline(lake: Lake, log: ApprovalLog, name: str, daily: list[str]) -> PipelineState:
    try:
        of = known_pipeline(name)
    except MLAssetsError as error:
        return PipelineState(name, [], [], problem=str(error))
    inputs = list(dict.fromkeys([of.features, of.labels]))
    tables = [*inputs, *map(of.table, SCORING), of.table(DECISION)]
    sources = [key for table in inputs for key in documents.sources_of(table) if key in daily]
    names = list(dict.fromkeys(sources))
    try:
        return PipelineState(
            name=name,
            tables=tables,
            sources=names,
            champion=_champion(lake, of.table(nouns.CHAMPION)),
            releases=_decisions(lake, of.table(nouns.RELEASE_DECISION), ["evidence"]),
            retrainings=_decisions(lake, of.table(DECISION), ["as_of"]),
            records=log.records(name),
        )
    except MLAssetsError as error:
        return PipelineState(name, tables, names, problem=str(error))


def _champion(lake: Lake, table: str) -> ChampionState | None:
    rows = releases(lake, table, LAST_DAY)
    if rows.empty:
        return None
    row = rows.sort_values(DAY).iloc[-1].to_dict()
    value = float(row["value"])
    return ChampionState(
        version=int(row["version"]) or None,
        as_of=row[DAY],
        serves_from=row["serves_from"],
        released_by=row["released_by"],
        metric=row["metric"],
        value=value if math.isfinite(value) else None,
    )


def _decisions(lake: Lake, table: str, columns: list[str]) -> list[StoredDecision]:
    days = lake.days_stored(table)
    if not days:
        return []
    rows = lake.read(table, days, columns=[DAY, "verdict", "reason", *columns])
    return [
        StoredDecision(
            day=row[DAY],
            verdict=row["verdict"],
            reason=row["reason"],
            **{name: row[name] or "" for name in columns},
        )
        for row in rows.to_dict("records")
    ]


def _source(
    ledger: Ledger, connections: Connections, table: SourceTableConfiguration
) -> SourceState:
    """The last day of which the source has all rows, counted from the newest stored day on."""
    assert table.days
    counts = {day: rows for day, rows in row_counts(ledger.latest(table.key)).items() if rows}
    stored = sorted(filter(as_day, counts))
    first = max(table.days.first, shifted(stored[-1], -LOOKED_BACK_DAYS)) if stored else ""
    days = _bounds(table.days, first or table.days.first, stored[-1] if stored else "")
    try:
        hours = connections.source(table.specification).hours(days[0][1])
    except MLAssetsError as error:
        return SourceState(problem=str(error))
    usual = usual_rows([counts[day] for day in stored[-USUAL_DAYS:]])
    until = extent(days, hours, table.max_age_hours or 0.0, usual).complete_until
    return SourceState(_last_day_before(until, table.days) if until else "")


def _bounds(days: Days, first: str, last: str) -> list[tuple[str, Any, Any]]:
    span = Span(first, max(first, last))
    return [
        (day, start_of(day, days.timezone), start_of(shifted(day, 1), days.timezone))
        for day in span.days()
    ]


def _last_day_before(moment: datetime, days: Days) -> str:
    """The last day that ends by a moment; empty when that is before the first day."""
    local = moment.astimezone(ZoneInfo(days.timezone)) - timedelta(days=1)
    day = min(local.date().isoformat(), days.last or LAST_DAY)
    return day if day >= days.first else ""
