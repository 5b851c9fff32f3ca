"""What keeps a released model from becoming champion: its tests, a lost approval; and what helps."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.release.approvals.approvals import Action, ApprovalState, Record, standing


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
    words = {
        IntegrationOutcome.FAILED: "failed",
        IntegrationOutcome.NOT_MEASURED: "could not be measured",
    }
    problems = [
        f"integration test {row['test']} {words[IntegrationOutcome(row['outcome'])]}: {row['finding']}"
        for row in tests.to_dict("records")
        if not row["passed"]
    ]
    missing = [f"integration test {name} has no result" for name in {*names} - {*tests["test"]}]
    return "; ".join([*problems, *sorted(missing)])


def is_not_measured(tests: pd.DataFrame) -> bool:
    """Whether nothing failed, but some test could not tell: it may pass the next time."""
    outcomes = set(tests["outcome"])
    return IntegrationOutcome.NOT_MEASURED in outcomes and IntegrationOutcome.FAILED not in outcomes


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
    if standing(records, evidence, now).state not in {
        ApprovalState.WAITING,
        ApprovalState.APPROVED,
    }:
        return None
    return last_used(records, evidence)


def used_by(records: Sequence[Record], use: Record) -> Record | None:
    """The approval that a record says was used, if it was valid then."""
    until = [one for one in records if one.number <= use.number]
    found = standing(until, use.evidence, use.at)
    return found.record if found.state is ApprovalState.USED else None


def last_used(records: Sequence[Record], evidence: str) -> Record | None:
    """The approval of this evidence that was used last, if it was valid then."""
    uses = [one for one in records if one.action is Action.APPLY and one.evidence == evidence]
    return used_by(records, uses[-1]) if uses else None
