"""Reads everything that is stored about the release of one as-of day.

``releasing`` decides on it and reads nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pandas as pd

from ml_assets import nouns
from ml_assets.cadence import Calendar
from ml_assets.errors import LakeMismatch
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.lake.window import Window
from ml_assets.ledger.entries import Entry
from ml_assets.release.approvals.actions import first_not_scored
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Record, records_from_rows
from ml_assets.release.champion import Champion, newest
from ml_assets.release.history import release_of, released_days, releases

T = TypeVar("T")

DECIDED = (nouns.RELEASE_DECISION, nouns.APPROVALS)
"""Nouns of the tables that determine whether a model is released."""


@dataclass(frozen=True)
class ReleaseState:
    """Everything that is stored about the release of an as-of day.

    A value that was altered is replaced by its ``LakeMismatch``; ``intact`` raises it when the
    value is used.

    Attributes:
        pipeline: name of the pipeline.
        as_of: the as-of day.
        now: current time, UTC.
        decision: row of ``release_decision``.
        history: entries of the table of champions, the oldest first.
        release: row of ``champion`` on the evidence of the decision; None for none.
        champion_before: the champion with the newest earlier as-of day; None for none.
        records: approvals and rejections in the approval log, by number.
        approvals: the same records in the table ``approvals``; empty before it is computed.
        first_not_scored: first day after all scored days, not before the as-of day.
        as_of_calendar: partitions of as-of days.
        registered: rows of ``registered_model``; None without a registry or before registration.
        tests: rows of ``integration_tests``; None in the same cases.
        outdated: nouns of tables that were computed with other code or rules than the current ones.
    """

    pipeline: str
    as_of: str
    now: datetime
    decision: Mapping[str, Any]
    history: Sequence[Entry]
    release: Mapping[str, Any] | LakeMismatch | None
    champion_before: Champion | LakeMismatch | None
    records: Sequence[Record]
    approvals: Sequence[Record] | LakeMismatch
    first_not_scored: str
    as_of_calendar: Calendar
    registered: pd.DataFrame | LakeMismatch | None = None
    tests: pd.DataFrame | LakeMismatch | None = None
    outdated: frozenset[str] = frozenset()

    @property
    def released_days(self) -> set[str]:
        """As-of days whose model has been champion."""
        return released_days(self.history)


def load(  # noqa: PLR0917
    lake: Lake,
    log: ApprovalLog,
    windows: Mapping[str, Window],
    pipeline: str,
    as_of: str,
    in_force: Mapping[str, str],
    calendar: Calendar,
    as_of_calendar: Calendar,
) -> ReleaseState:
    """Read the state of a release.

    The history of the champions is read before the champions. So a release that began earlier is
    never missed: it is in the history while it runs, and among the champions afterwards.

    Args:
        lake: the lake with the tables.
        log: approvals and rejections.
        windows: noun of a table → window to read: ``release_decision``, and those of ``approvals``,
            ``registered_model`` and ``integration_tests`` that exist.
        pipeline: name of the pipeline.
        as_of: the as-of day.
        in_force: noun of a table → current version of its code and rules.
        calendar: partitions of predictions.
        as_of_calendar: partitions of as-of days.

    Raises:
        LakeMismatch: the decision was altered.
    """

    def stored(noun: str) -> pd.DataFrame | LakeMismatch | None:
        return (
            _value_or_error(lambda: verified_rows(windows[noun], as_of))
            if noun in windows
            else None
        )

    table = f"{pipeline}/{nouns.CHAMPION}"
    [decision] = verified_rows(windows[nouns.RELEASE_DECISION], as_of).to_dict("records")
    history = lake.ledger.history(table)
    approvals = stored(nouns.APPROVALS)
    return ReleaseState(
        pipeline=pipeline,
        as_of=as_of,
        now=datetime.now(UTC),
        decision={str(name): value for name, value in decision.items()},
        history=history,
        release=_value_or_error(lambda: release_of(lake, history, as_of, decision["evidence"])),
        champion_before=_value_or_error(
            lambda: newest(releases(lake, table, as_of, history, includes_last=False))
        ),
        records=log.records(pipeline, as_of),
        approvals=records_from_rows(pipeline, approvals)
        if isinstance(approvals, pd.DataFrame)
        else approvals or [],
        first_not_scored=first_not_scored(lake, pipeline, as_of, calendar),
        as_of_calendar=as_of_calendar,
        registered=stored(nouns.REGISTERED_MODEL),
        tests=stored(nouns.INTEGRATION_TESTS),
        outdated=frozenset(
            noun
            for noun, version in in_force.items()
            if noun in windows
            and lake.ledger.latest(f"{pipeline}/{noun}", [as_of])[as_of].code_version != version
        ),
    )


def intact(value: T | LakeMismatch) -> T:
    """The value, if it was not altered.

    Raises:
        LakeMismatch: it was altered.
    """
    if isinstance(value, LakeMismatch):
        raise value
    return value


def _value_or_error(read: Callable[[], T]) -> T | LakeMismatch:
    try:
        return read()
    except LakeMismatch as error:
        return error
