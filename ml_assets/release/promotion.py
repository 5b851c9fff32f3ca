"""Released models that did not become champion: why, by whom they were released, what helps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.registry.latency import Outcome
from ml_assets.release.approvals.approvals import Action, Record, State, standing
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED

STAGES = ("registered_model", "staging_model", "integration_tests", "champion")
"""Second parts of the names of the tables that a released model goes through, in order."""

FAILED = {Status.SKIPPED, Status.QUARANTINED}


@dataclass(frozen=True)
class Unpromoted:
    """An attempt to promote a released model that did not make it champion.

    Attributes:
        at: when, UTC.
        as_of: its as-of day.
        by: who released it: the gates, or the signature of an approval.
        evidence: hash of the evidence it was released on.
        reason: the stage and what it found, and what helps.
    """

    at: datetime
    as_of: str
    by: str
    evidence: str
    reason: str


def release_command(pipeline: str, as_of: str) -> str:
    """The command that runs a release again, from its evidence to the champion."""
    return (
        f"dagster asset materialize -m ml_assets.definitions --select group:{pipeline}__release "
        f"--partition {as_of}"
    )


def training_command(pipeline: str, as_of: str) -> str:
    """The command that trains a model and releases it, if the gates let it."""
    groups = f"group:{pipeline}__training or group:{pipeline}__release"
    return (
        f"dagster asset materialize -m ml_assets.definitions --select '{groups}' "
        f"--partition {as_of}"
    )


def problem_of_tests(tests: pd.DataFrame, names: Sequence[str]) -> str:
    """Which integration tests keep a model from being promoted, and why; empty when all passed.

    Args:
        tests: rows of the ``IntegrationTest`` contract.
        names: tests that there have to be.
    """
    words = {Outcome.FAILED: "failed", Outcome.NOT_MEASURED: "could not be measured"}
    problems = [
        f"integration test {row['test']} {words[Outcome(row['outcome'])]}: {row['finding']}"
        for row in tests.to_dict("records")
        if not row["passed"]
    ]
    missing = [f"integration test {name} has no result" for name in {*names} - {*tests["test"]}]
    return "; ".join([*problems, *sorted(missing)])


def is_not_measured(tests: pd.DataFrame) -> bool:
    """Whether nothing failed, but some test could not tell: it may pass the next time."""
    outcomes = set(tests["outcome"])
    return Outcome.NOT_MEASURED in outcomes and Outcome.FAILED not in outcomes


def waits_for_tests(lake: Lake, pipeline: str, as_ofs: Sequence[str]) -> list[str]:
    """As-of days whose release is worth another attempt: their tests could not be measured."""
    table = f"{pipeline}/integration_tests"
    entries = lake.ledger.latest(table, as_ofs)
    days = [day for day, entry in entries.items() if entry.status is Status.STORED and entry.rows]
    found = lake.read(table, days).groupby(DAY) if days else ()
    return sorted(str(day) for day, tests in found if is_not_measured(tests))


def lost_approval(records: Sequence[Record], evidence: str, now: datetime) -> Record | None:
    """An approval that was used, and is not valid any more before its model is champion.

    A rejection after its use is no loss: a person has decided.
    """
    if standing(records, evidence, now).state not in {State.WAITING, State.APPROVED}:
        return None
    return _last_used(records, evidence)


def used_by(records: Sequence[Record], use: Record) -> Record | None:
    """The approval that a record says was used, if it was valid then."""
    until = [one for one in records if one.number <= use.number]
    found = standing(until, use.evidence, use.at)
    return found.record if found.state is State.USED else None


def unpromoted(
    lake: Lake,
    pipeline: str,
    records: Sequence[Record],
    decisions: Mapping[str, Sequence[tuple[datetime, Mapping[Any, Any]]]],
) -> list[Unpromoted]:
    """Every attempt to promote a released model that failed, also one that was cut short.

    Args:
        lake: where the stages are.
        pipeline: whose.
        records: what persons said, in the order of their numbers.
        decisions: as-of day → its decisions with the time they were made at, the oldest first.
    """
    histories = {noun: lake.ledger.history(f"{pipeline}/{noun}") for noun in STAGES}
    failed = [
        *(
            (entry, f"{noun}: {entry.reason}")
            for noun, entries in histories.items()
            for entry in entries
            if entry.status in FAILED
        ),
        *_unfinished(lake, pipeline, histories),
    ]
    found: dict[tuple[str, str], Unpromoted] = {}
    for entry, problem in failed:
        assert entry.written_at is not None
        at = entry.written_at.replace(tzinfo=UTC)
        decided = [row for made_at, row in decisions.get(entry.day, ()) if made_at <= at]
        said = [one for one in records if one.as_of == entry.day and one.at <= at]
        by = _released_by(decided[-1], said) if decided else ""
        if not by:
            continue
        command = release_command(pipeline, entry.day)
        reason = problem if "--partition" in problem else f"{problem.rstrip('.')}. Then: {command}"
        attempt = Unpromoted(at, entry.day, by, decided[-1]["evidence"], reason)
        found.setdefault((entry.day, reason), attempt)
    return list(found.values())


def _unfinished(
    lake: Lake, pipeline: str, histories: Mapping[str, Sequence[Entry]]
) -> Iterator[tuple[Entry, str]]:
    """Releases that went past their approvals, and of which no stage said how they ended."""
    ended = {
        entry.day
        for noun, entries in histories.items()
        for entry in entries
        if entry.status in FAILED or (noun == "champion" and entry.status is Status.STORED)
    }
    for day, entry in lake.ledger.latest(f"{pipeline}/approvals").items():
        if day not in ended:
            yield (
                entry,
                "the release was not finished: its run failed, was cut short or is going on",
            )


def _released_by(decision: Mapping[Any, Any], records: Sequence[Record]) -> str:
    """Who released a model; empty when nobody did."""
    if decision["verdict"] == PASSED:
        return BY_GATES
    is_asked = decision["verdict"] == AWAITING
    approval = _last_used(records, decision["evidence"]) if is_asked else None
    return approval.signature if approval else ""


def _last_used(records: Sequence[Record], evidence: str) -> Record | None:
    uses = [one for one in records if one.action is Action.APPLY and one.evidence == evidence]
    return used_by(records, uses[-1]) if uses else None
