"""Fixtures of the approval tests: an empty log, and a record for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets_tests.releases import EVIDENCE, PIPELINE

NOW = datetime(2026, 8, 1, 12, 30, 15, 123456, tzinfo=UTC)
AS_OF = "2013-07-09"


@pytest.fixture
def log(tmp_path: Path) -> ApprovalLog:
    """An empty log beside the lake's ledger."""
    return ApprovalLog(f"sqlite:///{tmp_path / 'ledger.db'}")


def approval(**changes: Any) -> Record:
    """A record that is not appended yet."""
    values: dict[str, Any] = {
        "pipeline": PIPELINE,
        "as_of": AS_OF,
        "action": Action.APPROVE,
        "by": "Ann",
        "reason": "the holidays are over",
        "evidence": EVIDENCE,
        "serves_from": "2013-07-12",
        "at": NOW,
        "expires_at": NOW + timedelta(days=7),
    }
    return Record(**values | changes)


@pytest.fixture
def url(database_url: str) -> str:
    """URL of an empty database, once for each kind."""
    return database_url
