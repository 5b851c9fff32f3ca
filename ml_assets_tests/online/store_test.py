"""The store keeps the newest row of each entity, on both databases."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.errors import ConfigurationError, OnlineStoreUnavailable
from ml_assets.ledger import database
from ml_assets.online.rows import OnlineRow, newest
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import encoded, entity_key
from ml_assets_tests.online.conftest import READINGS

TABLE = READINGS.table
NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
numbers = itertools.count()


def row(meter: str, hours: float, value: float, day: str = "2013-05-01") -> OnlineRow:
    """A row of the first counter of a meter, some hours after noon."""
    return OnlineRow(
        entity_key([meter, 1]), NOON + timedelta(hours=hours), day, encoded({"used": value})
    )


def stored(store: OnlineStore, *meters: str, table: str = TABLE) -> list[OnlineRow]:
    """Rows of the first counters of meters, as they were given."""
    found = store.rows(table, [entity_key([meter, 1]) for meter in meters])
    return [replace(found[key], written_at=None) for key in sorted(found)]


def test_rows_are_read_as_they_were_written(store: OnlineStore) -> None:
    rows = [row("a", 0, 0.1), replace(row("b", 0, 1.0), event_time=NOON.replace(microsecond=1))]
    store.upsert(TABLE, rows)

    assert stored(store, "a", "b", "unknown") == rows
    assert stored(store, "a", table="meters/other") == []
    assert store.entities(TABLE, 1) == [rows[0].entity]


def test_a_newer_row_and_one_of_the_same_time_replace_the_stored_one(store: OnlineStore) -> None:
    for given_row in (row("a", 0, 1.0), row("a", 1, 2.0), row("a", 1, 3.0)):
        store.upsert(TABLE, [given_row])

        assert stored(store, "a") == [given_row]


def test_an_older_row_replaces_nothing_and_others_of_its_batch_are_written(
    store: OnlineStore,
) -> None:
    store.upsert(TABLE, [row("b", 5, 1.0)])

    store.upsert(TABLE, [row("a", 0, 2.0), row("b", 4, 2.0), row("c", 0, 2.0)])

    assert stored(store, "a", "b", "c") == [row("a", 0, 2.0), row("b", 5, 1.0), row("c", 0, 2.0)]


def test_of_rows_of_one_time_that_of_the_later_partition_stays(store: OnlineStore) -> None:
    later, earlier = row("a", 0, 1.0, "2013-05-02"), row("a", 0, 2.0, "2013-05-01")
    store.upsert(TABLE, [later])

    store.upsert(TABLE, [earlier])

    assert stored(store, "a") == [later]


written = st.builds(
    lambda meter, hours, day, value: row(meter, hours, value, f"2013-05-0{day}"),
    st.sampled_from("ab"),
    st.integers(-2, 2),
    st.integers(1, 3),
    st.integers(0, 9).map(float),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(written, max_size=4), max_size=6))
def test_in_any_order_of_writes_the_newest_row_of_each_entity_is_stored(
    store: OnlineStore, batches: list[list[OnlineRow]]
) -> None:
    table = f"meters/of_{next(numbers)}"

    for batch in batches:
        store.upsert(table, newest(batch))

    assert stored(store, "a", "b", table=table) == newest(itertools.chain(*batches))


def test_concurrent_writers_leave_the_newest_rows(store: OnlineStore) -> None:
    meters = [f"m{number:02}" for number in range(40)]
    batches = [[row(meter, hour, hour) for meter in meters] for hour in range(12)]
    random.Random(0).shuffle(batches)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: store.upsert(TABLE, batch), batches))

    assert stored(store, *meters) == [row(meter, 11, 11) for meter in meters]


def test_more_rows_than_one_statement_takes_parameters(store: OnlineStore) -> None:
    rows = [row(f"m{number:04}", 0, float(number)) for number in range(2500)]
    store.upsert(TABLE, rows)
    store.upsert(TABLE, [replace(one, event_time=one.event_time - timedelta(1)) for one in rows])

    assert stored(store, *(f"m{number:04}" for number in range(2500))) == rows


def test_replacing_partitions_leaves_rows_of_later_ones(store: OnlineStore) -> None:
    late = row("late", 24, 1.0, "2013-05-02")
    store.upsert(TABLE, [row("gone", 0, 1.0), row("kept", 0, 1.0), late])
    store.upsert("meters/other", [row("gone", 0, 1.0)])

    older = row("kept", -24, 2.0, "2013-04-30")
    store.replace(TABLE, [older, row("late", 0, 2.0)], until="2013-05-01")

    assert stored(store, "gone", "kept", "late") == [older, late]
    assert stored(store, "gone", table="meters/other") == [row("gone", 0, 1.0)]


def test_what_a_service_gets_has_an_age_and_is_stale_after_the_ttl(store: OnlineStore) -> None:
    store.upsert(TABLE, [row("a", 0, 0.1)])

    [fresh, unknown] = store.get(READINGS, [["a", 1], ["a", 2]], NOON + timedelta(hours=2))
    [stale] = store.get(READINGS, [["a", 1]], NOON + timedelta(hours=2, seconds=1))

    assert unknown is None
    assert fresh is not None
    assert (fresh.entity, fresh.values) == ({"meter": "a", "number": 1}, {"used": 0.1})
    assert (fresh.age, fresh.is_stale) == (timedelta(hours=2), False)
    assert stale is not None
    assert stale.is_stale


def test_what_was_known_later_is_not_given(store: OnlineStore) -> None:
    store.upsert(TABLE, [row("a", 0, 0.1)])

    assert store.get(READINGS, [["a", 1]], NOON - timedelta(seconds=1)) == [None]


def test_a_database_that_does_not_answer_is_told_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "CREATE_ATTEMPTS", 1)
    store = OnlineStore("postgresql+psycopg2://someone:secret@127.0.0.1:1/name")

    with pytest.raises(OnlineStoreUnavailable, match="The online store does not answer") as told:
        store.upsert(TABLE, [row("a", 0, 0.1)])

    assert "secret" not in str(told.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "online.db"
    file.write_text("this is not a database, but it is long enough to be taken for one" * 10)

    with pytest.raises(ConfigurationError, match="cannot be used as the online store"):
        OnlineStore(sa.make_url(f"sqlite:///{file}")).rows(TABLE, ["a"])
