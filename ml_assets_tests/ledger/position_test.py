"""The position of a ledger: it moves when something is recorded, and tells nothing of missing tables."""

from pathlib import Path

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.position import Position


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_an_empty_ledger_is_at_its_beginning(ledger: Ledger) -> None:
    assert Position(ledger.url, ["not_there"]).now() == (0, 0)


def test_every_entry_moves_it(ledger: Ledger) -> None:
    position = Position(ledger.url)
    found = [position.now()]
    for day in ("2024-01-01", "2024-01-01", "2024-01-02"):
        ledger.append([Entry("a/b", day, Status.STORED)])
        found.append(position.now())

    assert found == sorted(set(found))
