"""Trailing sums and latest values against a naive loop."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.learning.point_in_time import Events, latest_known, trailing, trailing_mean

ORIGIN = pd.Timestamp("2013-11-03 05:00", tz="UTC")
QUICK = settings(deadline=None, max_examples=40)


@dataclass(frozen=True)
class Event:
    """An event that was known some minutes after the origin."""

    minute: int
    group: str
    value: int = 0


def moments(minutes: list[int]) -> pd.Series:
    """Times some minutes after the origin."""
    seconds = ORIGIN.value // 10**9 + np.array(minutes, dtype="int64") * 60
    return pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).dt.as_unit("us")


def groups(names: list[str]) -> pd.Series:
    """Group labels."""
    return pd.Series(names, dtype="str")


def events_of(drawn: list[Event]) -> Events:
    """Events as columns."""
    return Events(
        moments([event.minute for event in drawn]),
        groups([event.group for event in drawn]),
        pd.Series([event.value for event in drawn], dtype="int64"),
    )


def looked_back(drawn: list[Event], asked: list[Event], window: int) -> list[list[int]]:
    """Counts and sums by a loop over everything."""
    seen = [
        [
            event.value
            for event in drawn
            if event.group == at.group and at.minute - window < event.minute <= at.minute
        ]
        for at in asked
    ]
    return [[len(values) for values in seen], [sum(values) for values in seen]]


MINUTES = st.one_of(st.integers(-20, 20), st.integers(-600_000, 600_000))
EVENTS = st.lists(
    st.builds(Event, MINUTES, st.sampled_from(["EWR", "JFK", ""]), st.integers(-2000, 2000)),
    max_size=12,
)
ASKED = st.lists(st.builds(Event, MINUTES, st.sampled_from(["EWR", "JFK", "LGA"])), max_size=8)
WINDOW = st.one_of(st.integers(1, 30), st.integers(1, 1_000_000))


@QUICK
@given(EVENTS, ASKED, WINDOW)
def test_trailing_equals_a_loop(drawn: list[Event], asked: list[Event], window: int) -> None:
    count, total = trailing(
        events_of(drawn),
        moments([at.minute for at in asked]),
        groups([at.group for at in asked]),
        pd.Timedelta(minutes=window),
    )

    assert [count.tolist(), total.tolist()] == looked_back(drawn, asked, window)


@QUICK
@given(EVENTS, ASKED, WINDOW)
def test_trailing_mean_equals_a_loop(drawn: list[Event], asked: list[Event], window: int) -> None:
    mean = trailing_mean(
        events_of(drawn),
        moments([at.minute for at in asked]),
        groups([at.group for at in asked]),
        pd.Timedelta(minutes=window),
    )

    counts, totals = looked_back(drawn, asked, window)
    expected = [
        total / count if count else np.nan for count, total in zip(counts, totals, strict=True)
    ]
    np.testing.assert_array_equal(mean, np.array(expected, dtype="float64"))


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        pytest.param(0, 1, id="known at the moment"),
        pytest.param(1, 0, id="known a minute later"),
        pytest.param(-59, 1, id="within the window"),
        pytest.param(-60, 0, id="a whole window ago"),
    ],
)
def test_edges_of_the_window(minute: int, expected: int) -> None:
    count, _ = trailing(
        events_of([Event(minute, "EWR")]), moments([0]), groups(["EWR"]), pd.Timedelta(hours=1)
    )

    assert count.tolist() == [expected]


def test_the_same_event_twice_counts_twice() -> None:
    _, total = trailing(
        events_of([Event(-5, "EWR", 3)] * 2), moments([0]), groups(["EWR"]), pd.Timedelta(hours=1)
    )

    assert total.tolist() == [6]


def newest(
    known: list[Event], asked: list[Event], max_age: int, index: list[int] | None = None
) -> pd.DataFrame:
    """The latest value known at each time."""
    rows = pd.DataFrame(
        {
            "at": moments([at.minute for at in asked]),
            "group": groups([at.group for at in asked]),
        }
    )
    right = pd.DataFrame(
        {
            "known_at": moments([event.minute for event in known]),
            "group": groups([event.group for event in known]),
            "value": pd.Series([event.value for event in known], dtype="float64"),
        }
    )
    return latest_known(
        rows.set_axis(index or range(len(rows))),
        right,
        at="at",
        known_at="known_at",
        by=["group"],
        max_age=pd.Timedelta(minutes=max_age),
    )


@QUICK
@given(
    st.lists(
        st.builds(Event, MINUTES, st.sampled_from(["EWR", "JFK"]), st.integers(0, 99)),
        max_size=10,
        unique_by=lambda event: (event.minute, event.group),
    ),
    ASKED,
    WINDOW,
)
def test_latest_known_equals_a_loop(known: list[Event], asked: list[Event], max_age: int) -> None:
    found = newest(known, asked, max_age)

    expected = [
        max(
            (
                (event.minute, event.value)
                for event in known
                if event.group == at.group and 0 <= at.minute - event.minute <= max_age
            ),
            default=(None, np.nan),
        )[1]
        for at in asked
    ]
    np.testing.assert_array_equal(found["value"], np.array(expected, dtype="float64"))


@pytest.mark.parametrize(
    ("minute", "value"),
    [
        pytest.param(0, 7.0, id="known at the moment"),
        pytest.param(1, np.nan, id="known a minute later"),
        pytest.param(-60, 7.0, id="just not too old"),
        pytest.param(-61, np.nan, id="too old"),
    ],
)
def test_edges_of_the_age(minute: int, value: float) -> None:
    found = newest([Event(minute, "EWR", 7)], [Event(0, "EWR")], 60)

    np.testing.assert_array_equal(found["value"], [value])


def test_rows_keep_their_order_and_index() -> None:
    known = [Event(0, "EWR", 1), Event(10, "EWR", 2)]

    found = newest(known, [Event(11, "EWR"), Event(5, "EWR")], 60, index=[9, 3])

    assert found["value"].to_dict() == {9: 2.0, 3: 1.0}


def test_order_of_what_is_known_at_the_same_moment_does_not_matter() -> None:
    known = [Event(0, "EWR", 1), Event(0, "EWR", 2)]

    first = newest(known, [Event(5, "EWR")], 60)
    second = newest(known[::-1], [Event(5, "EWR")], 60)

    pd.testing.assert_frame_equal(first, second)
