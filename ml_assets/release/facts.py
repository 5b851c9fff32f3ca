"""Reads everything that is stored about a champion's release, for ``confirm``."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.registry.integration import IntegrationTest
from ml_assets.registry.store import Registry
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.by_hand import is_recomputed, rows_of
from ml_assets.release.confirm import (
    Registration,
    ReleaseFacts,
    Row,
    decision_problems,
)
from ml_assets.release.promotion import problem_of_tests


def release_facts(
    lake: Lake, log: ApprovalLog, registry: Registry | None, pipeline: str, as_of: str
) -> ReleaseFacts:
    """Collect everything that is stored about a champion's release.

    The model, decision or tests of a day may have been recomputed since the model became champion.
    If a run did so from other inputs, the older rows are read. Rows that were written by hand are
    never skipped.

    Args:
        lake: the lake with the tables.
        log: approvals and rejections.
        registry: the model registry; None in a backtest.
        pipeline: name of the pipeline.
        as_of: an as-of day that has a champion.

    Raises:
        LakeMismatch: stored rows do not match the ledger.
        RegistryUnavailable: the registry is not reachable.
    """
    champion = _first_row(verified_rows(lake.window(f"{pipeline}/{nouns.CHAMPION}", [as_of])))
    assert champion is not None
    fingerprint = champion["fingerprint"]
    records = log.records(pipeline, as_of)
    decision = _relevant_rows(
        lake,
        f"{pipeline}/{nouns.RELEASE_DECISION}",
        as_of,
        lambda rows: not decision_problems(champion, _first_row(rows), records),
    )
    return ReleaseFacts(
        pipeline=pipeline,
        as_of=as_of,
        champion=champion,
        decision=_first_row(decision),
        records=records,
        model=_model(lake, pipeline, as_of, fingerprint),
        registration=_registration(lake, registry, pipeline, champion) if registry else None,
    )


def _registration(lake: Lake, registry: Registry, pipeline: str, champion: Row) -> Registration:
    as_of, fingerprint = champion[DAY], champion["fingerprint"]
    names = IntegrationTest.names()
    row = _relevant_rows(
        lake,
        f"{pipeline}/{nouns.REGISTERED_MODEL}",
        as_of,
        lambda rows: {*rows["fingerprint"]} == {fingerprint},
    )
    tests = _relevant_rows(
        lake,
        f"{pipeline}/{nouns.INTEGRATION_TESTS}",
        as_of,
        lambda rows: {*rows["fingerprint"]} == {fingerprint} and not problem_of_tests(rows, names),
    )
    return Registration(
        row=_first_row(row),
        version=registry.lookup(pipeline, fingerprint),
        tests=no_rows(IntegrationTest) if tests is None else tests,
        test_names=names,
    )


def _model(lake: Lake, pipeline: str, as_of: str, fingerprint: str) -> str:
    """Fingerprint of the day's model; an older one if the model was retrained since."""
    entries = _stored(lake, f"{pipeline}/{nouns.MODEL}", as_of)
    for entry, before in pairwise(entries):
        if entry.content_hash == fingerprint or not is_recomputed(entry, before):
            return entry.content_hash
    return entries[-1].content_hash if entries else ""


def _relevant_rows(
    lake: Lake, table: str, as_of: str, agrees: Callable[[pd.DataFrame], bool]
) -> pd.DataFrame | None:
    """The newest rows of a day that agree with the champion or that no run has recomputed since."""
    entries = _stored(lake, table, as_of)
    if not entries:
        return None
    latest = lake.ledger.latest(table, [as_of])[as_of]
    if latest.status is Status.STORED:
        rows: pd.DataFrame | None = verified_rows(lake.window(table, [as_of]))
    else:
        rows = rows_of(lake, entries[0])
    for entry, before in zip(entries, [*entries[1:], None], strict=True):
        if before is None or rows is None or agrees(rows) or not is_recomputed(entry, before):
            break
        rows = rows_of(lake, before)
    return rows


def _stored(lake: Lake, table: str, as_of: str) -> list[Entry]:
    """Stored entries of a day, the newest first."""
    history = lake.ledger.history(table, as_of)
    return [entry for entry in reversed(history) if entry.status is Status.STORED]


def _first_row(rows: pd.DataFrame | None) -> dict[Any, Any] | None:
    return None if rows is None or rows.empty else rows.to_dict("records")[0]
