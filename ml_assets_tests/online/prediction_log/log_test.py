"""An event is logged once, with its values bit for bit, on both databases."""

import itertools
import multiprocessing
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.errors import ConfigurationError, ContractViolation, PredictionLogUnavailable
from ml_assets.online.prediction_log.encoding import row_of
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.tables import logged_predictions
from ml_assets.online.values import Plain
from ml_assets_tests.online.prediction_log.entries import NOON, entry, refused

numbers = itertools.count()


@pytest.fixture
def log(database_url: str) -> PredictionLog:
    """An empty log, once for each kind of database."""
    return PredictionLog(database_url)


def test_entries_are_read_as_they_were_given(log: PredictionLog) -> None:
    given_entries = [entry("a", 0.1), entry("b", 1.0, "2013-05-02")]

    assert log.append(given_entries) == {}

    assert log.read("meters", ["2013-05-01", "2013-05-02", "2013-05-03"]) == given_entries
    assert log.read("others", ["2013-05-01"]) == []
    assert log.counts("meters") == {"2013-05-01": 1, "2013-05-02": 1}
    assert (log.find("b"), log.find("unknown")) == (given_entries[1], None)


def test_how_an_ensemble_answered_is_read_as_it_was_given(log: PredictionLog) -> None:
    log.append([entry("a"), refused("b")])

    assert log.read("meters", ["2013-05-01"]) == [entry("a"), refused("b")]
    assert log.append([refused("b")]) == {"b": refused("b")}


def test_a_log_of_a_version_before_ensembles_goes_on(database_url: str) -> None:
    of_then = sa.Table(
        logged_predictions.name,
        sa.MetaData(),
        *(
            sa.Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable)
            for one in logged_predictions.columns
            if one.name != "ensemble"
        ),
    )
    row = row_of(entry("old"))
    del row["ensemble"]
    with sa.create_engine(database_url).begin() as connection:
        of_then.create(connection)
        connection.execute(sa.insert(of_then), [row])

    log = PredictionLog(database_url)
    log.append([refused("new")])

    assert log.read("meters", ["2013-05-01"]) == [refused("new"), entry("old")]


def test_entries_of_a_day_are_in_the_order_of_their_answers(log: PredictionLog) -> None:
    later = replace(entry("a"), answered_at=NOON + timedelta(hours=1))
    log.append([later, entry("c"), entry("b")])

    assert [one.event_id for one in log.read("meters", ["2013-05-01"])] == ["b", "c", "a"]


def test_the_newest_answers_since_a_time_are_of_several_days(log: PredictionLog) -> None:
    moments = {"a": ("2013-05-01", 0), "b": ("2013-05-01", 1), "c": ("2013-05-02", 2)}
    log.append(
        [
            replace(entry(name, 1.0, day), answered_at=NOON + timedelta(hours=hours))
            for name, (day, hours) in moments.items()
        ]
    )

    def answered(hours: int, first: str = "2013-05-01", limit: int = 9) -> list[str]:
        since = NOON + timedelta(hours=hours)
        return [one.event_id for one in log.answered_since("meters", since, first, limit)]

    assert answered(1) == ["c", "b"]
    assert answered(0, limit=1) == ["c"]
    assert answered(0, first="2013-05-02") == ["c"]
    assert answered(3) == []


plain_values: st.SearchStrategy[Plain] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(), plain_values))
def test_values_keep_their_types_and_bits(log: PredictionLog, values: dict[str, Plain]) -> None:
    event_id = f"of-{next(numbers)}"
    log.append([replace(entry(event_id), request=values, features=values, prediction=values)])

    found = log.find(event_id)

    assert found is not None
    for read in (found.request, found.features, found.prediction):
        assert {name: bits(value) for name, value in read.items()} == {
            name: bits(value) for name, value in values.items()
        }


def bits(value: Plain) -> object:
    """A value that is equal to another one only if types and bits are."""
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


def test_times_of_other_zones_are_the_same_moments(log: PredictionLog) -> None:
    local = datetime(2013, 5, 1, 8, 0, 0, 1, ZoneInfo("America/New_York"))
    log.append([replace(entry("a"), at=local, answered_at=local)])

    found = log.find("a")

    assert found is not None
    assert (found.at, found.answered_at) == (local, local)
    assert found.at.tzinfo is UTC


submissions = st.lists(
    st.builds(entry, st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 9).map(float)),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(submissions, max_size=6))
