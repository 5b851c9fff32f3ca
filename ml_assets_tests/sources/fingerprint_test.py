"""Which local day a raw row belongs to, and the fingerprint of a day's raw values."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY
from ml_assets.sources.clock import Clock
from ml_assets.sources.fingerprint import assign_days, raw_fingerprints

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"
NEW_YORK = ZoneInfo("America/New_York")
QUICK = settings(deadline=None, max_examples=40)

VALUES = st.one_of(
    st.none(),
    st.integers(-2, 2),
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 0.5, float("nan"), float("inf")]),
    st.booleans(),
    st.sampled_from(["", "1", "1.0", "None", "nan", "x"]),
)
COLUMNS = ["value", "other"]
COLUMN = st.lists(VALUES, min_size=1, max_size=5)


def frame(values: list[Any], day: str = MONDAY) -> pd.DataFrame:
    """Raw rows of one day with one column of any types."""
    return pd.DataFrame({DAY: day, "value": pd.Series(values, dtype=object)})


def fingerprint(values: list[Any]) -> str:
    """Fingerprint of a day read alone."""
    return raw_fingerprints(frame(values), [MONDAY], COLUMNS)[MONDAY]


@QUICK
@given(COLUMN, COLUMN, st.booleans())
def test_fingerprint_is_independent_of_other_days(
    values: list[Any], others: list[Any], others_first: bool
) -> None:
    days = [frame(values), frame(others, TUESDAY)]
    together = pd.concat(days[::-1] if others_first else days, ignore_index=True)

    assert raw_fingerprints(together, [MONDAY, TUESDAY], COLUMNS) == {
        MONDAY: fingerprint(values),
        TUESDAY: fingerprint(others),
    }


@QUICK
@given(COLUMN, st.randoms())
def test_order_of_the_rows_does_not_matter(values: list[Any], random: Any) -> None:
    assert fingerprint(values) == fingerprint(random.sample(values, len(values)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 2, id="another number"),
        pytest.param(1, None, id="a null"),
        pytest.param(1, "1", id="text for a number"),
        pytest.param(1, 1.0, id="float for an int"),
        pytest.param(None, "None", id="the word None"),
        pytest.param(float("nan"), "nan", id="the word nan"),
        pytest.param("", None, id="null for no text"),
        pytest.param("a", "a ", id="a blank more"),
        pytest.param(0.1, 0.1 + 2**-56, id="the last bit"),
    ],
)
def test_changed_value_changes_the_fingerprint(before: Any, after: Any) -> None:
    assert fingerprint([before, "x"]) != fingerprint([after, "x"])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(frame([1, 2, 2]), id="a row more"),
        pytest.param(frame([1]), id="a row less"),
        pytest.param(frame([1, 2]).rename(columns={"value": "values"}), id="renamed column"),
        pytest.param(frame([1, 2]).drop(columns="value"), id="missing column"),
    ],
)
def test_changed_rows_or_columns_change_the_fingerprint(changed: pd.DataFrame) -> None:
    assert raw_fingerprints(changed, [MONDAY], COLUMNS)[MONDAY] != fingerprint([1, 2])


def test_values_swapped_between_rows_change_the_fingerprint() -> None:
    straight = frame(["a", "b"]).assign(other=pd.Series(["c", "d"], dtype=object))
    crossed = frame(["a", "b"]).assign(other=pd.Series(["d", "c"], dtype=object))

    assert raw_fingerprints(straight, [MONDAY], COLUMNS) != raw_fingerprints(
        crossed, [MONDAY], COLUMNS
    )


def test_order_of_the_columns_does_not_matter() -> None:
    rows = frame([1, 2]).assign(other=3)

    assert raw_fingerprints(rows, [MONDAY], COLUMNS) == raw_fingerprints(
        rows[[*rows.columns[::-1]]], [MONDAY], COLUMNS
    )


def test_documents_and_lists_have_a_fingerprint() -> None:
    assert fingerprint([{"a": 1}, [1, 2]]) != fingerprint([{"a": 2}, [1, 2]])


def test_days_without_rows_have_a_fingerprint() -> None:
    empty = frame([]).astype({DAY: object})

    found = raw_fingerprints(empty, [MONDAY, TUESDAY], COLUMNS)

    assert found[MONDAY] == found[TUESDAY]


def days_of(*moments: Any, days: list[str]) -> list[str]:
    """Days assigned to moments."""
    starts = [datetime.fromisoformat(day).replace(tzinfo=NEW_YORK) for day in days]
    rows = pd.DataFrame({"taken_at": pd.Series(moments, dtype=object)})
    at = Clock("taken_at").moments(rows["taken_at"])
    return [*assign_days(rows, at, days, starts)[DAY]]


@pytest.mark.parametrize(
    ("moments", "days"),
    [
        pytest.param(["2013-07-08 04:00:00.000000", "2013-07-09 03:59:59.999999"], 1, id="summer"),
        pytest.param(["2013-03-10 05:00:00.000000", "2013-03-11 03:59:59.999999"], 1, id="23 h"),
        pytest.param(["2013-11-03 04:00:00.000000", "2013-11-04 04:59:59.999999"], 1, id="25 h"),
    ],
)
def test_first_and_last_moment_of_a_local_day(moments: list[str], days: int) -> None:
    day = moments[0][:10]
    neighbours = pd.date_range(pd.Timestamp(day) - pd.Timedelta(days=days), periods=3)

    found = days_of(*moments, days=[f"{neighbour:%Y-%m-%d}" for neighbour in neighbours])

    assert found == [day, day]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("2013-07-08 12:00:00", id="text"),
        pytest.param(datetime(2013, 7, 8, 12), id="time without a zone"),
        pytest.param(datetime(2013, 7, 8, 12, tzinfo=NEW_YORK), id="time with a zone"),
    ],
)
def test_moments_of_drivers_are_assigned_to_days(moment: Any) -> None:
    assert days_of(moment, days=[MONDAY, TUESDAY]) == [MONDAY]


def test_moments_written_in_two_ways() -> None:
    found = days_of("2013-07-08 12:00:00", "2013-07-09 12:00:00.000000", days=[MONDAY, TUESDAY])

    assert found == [MONDAY, TUESDAY]


def test_other_columns_are_unchanged() -> None:
    rows = frame([1, "x", None]).drop(columns=DAY).assign(taken_at="2013-07-08 12:00:00")
    start = datetime(2013, 7, 8, tzinfo=NEW_YORK)

    at = Clock("taken_at").moments(rows["taken_at"])
    found = assign_days(rows, at, [MONDAY], [start])

    pd.testing.assert_frame_equal(found.drop(columns=DAY), rows)
