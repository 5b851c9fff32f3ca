"""Differences between two recordings of values, and changed inputs."""

from typing import Any

import pytest

from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.changes import Change, ChangedDays, changed_inputs, changes

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


@pytest.mark.parametrize(
    ("then", "now", "found"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="same"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, [Change("a.b", "1", "2")], id="nested"),
        pytest.param({"a": 1}, {}, [Change("a", "1", "–")], id="gone"),
        pytest.param({}, {"a": None, "b": 2}, [Change("b", "–", "2")], id="new"),
        pytest.param({}, {"a": []}, [], id="a new list without items"),
        pytest.param({"a": ["x", "y"]}, {"a": ["y", "z"]}, [Change("a", "x", "z", is_of_items=True)], id="items"),
        pytest.param({"a": ["x", "y"]}, {"a": ["y", "x"]}, [Change("a", "x, y", "y, x")], id="order"),
        pytest.param({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [Change("a", "{'b': 1}", "{'b': 2}", is_of_items=True)], id="items with values"),
        pytest.param({"a": [{"name": "x", "b": 1}]}, {"a": [{"name": "x", "b": 2}]}, [Change("a.x.b", "1", "2")], id="an item with a name"),
        pytest.param({"a": [{"name": "x"}]}, {"a": [{"name": "y"}]}, [Change("a", "x", "y", is_of_items=True)], id="other items with names"),
    ],
)  # fmt: skip
def test_values_that_differ(then: dict[str, Any], now: dict[str, Any], found: list[Change]) -> None:
    assert changes(then, now) == found


@pytest.mark.parametrize(
    ("then", "now", "described"),
    [
        pytest.param({"a": 1}, {"a": 2}, "a was 1 and is 2", id="another value"),
        pytest.param({}, {"a": ["x"]}, "a was not there and is x", id="a new key"),
        pytest.param({"a": ["x"]}, {}, "a was x and is not there any more", id="a lost key"),
        pytest.param({"a": ["x"]}, {"a": ["x", "y"]}, "a now has y", id="a new item"),
        pytest.param({"a": ["x", "y"]}, {"a": ["y"]}, "a no longer has x", id="a lost item"),
        pytest.param(
            {"a": ["x"]}, {"a": ["y"]}, "a now has y and no longer has x", id="another item"
        ),
    ],
)
def test_a_change_is_described_in_words(
    then: dict[str, Any], now: dict[str, Any], described: str
) -> None:
    [change] = changes(then, now)
    assert change.described == described


def stored(table: str, day: str, content: str, *reads: Read) -> Entry:
    """An entry of a stored day."""
    return Entry(table, day, Status.STORED, content_hash=content, reads=reads)


@pytest.fixture
def ledger(tmp_path: object) -> Ledger:
    """Two source days, features of both, and a dataset; another source that is pinned."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for day in (MONDAY, TUESDAY):
        ledger.append([stored("a/source", day, "one"), stored("a/limits", day, "one")])
        ledger.append([stored("a/features", day, "f", Read("a/source", day, "one", 1))])
    return ledger


def dataset(lake: Lake) -> Entry:
    """The entry of a dataset with its reads."""
    reads = [Read("a/features", day, "f", 2) for day in (MONDAY, TUESDAY)]
    pinned = Read("a/limits", MONDAY, "one", 1, is_pinned=True)
    absent = Read("a/features", "2013-07-07", "", 2)
    lake.ledger.append([stored("a/dataset", "2013-07-10", "d", *reads, pinned, absent)])
    return lake.ledger.history("a/dataset", "2013-07-10")[0]


def test_changed_source_is_listed_before_its_dependents(ledger: Ledger, tmp_path: object) -> None:
    lake = Lake(f"{tmp_path}/lake", ledger)
    entry = dataset(lake)
    assert changed_inputs(lake, entry) == []

    ledger.append([stored("a/source", TUESDAY, "two"), stored("a/limits", MONDAY, "two")])
    assert changed_inputs(lake, entry) == [ChangedDays("a/source", [TUESDAY])]

    ledger.append([stored("a/features", TUESDAY, "g", Read("a/source", TUESDAY, "two", 3))])
    assert changed_inputs(lake, entry) == [
        ChangedDays("a/source", [TUESDAY]),
        ChangedDays("a/features", [TUESDAY]),
    ]


def test_changed_source_without_effect_on_its_dependents_is_listed(
    ledger: Ledger, tmp_path: object
) -> None:
    lake = Lake(f"{tmp_path}/lake", ledger)
    entry = dataset(lake)

    ledger.append([stored("a/source", MONDAY, "two")])
    ledger.append([stored("a/features", MONDAY, "f", Read("a/source", MONDAY, "two", 3))])

    assert changed_inputs(lake, entry) == [ChangedDays("a/source", [MONDAY])]


def test_added_and_removed_days_are_changes(ledger: Ledger, tmp_path: object) -> None:
    lake = Lake(f"{tmp_path}/lake", ledger)
    entry = dataset(lake)

    ledger.append([stored("a/features", "2013-07-07", "late")])
    ledger.append([Entry("a/features", MONDAY, Status.QUARANTINED, reason="no rows")])

    assert changed_inputs(lake, entry) == [ChangedDays("a/features", ["2013-07-07", MONDAY])]