def test_whatever_is_submitted_again_the_first_entry_of_an_event_stays(
    log: PredictionLog, batches: list[list[LoggedPrediction]]
) -> None:
    pipeline = f"meters_{next(numbers)}"
    first: dict[str, LoggedPrediction] = {}

    for batch in batches:
        own = [
            replace(one, pipeline=pipeline, event_id=f"{pipeline}-{one.event_id}") for one in batch
        ]
        logged = log.append(own)

        assert logged == {one.event_id: first[one.event_id] for one in own if one.event_id in first}
        for one in own:
            first.setdefault(one.event_id, one)

    stored = log.read(pipeline, ["2013-05-01"])
    assert stored == sorted(first.values(), key=lambda one: one.event_id)


def test_more_entries_than_one_statement_takes_parameters(log: PredictionLog) -> None:
    entries = [entry(f"e{number:05}") for number in range(3_000)]
    assert log.append(entries) == {}

    assert log.append(entries) == {one.event_id: one for one in entries}
    assert log.counts("meters") == {"2013-05-01": 3_000}


@pytest.mark.parametrize("event_id", ["", "with blank", "é", "nul\0", "line\n", "a" * 201])
def test_an_id_that_databases_treat_differently_is_refused_and_nothing_logged(
    log: PredictionLog, event_id: str
) -> None:
    with pytest.raises(ContractViolation, match="is no id of an event, expected 1 to 200 visible"):
        log.append([entry("a"), entry(event_id)])

    assert log.counts("meters") == {}


def write(url: str, writer: int, told: "SimpleQueue[tuple[int, dict[str, float]]]") -> None:
    """Log batches that overlap with those of the other writer; tell what had been logged."""
    log = PredictionLog(url, wait_seconds=60)
    for start in range(0, 600, 20):
        part = range(start, start + 30) if writer else reversed(range(start, start + 30))
        logged = log.append([entry(f"e{number}", float(writer)) for number in part])
        told.put(
            (writer, {one.event_id: float(one.features["used"] or 0) for one in logged.values()})
        )


@pytest.mark.slow
def test_two_processes_log_each_event_once_and_know_what_the_other_logged(
    database_url: str,
) -> None:
    context = multiprocessing.get_context("spawn")
    told: SimpleQueue[tuple[int, dict[str, float]]] = context.SimpleQueue()
    writers = [context.Process(target=write, args=(database_url, one, told)) for one in (0, 1)]
    for process in writers:
        process.start()
    heard = [told.get() for _ in range(2 * 30)]
    for process in writers:
        process.join()

    stored = {
        one.event_id: one.features["used"]
        for one in PredictionLog(database_url).read("meters", ["2013-05-01"])
    }
    assert set(stored) == {f"e{number}" for number in range(610)}
    for _, logged in heard:
        assert logged == {event_id: stored[event_id] for event_id in logged}
    known = {writer: {one for who, of in heard if who == writer for one in of} for writer in (0, 1)}
    for event_id, writer in stored.items():
        assert event_id in known[1 - int(writer or 0)]


@contextmanager
def locked(log_url: str) -> Iterator[None]:
    """Nobody else can write to the log's table."""
    engine = sa.create_engine(log_url)
    sqlite = engine.dialect.name == "sqlite"
    lock = "BEGIN IMMEDIATE" if sqlite else "LOCK TABLE logged_predictions"
    with engine.connect() as connection:
        connection.exec_driver_sql(lock)
        yield
        connection.rollback()
    engine.dispose()


def test_a_locked_database_is_waited_for_as_long_as_allowed(database_url: str) -> None:
    log = PredictionLog(database_url, wait_seconds=0.3)
    log.append([entry("before")])

    with locked(database_url):
        start = time.monotonic()
        with pytest.raises(PredictionLogUnavailable, match="The prediction log does not answer"):
            log.append([entry("a")])
        taken = time.monotonic() - start

    assert 0.25 < taken < 5
    assert log.append([entry("a")]) == {}


def test_a_server_that_is_gone_is_told_in_time_and_without_its_password() -> None:
    log = PredictionLog("postgresql+psycopg2://someone:secret@127.0.0.1:1/name", wait_seconds=0.2)

    start = time.monotonic()
    with pytest.raises(PredictionLogUnavailable, match="The prediction log does not") as told:
        log.append([entry("a")])

    assert time.monotonic() - start < 5
    assert "secret" not in str(told.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    file.write_text("this is not a database, but it is long enough to be taken for one" * 10)

    with pytest.raises(ConfigurationError, match="cannot be used as the prediction log"):
        PredictionLog(f"sqlite:///{file}").append([entry("a")])


def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")

    with log._transaction() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        ]

    assert found == ["wal", 2]
