"""What a source does without changing its data: deliver twice, gain a column, use another driver."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import combine, validate
from ml_assets.defs.sources.load import advance
from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.settings import with_driver
from ml_assets.sources.fingerprint import raw_fingerprints
from ml_assets.sources.moments import EARLIEST
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.prepared import ASKED_FOR, FEATURES, LAST_DAY, TRAINED, assets
from ml_assets_tests.project import Project, bad_days, database_table
from ml_assets_tests.sensor_runs import run_requested

FLIGHTS = "sources/flights"
FLIGHTS_KEY = f'key:"{FLIGHTS}"'
SOURCES = f'{FLIGHTS_KEY} or key:"sources/weather"'
DAY_5, NEXT_DAY = "2013-01-05", "2013-02-15"
MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


class Orders(Contract):
    """Orders with a key."""

    id: int
    amount: float = pa.Field(nullable=True, ge=0)
    shop: str = pa.Field(nullable=True)

    class Config:
        """With a key."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"max_dead_letter_share": 0.5}


def orders(*rows: tuple[Any, ...], day: str = MONDAY) -> pd.DataFrame:
    """Raw orders, with a column outside the contract that differs in each."""
    frame = pd.DataFrame(list(rows), columns=["id", "amount", "shop"], dtype=object)
    return frame.assign(**{DAY: day, "loaded_at": range(len(rows))})


def test_a7_a_batch_delivered_twice_is_one_batch(project: Project) -> None:
    assert project.materialize(FLIGHTS_KEY, DAY_5).succeeded
    before = project.versions(FLIGHTS)
    copied = project.sql(
        "INSERT INTO flights SELECT * FROM flights WHERE month = 1 AND day = 5 AND flight < 500"
    )

    outcome = project.materialize(FLIGHTS_KEY, DAY_5)

    assert outcome.succeeded, outcome.failed_steps
    assert copied > 100
    assert project.versions(FLIGHTS) == before
    assert project.dead_letters(FLIGHTS) == []
    event = project.instance.get_latest_materialization_event(dg.AssetKey(FLIGHTS.split("/")))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["merged_duplicates"].value == copied


@pytest.mark.parametrize(
    ("rows", "kept", "rejected", "merged"),
    [
        pytest.param([(1, 5, "A"), (1, 5, "A")], [1], [], 1, id="twice"),
        pytest.param([(1, 5, "A")] * 4, [1], [], 3, id="four times"),
        pytest.param([(1, "5", "A"), (1.0, 5.0, "A ")], [1], [], 1, id="written differently"),
        pytest.param([(1, None, "A"), (1, float("nan"), "A")], [1], [], 1, id="with nulls"),
        pytest.param([(1, 5, "A"), (1, 6, "A")], [], ["1", "1"], 0, id="contradicting"),
        pytest.param(
            [(1, 5, "A"), (1, 5, "A"), (1, None, "A"), (2, 7, "B")],
            [2],
            ["1", "1"],
            1,
            id="contradicting and twice",
        ),
        pytest.param([(1, -5, "A"), (1, -5, "A"), (2, 7, "B")], [2], ["1"], 1, id="bad and twice"),
    ],
)
def test_a7_equal_rows_are_one_and_only_contradictions_are_rejected(
    rows: list[tuple[Any, ...]], kept: list[int], rejected: list[str], merged: int
) -> None:
    validated = validate(orders(*rows), Orders, [MONDAY])

    assert [*validated.dead_letters["source_key"]] == rejected
    assert validated.merged_duplicates == ({MONDAY: merged} if merged else {})
    assert validated.row_counts[MONDAY] == len(kept)
    assert [*validated.rows["id"]] == (kept if MONDAY not in validated.quarantined else [])


def test_a7_equal_rows_of_two_days_are_two() -> None:
    both = pd.concat([orders((1, 5, "A")), orders((1, 5, "A"), day=TUESDAY)])

    validated = validate(both, Orders, [MONDAY, TUESDAY])

    assert len(validated.rows) == 2
    assert validated.merged_duplicates == {}


def test_a7_merged_rows_of_all_spans_are_counted() -> None:
    spans = [
        validate(orders((1, 5, "A"), (1, 5, "A"), day=day), Orders, [day])
        for day in (MONDAY, TUESDAY)
    ]

    assert combine(spans).merged_duplicates == {MONDAY: 1, TUESDAY: 1}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("ALTER TABLE flights ADD COLUMN gate TEXT", id="a column more"),
        pytest.param("UPDATE flights SET hour = 99", id="values outside the contract"),
        pytest.param("ALTER TABLE flights DROP COLUMN hour", id="a column less"),
    ],
)
def test_b1_columns_outside_the_contract_do_not_count(project: Project, change: str) -> None:
    assert project.materialize(FLIGHTS_KEY, "2013-01-05...2013-01-06").succeeded
    before = project.entries("source_database/flights")

    project.sql(change)

    assert bad_days(project.check(FLIGHTS_KEY, "2013-01-05...2013-01-06")) == set()
    assert project.entries("source_database/flights") == before


