"""Version numbers are assigned once; they are never changed or deleted."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.registry.numbers import VersionNumbers


@pytest.fixture
def numbers(tmp_path: Path) -> VersionNumbers:
    """An empty record."""
    return VersionNumbers(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_a_model_keeps_its_number(numbers: VersionNumbers) -> None:
    first = numbers.assign("shop", "a", registered=None, highest=0)
    second = numbers.assign("shop", "b", registered=None, highest=0)

    assert (first, second) == (1, 2)
    assert numbers.assign("shop", "a", registered=7, highest=9) == 1
    assert numbers.known("shop") == {"a": 1, "b": 2}
    assert numbers.known("other") == {}


@pytest.mark.parametrize(
    ("registered", "highest", "number"),
    [
        pytest.param(None, 4, 5, id="after what the registry has used"),
        pytest.param(4, 6, 4, id="as the registry has it"),
        pytest.param(1, 6, 7, id="not the number of another model"),
        pytest.param(None, 0, 2, id="after what was assigned"),
    ],
)
def test_a_new_model_gets_a_number_that_no_other_had(
    numbers: VersionNumbers, registered: int | None, highest: int, number: int
) -> None:
    numbers.assign("shop", "a", registered=None, highest=0)

    assert numbers.assign("shop", "b", registered=registered, highest=highest) == number


def test_models_do_not_share_numbers(numbers: VersionNumbers) -> None:
    numbers.assign("shop", "a", registered=None, highest=0)

    assert numbers.assign("other", "a", registered=None, highest=0) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registered_versions SET version = 9",
        "DELETE FROM registered_versions",
        "REPLACE INTO registered_versions VALUES (1, 'shop', 9, 'a', '2026-01-01')",
    ],
)
def test_the_database_refuses_changes(numbers: VersionNumbers, statement: str) -> None:
    numbers.assign("shop", "a", registered=None, highest=0)

    with (
        pytest.raises(sa.exc.IntegrityError, match="append-only"),
        numbers._transaction() as connection,
    ):
        connection.execute(sa.text(statement))
    assert numbers.known("shop") == {"a": 1}
