"""A real lake with a real ledger, in a folder of its own."""

from pathlib import Path

import pytest

from ml_assets.lake.ledger import Ledger
from ml_assets.lake.store import Lake


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def lake(tmp_path: Path, ledger: Ledger) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"), ledger)
