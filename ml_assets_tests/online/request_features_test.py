"""Features of requests: looked up, computed with the time of the request, and given by it."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.errors import ContractViolation
from ml_assets.online.request_features import (
    Completed,
    Computation,
    Request,
    RequestFeatures,
    series,
)
from ml_assets.online.rows import OnlineRow
from ml_assets.online.store import KEYS_AT_ONCE, OnlineStore
from ml_assets.online.values import Plain, encoded, entity_key
from ml_assets_tests.online.conftest import READINGS

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
METERS = replace(READINGS, table="meters/meters", entity=("meter",), ttl=timedelta(days=1))
MOMENT = pd.DatetimeTZDtype("us", "UTC")
TEXT, NUMBER = pd.StringDtype(na_value=np.nan), np.dtype("float64")


def ratios(*, asked_at: pd.Series, used: pd.Series, wanted: pd.Series, built_at: pd.Series) -> Any:
    """A function of columns from all places."""
    return {"share": wanted / used, "days": (asked_at - built_at).dt.total_seconds() / 86400}


COMPUTATION = Computation(
    ratios,
    {"asked_at": MOMENT, "used": NUMBER, "wanted": NUMBER, "built_at": MOMENT},
    ["share", "days"],
    "asked_at",
)
FEATURES = RequestFeatures(
    (READINGS, METERS), ("kind", "used", "size", "share", "days"), COMPUTATION
)


def put(store: OnlineStore, table: str, entity: Sequence[Plain], **values: Plain) -> None:
    """Write a row that is known at noon."""
    store.upsert(table, [OnlineRow(entity_key(entity), NOON, "2013-05-01", encoded(values))])


@pytest.fixture
def filled(store: OnlineStore) -> OnlineStore:
    """A store with two meters, each with a counter."""
    for meter, used in (("a", 4.0), ("b", 8.0)):
        put(store, READINGS.table, [meter, 1], used=used, at=NOON)
        put(store, METERS.table, [meter], size=0.1, built_at=NOON - 23 * HOUR)
    return store


def request(meter: str = "a", **given: Plain) -> dict[str, Plain]:
    """A request about the first counter of a meter."""
    return {"meter": meter, "number": 1, "kind": "water", "wanted": 1.0, **given}


def completed(
    store: OnlineStore, *requests: Request, at: datetime = NOON + HOUR
) -> list[Completed]:
    """Requests as they are completed at a time."""
    return FEATURES.of(store, requests, [at] * len(requests))


def test_features_come_from_the_request_from_lookups_and_from_the_function(
    filled: OnlineStore,
) -> None:
    first, second = completed(filled, request("a"), request("b"))

    assert first == Completed(
        features={"kind": "water", "used": 4.0, "size": 0.1, "share": 0.25, "days": 1.0},
        ages={READINGS.table: 3600.0, METERS.table: 3600.0},
        missing=[],
        stale=[],
    )
    assert second.features == {**first.features, "used": 8.0, "share": 0.125}
    assert {name: type(value) for name, value in first.features.items()} == {
        "kind": str, "used": float, "size": float, "share": float, "days": float
    }  # fmt: skip


def test_a_request_alone_and_among_others_gets_the_same(filled: OnlineStore) -> None:
    requests = [request("b"), request("unknown"), request("a", wanted=None), request("a")]

    assert completed(filled, *requests) == [
        found for each in requests for found in completed(filled, each)
    ]
    assert completed(filled) == []


def test_each_request_is_completed_as_of_its_own_time(filled: OnlineStore) -> None:
    times = [NOON, NOON + 3 * HOUR]

    found = FEATURES.of(filled, [request(), request()], times)

    assert [each.ages[READINGS.table] for each in found] == [0.0, 3 * 3600.0]
    assert [each.features["days"] for each in found] == [23 / 24, 26 / 24]
    assert [each.stale for each in found] == [[], [READINGS.table]]


def test_values_are_stale_when_they_are_older_than_their_ttl(filled: OnlineStore) -> None:
    [just_fresh] = completed(filled, request(), at=NOON + READINGS.ttl)
    [stale] = completed(filled, request(), at=NOON + READINGS.ttl + timedelta(microseconds=1))

    assert just_fresh.stale == []
    assert stale.stale == [READINGS.table]
    assert stale.features["used"] == 4.0
    assert stale.missing == []


@pytest.mark.parametrize(
    ("meter", "at"),
    [
        pytest.param("unknown", NOON, id="unknown"),
        pytest.param("a", NOON - timedelta(microseconds=1), id="known later"),
    ],
)
def test_an_entity_without_values_is_told_and_its_features_are_missing(
    filled: OnlineStore, meter: str, at: datetime
) -> None:
    [found] = completed(filled, request(meter), at=at)

    assert found.ages == {READINGS.table: None, METERS.table: None}
    assert found.missing == ["used", "size", "share", "days"]
    assert found.features == {"kind": "water", **dict.fromkeys(found.missing)}
    assert found.stale == []


def test_what_the_request_has_wins(filled: OnlineStore) -> None:
    [found] = completed(filled, request(used=2.0, days=7.0, size=None))

    assert found.features == {"kind": "water", "used": 2.0, "size": 0.1, "share": 0.5, "days": 7.0}


def test_lookups_alone_need_no_function(filled: OnlineStore) -> None:
    features = RequestFeatures((METERS,), ("size", "kind"))

    [found] = features.of(filled, [request()], [NOON])

    assert found.features == {"size": 0.1, "kind": "water"}


def test_all_entities_are_found_with_one_query(filled: OnlineStore) -> None:
    statements: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        statements.append(statement)

    with filled.one_connection():
        completed(filled, request())
        sa.event.listen(sa.Engine, "before_cursor_execute", listen)
        try:
            completed(filled, request("a"), request("b"), request("unknown"))
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", listen)

    assert len(statements) == 1


def test_more_requests_than_one_query_takes_are_completed(filled: OnlineStore) -> None:
    many = [request(f"meter {number}") for number in range(KEYS_AT_ONCE)]

    found = completed(filled, *many, request("b"))

    assert len(found) == KEYS_AT_ONCE + 1
    assert found[-1].features["used"] == 8.0


def test_a_connection_that_is_kept_open_sees_what_others_write(filled: OnlineStore) -> None:
    with filled.one_connection():
        completed(filled, request())
        with ThreadPoolExecutor() as others:
            others.submit(put, filled, READINGS.table, ["a", 1], used=5.0).result()

        [found] = completed(filled, request())

    assert found.features["used"] == 5.0


def test_a_function_that_loses_rows_is_refused(filled: OnlineStore) -> None:
    def of_first(*, wanted: pd.Series) -> Mapping[str, pd.Series]:
        return {"share": wanted.head(1)}

    computation = Computation(of_first, {"wanted": NUMBER}, ["share"])
    features = RequestFeatures((), ("share",), computation)

    with pytest.raises(ContractViolation, match=r"returned 1 values of share for 2 requests"):
        features.of(filled, [request(), request()], [NOON, NOON])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        pytest.param([1, 2], np.dtype("int64"), "int64", id="whole numbers"),
        pytest.param([1, None], np.dtype("int64"), "float64", id="missing whole number"),
        pytest.param([0.1, None], NUMBER, "float64", id="numbers"),
        pytest.param(["a", None], TEXT, "str", id="texts"),
        pytest.param([True, False], np.dtype("bool"), "bool", id="booleans"),
        pytest.param([NOON, None], MOMENT, "datetime64[us, UTC]", id="times"),
        pytest.param(
            [NOON, None],
            pd.DatetimeTZDtype("us", "America/New_York"),
            "datetime64[us, America/New_York]",
            id="times elsewhere",
        ),
        pytest.param([None, None], NUMBER, "float64", id="all missing"),
        pytest.param([None], MOMENT, "datetime64[us, UTC]", id="only a missing time"),
        pytest.param([], MOMENT, "datetime64[us, UTC]", id="none"),
    ],
)
def test_columns_have_their_type_and_null_where_a_value_is_missing(
    values: list[Plain], kind: Any, expected: str
) -> None:
    found = series(values, kind)

    assert found.dtype == expected
    assert [None if pd.isna(each) else each for each in found] == values


def test_a_missing_number_is_nan() -> None:
    assert math.isnan(series([None], NUMBER)[0])
