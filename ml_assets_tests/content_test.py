"""Content hashes: equal rows in any order, and only these, have the same hash."""

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY, HASH_LENGTH, day_hashes, digest

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"
QUICK = settings(deadline=None, max_examples=30)

VALUES = st.tuples(
    st.one_of(st.none(), st.text(max_size=3)),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True),
)
ROWS = st.lists(VALUES, min_size=1, max_size=8)


def frame(rows: list[tuple[Any, ...]], day: str = MONDAY) -> pd.DataFrame:
    """Typed rows of one day."""
    typed = pd.DataFrame(rows, columns=["text", "count", "number"])
    return typed.astype({"text": "str", "count": "int64", "number": "float64"}).assign(ds=day)


@QUICK
@given(ROWS, st.randoms())
def test_order_of_the_rows_does_not_matter(rows: list[tuple[Any, ...]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))

    assert day_hashes(frame(rows), [MONDAY]) == day_hashes(frame(shuffled), [MONDAY])


@QUICK
@given(ROWS, st.data())
def test_any_changed_value_changes_the_hash(rows: list[tuple[Any, ...]], data: Any) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, 2))
    values = list(rows[row])
    values[column] = data.draw(VALUES.map(lambda drawn: drawn[column]))
    changed = [*rows[:row], tuple(values), *rows[row + 1 :]]

    before, after = frame(rows), frame(changed)

    same = before.equals(after)
    assert (day_hashes(before, [MONDAY]) == day_hashes(after, [MONDAY])) is same


@QUICK
@given(ROWS, ROWS)
def test_a_day_does_not_depend_on_its_neighbours(
    monday: list[tuple[Any, ...]], tuesday: list[tuple[Any, ...]]
) -> None:
    both = pd.concat([frame(tuesday, TUESDAY), frame(monday)], ignore_index=True)

    assert day_hashes(both, [MONDAY, TUESDAY]) == {
        **day_hashes(frame(monday), [MONDAY]),
        **day_hashes(frame(tuesday, TUESDAY), [TUESDAY]),
    }


@QUICK
@given(ROWS)
def test_a_doubled_row_changes_the_hash(rows: list[tuple[Any, ...]]) -> None:
    assert day_hashes(frame(rows), [MONDAY]) != day_hashes(frame([*rows, rows[0]]), [MONDAY])


ROW = frame([("a", 1, 1.0)])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ROW.rename(columns={"text": "words"}), id="column name"),
        pytest.param(ROW.astype({"count": "float64"}), id="column type"),
        pytest.param(ROW.assign(extra=None), id="further column"),
        pytest.param(ROW.drop(columns="text"), id="missing column"),
        pytest.param(ROW.iloc[:0], id="no rows"),
    ],
)
def test_schema_is_part_of_the_hash(other: pd.DataFrame) -> None:
    assert day_hashes(ROW, [MONDAY]) != day_hashes(other, [MONDAY])


def test_order_of_the_columns_does_not_matter() -> None:
    assert day_hashes(ROW, [MONDAY]) == day_hashes(ROW[[*ROW.columns[::-1]]], [MONDAY])


def test_day_is_not_part_of_its_hash() -> None:
    assert [*day_hashes(ROW, [MONDAY]).values()] == [
        *day_hashes(ROW.assign(**{DAY: TUESDAY}), [TUESDAY]).values()
    ]


def test_days_without_rows_share_the_hash_of_no_rows() -> None:
    hashes = day_hashes(ROW, ["2013-07-07", MONDAY, "2013-07-10"])

    assert hashes["2013-07-07"] == hashes["2013-07-10"] != hashes[MONDAY]


def test_hash_is_the_same_in_another_process() -> None:
    script = (
        "import pandas as pd\n"
        "from ml_assets.content import day_hashes\n"
        "row = pd.DataFrame({'text': ['a'], 'count': [1], 'number': [1.0], 'ds': ['2013-07-08']})\n"
        "print(day_hashes(row, ['2013-07-08'])['2013-07-08'])"
    )

    elsewhere = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert elsewhere.stdout.strip() == day_hashes(ROW, [MONDAY])[MONDAY]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(["ab", "c"], ["a", "bc"], id="parts do not run together"),
        pytest.param(["a", ""], ["a"], id="an empty part counts"),
        pytest.param(["a", "b"], ["b", "a"], id="order counts"),
    ],
)
def test_digest_tells_parts_apart(left: list[str], right: list[str]) -> None:
    assert digest(*left) != digest(*right)


def test_digest_is_short_and_takes_bytes() -> None:
    assert digest("é") == digest("é".encode())
    assert len(digest("a")) == HASH_LENGTH
