"""Fixtures of the sources: an empty lake, and the pipeline that they look at."""

from pathlib import Path

import pytest

from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.cadence import DAYS
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.monitoring.policy import Policy
from ml_assets_tests.releases import PIPELINE


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))


@pytest.fixture
def pipeline() -> WatchedPipeline:
    """A pipeline whose policy names two structural features, in two of three windows."""
    policy = Policy(name="test", drifted_structural=2)
    return WatchedPipeline(PIPELINE, DAYS, policy, segments=("carrier",))
