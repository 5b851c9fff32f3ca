"""Findings and moments of the alert tests."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.state import Evaluation

NOW = datetime(2013, 9, 14, 8, 30, tzinfo=UTC)
KIND, PIPELINE = "day_quarantined", "flight_delays"


def later(minutes: float = 1) -> datetime:
    """Some minutes after ``NOW``."""
    return NOW + timedelta(minutes=minutes)


def finding(**changes: Any) -> Finding:
    """A quarantined day."""
    values: dict[str, Any] = {
        "kind": KIND,
        "pipeline": PIPELINE,
        "subject": "flight_delays/labels",
        "message": "2 days are quarantined",
        "since": "2013-09-12",
        "until": "2013-09-13",
        "command": "ml-assets status",
    }
    return Finding(**values | changes)


def evaluation(*findings: Finding, **judged: Collection[str] | None) -> Evaluation:
    """Findings of an evaluation that looked at the kind of ``finding`` in all pipelines, or at what is given."""
    return Evaluation(findings, judged or {KIND: None})
