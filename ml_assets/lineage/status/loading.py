"""Loads what a status report is made from: ledger, three small tables, ends of the sources."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_assets import nouns
from ml_assets.alerts.alert import Alert
from ml_assets.cadence import as_key
from ml_assets.configuration import documents, models
from ml_assets.configuration.days import Days
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.content import DAY
from ml_assets.errors import MLAssetsError
from ml_assets.lake.remedy import DEAD_LETTERS
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, row_counts
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.pipelines import pipeline as known_pipeline
from ml_assets.lineage.status.beginning import last_ended
from ml_assets.lineage.status.configured import changed_configuration
from ml_assets.lineage.status.state import (
    ChampionState,
    PipelineState,
    ProjectState,
    SourceState,
    StoredDecision,
)
from ml_assets.planning.staleness import changed_input, stale_tables
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.history import releases
from ml_assets.sources.completeness import extent_of
from ml_assets.sources.connections import Connections

LAST_DAY = "9999-12-31"


def load_state(
    lake: Lake,
    log: ApprovalLog,
    connections: Connections | None,
    known: Collection[str],
    versions: Mapping[str, str],
    *,
    alerts: Sequence[Alert],
) -> ProjectState:
    """Load everything that a status report depends on.

    Args:
        lake: the project's tables.
        log: approvals and rejections.
        connections: the source systems; what cannot be read of them is reported. None to ask none of
            them: a source then reaches to the last partition that was extracted.
        known: tables of the project; what was stored for others is left out.
        versions: table → its present code version, of tables whose stale days are reported, in the
            order in which they are computed.
        alerts: alerts that are not resolved.
    """
    tables, broken = documents.source_tables()
    daily = {key: table for key, table in tables.items() if table.days}
    names = models.pipelines_outside(())
    pipelines = [_pipeline(lake, log, name, [*daily, *broken]) for name in names]
    entries = {
        table: lake.ledger.latest(table)
        for table in lake.ledger.tables()
        if table.removesuffix(DEAD_LETTERS) in known
    }
    days_of = {
        table: days
        for pipeline in pipelines
        for own in [_days_of_pipeline(pipeline.name)]
        for table in [*pipeline.inputs, *pipeline.tables]
        if (days := documents.days_of(table) or own)
    }
    return ProjectState(
        entries=entries,
        pipelines=pipelines,
        sources={
            key: _source(lake.ledger, connections, table)
            if connections
            else SourceState(max(filter(as_key, entries.get(key, {})), default=""))
            for key, table in daily.items()
        }
        | {key: SourceState(problem=str(error)) for key, error in broken.items()},
        calendars={table: days.calendar for table, days in days_of.items()},
        now=datetime.now(UTC),
        stale=_stale(lake.ledger, entries, versions),
        first={table: days.first_key for table, days in days_of.items()},
        alerts=alerts,
        unreadable=_unreadable(),
    )


def _stale(
    ledger: Ledger, entries: Mapping[str, Mapping[str, Entry]], versions: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Table → stored day → why it is stale."""
    stored = {
        table: {day: one for day, one in entries[table].items() if one.status is Status.STORED}
        for table in versions
        if table in entries
    }
    changed = stale_tables(ledger, {table: sorted(days) for table, days in stored.items() if days})
    return {
        table: {
            day: "its code changed"
            for day, entry in days.items()
            if not entry.is_final and entry.code_version != versions[table]
        }
        | {
            day: "{} {} changed".format(*changed_input(reason))
            for day, reason in changed.get(table, {}).items()
        }
        for table, days in stored.items()
    }


def nothing_stored() -> ProjectState:
    """The state of a project in which nothing was materialized yet: what of it is not usable."""
    _, sources = documents.source_tables()
    return ProjectState(
        entries={},
        pipelines=[
            PipelineState(name, [], [], problem=problem)
            for name in models.pipelines_outside(())
            if (problem := _problem(name))
        ],
        sources={key: SourceState(problem=str(error)) for key, error in sources.items()},
        calendars={},
        now=datetime.now(UTC),
        unreadable=_unreadable(),
    )


def _unreadable() -> list[str]:
    """Why files cannot be read, so that their pipelines are unknown."""
    return [str(error) for error in documents.unreadable_files().values()]


def _problem(pipeline: str) -> str:
    """Why the configuration of a pipeline is not usable; empty if it is."""
    try:
        models.pipeline(pipeline)
    except MLAssetsError as error:
        return str(error)
    return ""


def _pipeline(lake: Lake, log: ApprovalLog, name: str, daily: list[str]) -> PipelineState:
    try:
        of, model = known_pipeline(name), models.pipeline(name)
    except MLAssetsError as error:
        return PipelineState(name, [], [], problem=str(error))
    own = list(dict.fromkeys([of.features, of.labels]))
    tables = [*own, *map(of.table, of.scoring), of.table(nouns.RETRAINING_DECISION)]
    inputs = list(dict.fromkeys(one for table in own for one in documents.lineage_of(table)))
    names = [key for key in inputs if key in daily]
    try:
        champion = _champion_row(lake, of.table(nouns.CHAMPION))
        return PipelineState(
            name=name,
            tables=tables,
            sources=names,
            inputs=inputs,
            champion=_champion(champion) if champion else None,
            releases=_decisions(lake, of.table(nouns.RELEASE_DECISION), ["evidence"]),
            retrainings=_decisions(
                lake, of.table(nouns.RETRAINING_DECISION), ["as_of", "champion_as_of"]
            ),
            records=log.records(name),
            as_ofs=model.as_of_calendar,
            drift_partitions=model.drift_partitions,
            changed=changed_configuration(
                lake, of.table(nouns.MODEL), champion, model.specification
            )
            if champion
            else (),
        )
    except MLAssetsError as error:
        return PipelineState(name, tables, names, problem=str(error), inputs=inputs)


def _days_of_pipeline(name: str) -> Days | None:
    """The days of a pipeline's own tables; None for one whose configuration is not usable."""
    try:
        return models.pipeline(name).days
    except MLAssetsError:
        return None


def _champion_row(lake: Lake, table: str) -> Mapping[Any, Any]:
    """The row of the released model with the newest as-of day; empty for none."""
    rows = releases(lake, table, LAST_DAY)
    return {} if rows.empty else rows.sort_values(DAY).iloc[-1].to_dict()


def _champion(row: Mapping[Any, Any]) -> ChampionState:
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
    """The last partition of which the source has all rows."""
    assert table.days
    days = table.days
    try:
        found = extent_of(
            days.calendar,
            days.first,
            row_counts(ledger.latest(table.key)),
            connections.source(table.specification).hours,
            table.max_age.longest if table.max_age else timedelta(),
        )
    except MLAssetsError as error:
        return SourceState(problem=str(error))
    until = found.complete_until
    return SourceState(_last_before(until, days) if until else "")


def _last_before(moment: datetime, days: Days) -> str:
    """The last partition that ends by a moment; empty when that is before the first one."""
    key = last_ended(days, moment)
    return key if key >= days.first_key else ""
