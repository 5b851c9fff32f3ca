"""Sources: what waits for a person, releases and single predictions, and a champion that was taken back."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from ml_assets import nouns
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.remedy import checks_command
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.answers import Outcome
from ml_assets.learning.ensembles.columns import OUTCOME, RULES, counted
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.overview import Overview
from ml_assets.release.approvals.approvals import ApprovalState, Record
from ml_assets.release.history import released_days
from ml_assets.release.waiting import approve_command, waiting_state

WAITS = "decision_waits"


def champion_history(lake: Lake, pipeline: WatchedPipeline, until: str) -> list[Entry]:
    """Entries of the champions of a pipeline, the oldest first.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last as-of day; later ones are left out.
    """
    history = lake.ledger.history(pipeline.table(nouns.CHAMPION))
    return [entry for entry in history if entry.day <= until]


def waiting_releases(
    lake: Lake,
    champions: Callable[[], Sequence[Entry]],
    records: Sequence[Record],
    pipeline: WatchedPipeline,
    until: str,
    *,
    now: datetime,
) -> Iterator[Finding]:
    """At most one finding: releases wait for approval. It is about the newest, which replaces the older ones.

    Args:
        lake: the project's tables.
        champions: returns what ``champion_history`` does.
        records: approvals and rejections of the pipeline.
        pipeline: the pipeline.
        until: last as-of day; later ones are ignored.
        now: current time, UTC.
    """
    table = pipeline.table(nouns.RELEASE_DECISION)
    newest = max(serving_days(champions()), default="")
    days = [day for day in lake.days_stored(table) if newest < day <= until]
    if not days:
        return
    rows = lake.read(table, days, columns=[DAY, "verdict", "reason", "evidence"])
    state = partial(waiting_state, newest=newest, records=records, now=now)
    waiting = [
        row
        for row in rows.sort_values(DAY).to_dict("records")
        if state(row["verdict"], row[DAY], row["evidence"]) is ApprovalState.WAITING
    ]
    if waiting:
        *older, last = waiting
        also = f" ({len(older)} older, too)" if older else ""
        yield Finding(
            kind=WAITS,
            pipeline=pipeline.name,
            subject=f"release as of {last[DAY]}",
            message=f"the release as of {last[DAY]} waits for approval{also}: {last['reason']}",
            since=last[DAY],
            until=last[DAY],
            command=approve_command(pipeline.name, last[DAY]),
        )


def waiting_predictions(lake: Lake, pipeline: WatchedPipeline, until: str) -> Iterator[Finding]:
    """At most one finding: rules of an ensemble send predictions of the last partition to a person.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
    """
    table = pipeline.table(nouns.PREDICTIONS)
    last = Overview(lake.ledger.url).last_stored(table, until) if pipeline.is_ensemble else None
    if last is None:
        return
    rows = lake.read(table, [last], columns=[DAY, OUTCOME, RULES])
    waiting = rows[rows[OUTCOME] == Outcome.PERSON]
    if len(waiting):
        yield Finding(
            kind=WAITS,
            pipeline=pipeline.name,
            subject=table,
            message=(
                f"{len(waiting):,} of {len(rows):,} predictions of {last} wait for a person; rules of "
                f"these rows: {counted(waiting)}"
            ),
            since=last,
            until=last,
            command=checks_command(table, last),
        )


def champion_rolled_back(
    champions: Callable[[], Sequence[Entry]], pipeline: WatchedPipeline
) -> Iterator[Finding]:
    """At most one finding: the newest model that was champion is none any more.

    Args:
        champions: returns what ``champion_history`` does.
        pipeline: the pipeline.
    """
    history = champions()
    last = max(released_days(history), default="")
    serving = max(serving_days(history), default="")
    if last > serving:
        instead = f"the model as of {serving} serves again" if serving else "no model serves"
        yield Finding(
            kind="champion_rolled_back",
            pipeline=pipeline.name,
            subject=pipeline.table(nouns.CHAMPION),
            message=f"the model as of {last} is no longer champion, and {instead}",
            since=last,
            until=last,
            command=f"ml-assets audit {pipeline.name}",
        )


def serving_days(history: Sequence[Entry]) -> set[str]:
    """As-of days whose model is champion by the latest entry of its day."""
    latest = {entry.day: entry for entry in history if entry.status is not Status.WRITING}
    return {
        day for day, entry in latest.items() if entry.status is Status.STORED and entry.rows > 0
    }
