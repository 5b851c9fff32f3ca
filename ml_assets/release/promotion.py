"""Reasons why a released model does not become champion, and the commands that help."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.release.approvals.approvals import Action, ApprovalState, Record, resolve_approvals


def release_command(pipeline: str, as_of: str) -> str:
    """The command that runs a release again, from its evidence to the champion."""
    return materialize_command(f"group:{pipeline}__release") + partition_option(as_of)


def training_command(pipeline: str, as_of: str) -> str:
    """The command that trains a model and releases it if the gates pass."""
    groups = f"group:{pipeline}__training or group:{pipeline}__release"
    return materialize_command(groups) + partition_option(as_of)


def problem_of_tests(tests: pd.DataFrame, names: Sequence[str]) -> str:
    """Integration tests that did not pass, with their findings; empty if all passed.

    Args:
        tests: rows of the ``IntegrationTest`` contract.
        names: names of the required tests.
    """
    results = {
        IntegrationOutcome.FAILED: "failed",
        IntegrationOutcome.NOT_MEASURED: "could not be measured",
    }
    problems = [
        f"integration test {row['test']} {results[IntegrationOutcome(row['outcome'])]}: "
        f"{row['finding']}"
        for row in tests.to_dict("records")
        if not row["passed"]
    ]
    missing = [f"integration test {name} has no result" for name in {*names} - {*tests["test"]}]
    return "; ".join([*problems, *sorted(missing)])


def is_not_measured(tests: pd.DataFrame) -> bool:
    """Whether no test failed, but some could not be measured and may pass when retried."""
    outcomes = set(tests["outcome"])
    return IntegrationOutcome.NOT_MEASURED in outcomes and IntegrationOutcome.FAILED not in outcomes


def days_with_unmeasured_tests(lake: Lake, pipeline: str, as_ofs: Sequence[str]) -> list[str]:
    """As-of days whose release should be retried, because some tests could not be measured."""
    table = f"{pipeline}/{nouns.INTEGRATION_TESTS}"
    entries = lake.ledger.latest(table, as_ofs)
    days = [day for day, entry in entries.items() if entry.status is Status.STORED and entry.rows]
    found = lake.read(table, days).groupby(DAY) if days else ()
    return sorted(str(day) for day, tests in found if is_not_measured(tests))


def lost_approval(records: Sequence[Record], evidence: str, now: datetime) -> Record | None:
    """An approval that was used and expired before its model became champion.

    None if the release was rejected after its use.
    """
    if resolve_approvals(records, evidence, now).state not in {
        ApprovalState.WAITING,
        ApprovalState.APPROVED,
    }:
        return None
    return last_used_approval(records, evidence)


def used_approval(records: Sequence[Record], use: Record) -> Record | None:
    """The approval that a record of use refers to, if it was valid at that time."""
    until = [one for one in records if one.number <= use.number]
    found = resolve_approvals(until, use.evidence, use.at)
    return found.record if found.state is ApprovalState.USED else None


def last_used_approval(records: Sequence[Record], evidence: str) -> Record | None:
    """The last used approval of this evidence, if it was valid at that time."""
    uses = [one for one in records if one.action is Action.APPLY and one.evidence == evidence]
    return used_approval(records, uses[-1]) if uses else None
