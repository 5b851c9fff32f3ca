"""E2, E3 · Damaged days are recomputed automatically once they are detected."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from ml_assets.planning.progress import unfinished
from ml_assets_tests.prepared import FEATURES
from ml_assets_tests.project import Project
from ml_assets_tests.sensor_runs import run_requested

FLIGHTS, LAST = "sources/flights", "2013-01-06"


def lose_files(root: Path) -> None:
    for file in (root / FLIGHTS / f"ds={LAST}").glob("*.parquet"):
        file.unlink()


def lose_table(root: Path) -> None:
    for file in sorted((root / FLIGHTS).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def delete_rows(root: Path) -> None:
    DeltaTable(str(root / FLIGHTS)).delete(f"ds = '{LAST}'")


def change_rows(root: Path) -> None:
    DeltaTable(str(root / FLIGHTS)).update({"distance": "distance + 1"}, predicate=f"ds = '{LAST}'")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lose_files, marks=pytest.mark.slow),
        pytest.param(lose_table, marks=pytest.mark.slow),
        pytest.param(delete_rows, marks=pytest.mark.slow),
        change_rows,
    ],
)
def test_a_damaged_source_day_is_extracted_again_and_the_next_day_runs(
    week: Project, damage: Callable[[Path], None]
) -> None:
    before = week.versions(FLIGHTS, FEATURES)
    damage(Path(week.lake.uri))

    run_requested(week)

    after = week.versions(FLIGHTS, FEATURES)
    assert {key: after[key] for key in before} == before
    assert (FEATURES, "2013-01-07") in after
    assert unfinished(week.lake.ledger, FLIGHTS, sorted(week.entries(FLIGHTS))) == {}
    assert unfinished(week.lake.ledger, FEATURES, sorted(week.entries(FEATURES))) == {}
