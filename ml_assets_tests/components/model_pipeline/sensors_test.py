"""Runs requested by the sensors of a pipeline, derived from a ledger alone."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from ml_assets.components.model_release.sensor import pending_releases
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets_tests.prepared import tick
from ml_assets_tests.project import Project
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, store

AS_OF = "2013-07-09"
FEATURES = f"{PIPELINE}/flight_features"


def name_of(noun: str) -> str:
    """Table name of an asset of the pipeline."""
    return f"{PIPELINE}/{noun}"


@pytest.fixture
def pipeline() -> PipelineContext:
    """A pipeline of which only the names are used."""
    return cast("PipelineContext", SimpleNamespace(name=PIPELINE, features=FEATURES, table=name_of))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with a release that was approved; its decision read a feature day."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    decide(lake, AS_OF)
    store(lake, "approvals", pd.DataFrame([{DAY: AS_OF, "number": 1}]))
    held(lake, FEATURES, "in time")
    held(lake, name_of("release_decision"), "decided", Read(FEATURES, AS_OF, "in time", 1))
    return lake


@pytest.fixture
def log(tmp_path: Path) -> ApprovalLog:
    """A log with one approval."""
    log = ApprovalLog(f"sqlite:///{tmp_path / 'ledger.db'}")
    approve(log)
    return log


def approve(log: ApprovalLog) -> None:
    """Approve the release."""
    now = datetime(2026, 8, 1, tzinfo=UTC)
    log.append(Record(PIPELINE, AS_OF, Action.APPROVE, "Ann", "fine", EVIDENCE, "", now, None))


def held(lake: Lake, table: str, content: str, *reads: Read, rows: int = 1) -> None:
    """Record the content of a day."""
    entry = Entry(table, AS_OF, Status.STORED, content_hash=content, rows=rows, reads=reads)
    lake.ledger.append([entry])


def champion(lake: Lake, *, rows: int) -> None:
    """Record the champion of the decision; without a row the model was not released."""
    read = Read(name_of("release_decision"), AS_OF, "decided", 1)
    held(lake, name_of("champion"), "champion", read, rows=rows)


@pytest.mark.parametrize("rows", [pytest.param(1, id="champion"), pytest.param(0, id="none yet")])
def test_a_correction_of_the_training_data_continues_no_release(
    pipeline: PipelineContext, lake: Lake, log: ApprovalLog, rows: int
) -> None:
    champion(lake, rows=rows)
    assert pending_releases(pipeline, lake, log) == {}

    held(lake, FEATURES, "with late rows")

    assert pending_releases(pipeline, lake, log) == {}


def test_another_decision_continues_a_release_that_made_no_champion(
    pipeline: PipelineContext, lake: Lake, log: ApprovalLog
) -> None:
    champion(lake, rows=0)

    held(lake, name_of("release_decision"), "decided again")

    assert pending_releases(pipeline, lake, log) == {AS_OF: 1}


def test_a_new_record_continues_a_release_once(
    pipeline: PipelineContext, lake: Lake, log: ApprovalLog
) -> None:
    champion(lake, rows=1)

    approve(log)

    assert pending_releases(pipeline, lake, log) == {AS_OF: 2}


@pytest.mark.parametrize("sensor", ["retraining", "release", "days"])
def test_a_sensor_reports_unreadable_inputs(project: Project, sensor: str) -> None:
    (project.data / "ledger.db").write_text("this is no database")

    reported = tick(project, f"flight_delays__{sensor}")

    assert reported.requests == []
    assert "cannot be read" in reported.reason