@pytest.mark.slow
def test_b1_columns_outside_the_contract_refuse_neither_new_features_nor_training(
    with_champion: Project, retrained_home: Path
) -> None:
    undisturbed = Ledger(f"sqlite:///{retrained_home / 'data' / 'ledger.db'}")
    before = with_champion.versions()
    with_champion.sql("ALTER TABLE flights ADD COLUMN gate TEXT")
    with_champion.sql("UPDATE flights SET gate = 'A' || flight % 9, hour = 99")
    with_champion.sql("ALTER TABLE weather ADD COLUMN station TEXT")

    assert bad_days(with_champion.check(SOURCES, f"2013-01-01...{LAST_DAY}")) == set()
    advance(with_champion.systems, NEXT_DAY)
    run_requested(with_champion)
    trained = with_champion.materialize(assets(*TRAINED), ASKED_FOR)

    assert trained.succeeded, trained.failed_steps
    for table in (f"flight_delays/{noun}" for noun in TRAINED):
        expected = undisturbed.latest(table)[ASKED_FOR].content_hash
        assert with_champion.entries(table)[ASKED_FOR].content_hash == expected
    features = with_champion.entries(FEATURES)[NEXT_DAY]
    assert (features.status, features.rows > 800) == (Status.STORED, True)
    assert before.items() <= with_champion.versions().items()


NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2013, 7, 8, 12, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(NOON, NOON.astimezone(UTC), id="zone of the session"),
        pytest.param(NOON, pd.Timestamp(NOON), id="pandas' moment"),
        pytest.param(NOON, NOON.astimezone(timezone(timedelta(hours=5.5))), id="offset"),
        pytest.param(memoryview(b"\x00a"), b"\x00a", id="memoryview and bytes"),
        pytest.param(bytearray(b"\x00a"), b"\x00a", id="bytearray and bytes"),
        pytest.param(Decimal("1.50"), Decimal("1.5"), id="decimals"),
        pytest.param(Decimal("1E+2"), Decimal("100.00"), id="exponents"),
        pytest.param(np.int64(3), 3, id="numpy's int"),
        pytest.param(np.float64(0.1), 0.1, id="numpy's float"),
        pytest.param(np.bool_(True), True, id="numpy's bool"),
        pytest.param(None, float("nan"), id="not a number"),
        pytest.param(None, pd.NaT, id="not a time"),
        pytest.param(pd.NA, Decimal("NaN"), id="not a decimal"),
        pytest.param({"b": 1, "a": [NOON]}, {"a": [NOON.astimezone(UTC)], "b": 1}, id="documents"),
        pytest.param(UUID(int=7), str(UUID(int=7)), id="UUID and text"),
    ],
)
@pytest.mark.parametrize("beside", [None, "x", 1.5], ids=["alone", "beside text", "beside a float"])
def test_b4_the_way_a_value_is_represented_does_not_count(
    one: object, other: object, beside: object
) -> None:
    assert fingerprint(one, beside) == fingerprint(other, beside)


def fingerprint(*values: object) -> str:
    """Fingerprint of a column with these values."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    rows = pd.DataFrame({DAY: MONDAY, "value": pd.Series(cells, dtype=object)})
    return raw_fingerprints(rows, [MONDAY], ["value"])[MONDAY]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(NOON, NOON.replace(tzinfo=None), id="a zone less"),
        pytest.param(NOON, NOON + timedelta(microseconds=1), id="a microsecond"),
        pytest.param(Decimal("0.1"), Decimal("0.10000000000000000000000000000001"), id="32 digits"),
        pytest.param(b"a", b"b", id="bytes"),
        pytest.param(b"a", "a", id="bytes and text"),
        pytest.param(True, 1, id="true and one"),
    ],
)
def test_b4_other_values_do_count(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.slow
def test_b4_another_session_zone_of_a_real_database_changes_nothing() -> None:
    since, until = datetime(2013, 7, 8, tzinfo=UTC), datetime(2013, 7, 9, tzinfo=UTC)
    with postgres_url() as url:
        engine = sa.create_engine(with_driver(url))
        with engine.begin() as connection:
            connection.execute(
                sa.text("CREATE TABLE readings (at timestamptz, raw bytea, amount numeric, n int)")
            )
            connection.execute(
                sa.text(
                    "INSERT INTO readings VALUES ('2013-07-08 12:00Z', '\\x00ff', 1.50, 0), "
                    "('2013-07-08 23:59:59.5Z', null, 'NaN', 1), ('infinity', null, 2, 2), "
                    "('0044-03-15 12:00Z BC', null, 2, 3), (null, null, 2, 4), "
                    "('2013-07-09 00:00Z', null, 2, 5)"
                )
            )
        found = {_of_session(engine, with_driver(url), zone) for zone in ("UTC", "Asia/Kolkata")}
        source = database_table(with_driver(url), "readings", "at")
        hours = source.hours(since)
        unplaced = source.unplaced(since, until).rows
        oldest = [source.oldest(moment) for moment in (EARLIEST, until)]
        engine.dispose()

    assert len(found) == 1
    assert sorted((hour.start.hour, hour.rows) for hour in hours) == [(0, 1), (12, 1), (23, 1)]
    assert sorted(unplaced["n"]) == [2, 3, 4, 5]
    assert oldest == [datetime(2013, 7, 8, 12, tzinfo=UTC), until]


def _of_session(engine: sa.Engine, url: str, zone: str) -> str:
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER ROLE CURRENT_USER SET timezone TO '{zone}'"))
    start = datetime(2013, 7, 8, tzinfo=UTC)
    rows = database_table(url, "readings", "at").rows(start, start + timedelta(days=1)).rows
    return raw_fingerprints(rows.assign(**{DAY: MONDAY}), [MONDAY], ["at", "raw", "amount"])[MONDAY]
