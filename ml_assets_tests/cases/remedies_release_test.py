"""Remedies of releases, models and given-up days: the commands are taken from the messages and run."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.requests import MAX_ATTEMPTS
from ml_assets.release.approvals.actions import record
from ml_assets.release.approvals.approvals import Action, approval_use
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import (
    ASKED_FOR,
    BLOCKED,
    CHAMPION,
    DECIDED,
    PREDICTIONS,
    RELEASE,
    RELEASED,
    TRAINED,
    assets,
    run,
    tick,
)
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import command, commands, run_all
from ml_assets_tests.remedies import run as execute
from ml_assets_tests.sensor_runs import DAYS

PIPELINE = "flight_delays"
CHAMPIONS = f"{PIPELINE}/champion"
NEXT = "2013-02-04"
FOLLOWS = assets(*RELEASED)


def champions(project: Project) -> list[str]:
    """As-of days whose model became champion."""
    entries = project.entries(CHAMPIONS)
    return sorted(day for day, entry in entries.items() if entry.rows)


def failure(project: Project, selection: str, day: str) -> str:
    """The error of a failed run."""
    outcome = project.materialize(selection, day)
    assert not outcome.succeeded
    return " ".join(outcome.failed_steps.values())


@pytest.mark.slow
def test_a_release_is_approved_and_continued_by_hand(waiting: Project) -> None:
    [reported] = [
        one for one in waiting.check(assets("approvals"), BLOCKED) if one.state == "warned"
    ]
    approve = commands(reported.reason)[0]

    run_all(waiting, execute(waiting, approve))

    assert champions(waiting) == [CHAMPION, BLOCKED]
    checks = waiting.check(assets("approvals"), BLOCKED)
    assert {result.state for result in checks} == {"passed"}


@pytest.mark.slow
def test_an_approval_that_expired_before_its_model_was_champion_is_given_again(
    waiting: Project,
) -> None:
    log, now = Workspace.of_environment().approvals, datetime.now(UTC)
    approval = record(
        waiting.lake,
        log,
        pipeline=PIPELINE,
        as_of=BLOCKED,
        action=Action.APPROVE,
        by="Ann",
        reason="checked by hand",
        expires="1h",
        now=now - timedelta(hours=2),
    )
    log.append(approval_use(approval, now - timedelta(hours=1.5), NEXT))

    reported = failure(waiting, FOLLOWS, BLOCKED)
    run_all(waiting, reported[reported.index("Approve it again") :])

    assert champions(waiting) == [CHAMPION, BLOCKED]


@pytest.mark.slow
def test_an_interrupted_release_is_finished_before_the_next(measured: Project) -> None:
    assert measured.materialize(assets(*TRAINED, *DECIDED), BLOCKED).succeeded
    measured.lake.ledger.append([Entry(CHAMPIONS, BLOCKED, Status.WRITING, run_id="killed")])
    assert measured.materialize(assets("release_decision", *RELEASED[:-2]), ASKED_FOR).succeeded

    reported = failure(measured, assets("champion"), ASKED_FOR)
    run_all(measured, reported)

    assert champions(measured) == [CHAMPION, ASKED_FOR]


def delete(folder: Path) -> None:
    """Delete the model's folder."""
    shutil.rmtree(folder)


def alter(folder: Path) -> None:
    """Change the model's file."""
    (folder / "model.skops").write_bytes(b"!")


def empty_probe(folder: Path) -> None:
    """Empty the rows that belong to the model's fingerprint."""
    (folder / "probe.parquet").write_bytes(b"")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [delete, alter, empty_probe])
def test_a_given_up_day_is_resumed_by_the_command_after_the_model_is_retrained(
    retrained: Project, damage: Callable[[Path], None]
) -> None:
    [champion] = retrained.lake.read(RELEASE, [ASKED_FOR])["challenger"]
    folder = retrained.data / "models" / PIPELINE / "model" / champion
    damage(folder)
    for _ in range(MAX_ATTEMPTS):
        [request] = tick(retrained, DAYS).requests
        assert not run(retrained, request).succeeded
    reported = tick(retrained, DAYS)
    assert not reported.requests
    given_up = retrained.entries(PREDICTIONS)[NEXT]
    assert given_up.status is Status.SKIPPED
    assert given_up.reason in reported.reason

    if folder.exists():
        assert re.search("delete its folder", given_up.reason, re.IGNORECASE)
        shutil.rmtree(folder)
    assert retrained.materialize(assets("model"), ASKED_FOR).succeeded
    execute(retrained, command(given_up.reason))

    assert set(retrained.lake.read(PREDICTIONS, [NEXT])["model_version"]) == {champion}
