"""Everything that is stored about the release of one as-of day, read once.

What follows from it is decided in ``releasing``, which reads nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pandas as pd

from ml_assets.cadence import shifted
from ml_assets.errors import LakeMismatch
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.lake.window import Window
from ml_assets.ledger.entries import Entry
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Record, records_of
from ml_assets.release.approvals.persons import first_not_scored
from ml_assets.release.champion import Champion, newest
from ml_assets.release.history import release_of, released_days, releases

T = TypeVar("T")

DECIDED = ("release_decision", "approvals")
"""Second parts of the names of the tables that say whether a model is released."""


@dataclass(frozen=True)
class ReleaseState:
    """What is stored about the release of an as-of day.

    A value that may have been altered is the ``LakeMismatch`` then; ``intact`` raises it, where
    the value matters.

    Attributes:
        pipeline: whose release.
        as_of: the as-of day.
        now: the moment at which it is judged, UTC.
        decision: the row of ``release_decision``.
        history: entries of the table of champions, the oldest first.
        release: the row of ``champion`` on the evidence of the decision; None for none.
        champion_before: the champion with the newest earlier as-of day; None for none.
        records: what persons said, in the order of their numbers.
        approvals: the same as ``approvals`` holds it; empty before that is computed.
        first_not_scored: first day, from the as-of day on, after all that is scored.
        registered: rows of ``registered_model``; None without a registry, and before registration.
        tests: rows of ``integration_tests``; None in the same cases.
        outdated: second parts of the names of tables that other code or rules made than are in
            force.
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
) -> ReleaseState:
    """Read the state of a release.

    The history of the champions is read before the champions. A release that began earlier is
    therefore seen in any case: in the history while it goes on, among the champions afterwards.

    Args:
        lake: where the tables are.
        log: what persons said.
        windows: second part of a table's name → where it is read: ``release_decision``, and of
            ``approvals``, ``registered_model`` and ``integration_tests`` those that are there yet.
        pipeline: whose release.
        as_of: its as-of day.
        in_force: second part of a table's name → version of the code and rules in force.

    Raises:
        LakeMismatch: somebody changed the decision since it was made.
    """

    def stored(noun: str) -> pd.DataFrame | LakeMismatch | None:
        return _attempt(lambda: verified_rows(windows[noun], as_of)) if noun in windows else None

    table = f"{pipeline}/champion"
    [decision] = verified_rows(windows["release_decision"], as_of).to_dict("records")
    history = lake.ledger.history(table)
    said = stored("approvals")
    return ReleaseState(
        pipeline=pipeline,
        as_of=as_of,
        now=datetime.now(UTC),
        decision={str(name): value for name, value in decision.items()},
        history=history,
        release=_attempt(lambda: release_of(lake, history, as_of, decision["evidence"])),
        champion_before=_attempt(
            lambda: newest(releases(lake, table, shifted(as_of, -1), history))
        ),
        records=log.records(pipeline, as_of),
        approvals=records_of(pipeline, said) if isinstance(said, pd.DataFrame) else said or [],
        first_not_scored=first_not_scored(lake, pipeline, as_of),
        registered=stored("registered_model"),
        tests=stored("integration_tests"),
        outdated=frozenset(
            noun
            for noun, version in in_force.items()
            if noun in windows
            and lake.ledger.latest(f"{pipeline}/{noun}", [as_of])[as_of].code_version != version
        ),
    )


def intact(value: T | LakeMismatch) -> T:
    """The value, as it was stored.

    Raises:
        LakeMismatch: it was altered.
    """
    if isinstance(value, LakeMismatch):
        raise value
    return value


def _attempt(read: Callable[[], T]) -> T | LakeMismatch:
    try:
        return read()
    except LakeMismatch as error:
        return error
