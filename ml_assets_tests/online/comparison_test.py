"""What a partition has is compared with what is online, entity by entity and bit for bit."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.online import comparison
from ml_assets.online.comparison import Comparison, compare
from ml_assets.online.materializing import write_online
from ml_assets.online.rows import OnlineRow, newest_rows
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import decoded, encoded
from ml_assets_tests.online.conftest import BY_DAY

FIRST, SECOND = "2013-03-09", "2013-03-10"


@pytest.fixture
def store(tmp_path: Path) -> OnlineStore:
    """An empty store on SQLite."""
    return OnlineStore(f"sqlite:///{tmp_path / 'online.db'}")


def day_of(day: str, **used: float) -> pd.DataFrame:
    """A partition with the consumption of the first counter of some meters."""
    frame = pd.DataFrame({"ds": day, "meter": [*used], "number": 1, "used": [*used.values()]})
    return frame.astype({"ds": "str", "meter": "str"})


def found(store: OnlineStore, *days: pd.DataFrame) -> dict[str, Comparison]:
    """Partition → its comparison."""
    return dict(compare(store, BY_DAY, pd.concat(days)))


def test_equal_rows_are_equal_also_where_they_are_missing_or_infinite(store: OnlineStore) -> None:
    rows = day_of(FIRST, a=0.1, b=float("nan"), c=float("inf"), d=-0.0)
    write_online(store, BY_DAY, rows)

    assert found(store, rows) == {FIRST: Comparison(compared=4)}


def test_rows_of_an_earlier_day_are_superseded(store: OnlineStore) -> None:
    first, second = day_of(FIRST, a=1.0, b=1.0), day_of(SECOND, a=2.0)
    write_online(store, BY_DAY, pd.concat([first, second]))

    assert found(store, first, second) == {
        FIRST: Comparison(compared=1, superseded=1),
        SECOND: Comparison(compared=1),
    }


def with_used(row: OnlineRow, used: float) -> OnlineRow:
    """The row with another consumption."""
    return replace(row, features=encoded(decoded(row.features) | {"used": used}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(
            lambda row: with_used(row, 0.30000000000000004),
            'used of ["a",1] is 0.30000000000000004, offline 0.3',
            id="last bit",
        ),
        pytest.param(lambda row: with_used(row, 0), 'used of ["a",1] is 0, offline 0.3', id="type"),
        pytest.param(
            lambda row: replace(row, features="{}"),
            'used of ["a",1] is not there, offline 0.3',
            id="lost column",
        ),
        pytest.param(
            lambda row: replace(row, day="2013-03-08", event_time=row.event_time - timedelta(1)),
            '["a",1] is online with the row of 2013-03-08 only',
            id="older row",
        ),
        pytest.param(
            lambda row: replace(row, entity='["a",2]'), '["a",1] is not online', id="no row"
        ),
    ],
)
def test_a_difference_is_told_with_both_values(
    store: OnlineStore, change: object, problem: str
) -> None:
    rows = day_of(FIRST, a=0.3, b=0.3)
    first, second = newest_rows(BY_DAY, rows)
    store.upsert(BY_DAY.table, [change(first), second])  # type: ignore[operator]

    result = found(store, rows)[FIRST]

    assert (result.problems, result.compared) == ([problem], 1)
    assert result.sentence("meters/readings", FIRST).startswith(
        f"1 of 2 entities are not equal online: {problem}. To"
    )


def test_entities_that_the_day_lost_are_told(store: OnlineStore) -> None:
    write_online(store, BY_DAY, day_of(FIRST, a=1.0, b=1.0, c=1.0, d=1.0, e=1.0))

    result = found(store, day_of(FIRST, a=1.0))[FIRST]

    assert result == Comparison(compared=1, left=[f'["{meter}",1]' for meter in "bcde"])
    assert 'of ["b",1], ["c",1], ["d",1], …. To' in result.sentence("meters/readings", FIRST)


def test_of_a_large_day_a_sample_is_compared_always_the_same(
    store: OnlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SAMPLE", 20)
    rows = day_of(FIRST, **{f"m{number}": 1.0 for number in range(50)})
    write_online(store, BY_DAY, rows.iloc[:25])

    first, again = found(store, rows), found(store, rows)

    assert first == again
    assert first[FIRST].compared + len(first[FIRST].problems) == 20
    assert not first[FIRST].left
