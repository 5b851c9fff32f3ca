"""What is stored of a project with two champions; a copy for each test, without its Dagster instance."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sklearn.ensemble  # noqa: F401  its threads can only be limited once it is loaded
from threadpoolctl import threadpool_limits

from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits on several threads are slower than on one when tests run side by side."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def lake(tmp_path: Path, retrained_home: Path) -> Lake:
    """A lake with two models that were released, as of 2013-02-01 and 2013-02-04."""
    data = retrained_home / "data"
    shutil.copytree(data / "lake", tmp_path / "lake")
    shutil.copy(data / "ledger.db", tmp_path / "ledger.db")
    return Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
