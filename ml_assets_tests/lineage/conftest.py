"""Lake and ledger of a project with two champions; a copy for each test."""

import shutil
from pathlib import Path

import pytest

from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger


@pytest.fixture
def lake(tmp_path: Path, retrained_home: Path) -> Lake:
    """A lake with two models that were released, as of 2013-02-01 and 2013-02-04."""
    data = retrained_home / "data"
    shutil.copytree(data / "lake", tmp_path / "lake")
    shutil.copy(data / "ledger.db", tmp_path / "ledger.db")
    return Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
