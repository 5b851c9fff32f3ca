"""What waits is committed together, is answered after its commit, and fails alone."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.errors import (
    ConfigurationError,
    ContractViolation,
    LogBusy,
    PredictionLogUnavailable,
)
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.writer import Known, LogWriter
from ml_assets_tests.online.prediction_log.entries import entry

SECONDS = 30


@pytest.fixture
def log(database_url: str) -> PredictionLog:
    """An empty log, once for each kind of database."""
    return PredictionLog(database_url)


@pytest.fixture
def writer(log: PredictionLog) -> Iterator[LogWriter]:
    """A writer with room for ten entries."""
    writer = LogWriter(log, capacity=10)
    yield writer
    writer.close()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Nobody else can write to a file's database."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_an_entry_is_logged_when_its_future_is_resolved(
    log: PredictionLog, writer: LogWriter
) -> None:
    assert writer.submit([entry("a")]).result(SECONDS) == {}

    assert log.find("a") == entry("a")


def test_what_is_submitted_again_gets_the_logged_entry(writer: LogWriter) -> None:
    writer.submit([entry("a", 1.0)]).result(SECONDS)

    assert writer.submit([entry("a", 2.0), entry("b")]).result(SECONDS) == {"a": entry("a", 1.0)}


def test_requests_that_wait_together_get_the_first_entry_of_their_event(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    writer = LogWriter(log, capacity=100)
    with locked(file):
        writer.submit([entry("in-progress")])
        first = writer.submit([entry("a", 1.0)])
        second = writer.submit([entry("a", 2.0), entry("b")])

    assert first.result(SECONDS) == {}
    assert second.result(SECONDS) == {"a": entry("a", 1.0)}
    assert log.find("a") == entry("a", 1.0)
    writer.close()


def taken(future: Future[Known]) -> None:
    """Wait until the writer has begun to log a submission."""
    while not future.running():
        pass


def of_file(folder: Path) -> tuple[PredictionLog, Path]:
    """A log that exists, and its file."""
    file = folder / "log.db"
    log = PredictionLog(f"sqlite:///{file}", wait_seconds=SECONDS)
    assert log.counts("meters") == {}
    return log, file


def test_what_waits_is_committed_together(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    commits: list[object] = []
    sa.event.listen(log._engine, "commit", commits.append)
    writer = LogWriter(log, capacity=1_000)
    with locked(file):
        futures = [writer.submit([entry("in-progress")])]
        taken(futures[0])
        futures += [writer.submit([entry(f"e{number}")]) for number in range(300)]
    wait(futures, SECONDS)

    assert len(commits) == 2
    assert log.counts("meters") == {"2013-05-01": 301}
    writer.close()


def test_an_entry_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    writer = LogWriter(log, capacity=100)
    with locked(file):
        writer.submit([entry("in-progress")])
        good = [writer.submit([entry("a")])]
        bad = writer.submit([entry("not an id"), entry("of the same request")])
        good.append(writer.submit([entry("b")]))

    assert [future.result(SECONDS) for future in good] == [{}, {}]
    with pytest.raises(ContractViolation, match="'not an id' is no id"):
        bad.result(SECONDS)
    assert [event_id for event_id in "ab" if log.find(event_id)] == ["a", "b"]
    assert log.find("of the same request") is None
    writer.close()


def test_more_than_the_capacity_is_refused_at_once_and_later_welcome(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    writer = LogWriter(log, capacity=2)
    with locked(file):
        futures = [writer.submit([entry("in-progress")])]
        taken(futures[0])
        futures.append(writer.submit([entry(f"e{number}") for number in range(3)]))
        with pytest.raises(LogBusy, match="3 predictions wait to be logged, expected at most 2"):
            writer.submit([entry("a")])
    wait(futures, SECONDS)

    assert writer.submit([entry("a")]).result(SECONDS) == {}
    assert log.counts("meters") == {"2013-05-01": 5}
    writer.close()


def test_closing_commits_what_waits_and_then_refuses(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    writer = LogWriter(log, capacity=100)
    with locked(file):
        futures = [writer.submit([entry(f"e{number}")]) for number in range(20)]
        closing_thread = threading.Thread(target=writer.close)
        closing_thread.start()
    closing_thread.join(SECONDS)

    assert [future.done() for future in futures] == [True] * 20
    assert log.counts("meters") == {"2013-05-01": 20}
    with pytest.raises(PredictionLogUnavailable, match="closed"):
        writer.submit([entry("a")])


def test_a_request_that_was_given_up_is_not_logged_and_others_are(tmp_path: Path) -> None:
    log, file = of_file(tmp_path)
    writer = LogWriter(log, capacity=100)
    with locked(file):
        first = writer.submit([entry("in-progress")])
        taken(first)
        given_up, other = writer.submit([entry("a")]), writer.submit([entry("b")])
        assert given_up.cancel()
        assert not first.cancel()

    assert other.result(SECONDS) == {}
    assert log.counts("meters") == {"2013-05-01": 2}
    assert log.find("a") is None
    writer.close()


def test_a_lock_that_is_held_too_long_fails_what_waits_and_the_writer_goes_on(
    tmp_path: Path,
) -> None:
    _, file = of_file(tmp_path)
    log = PredictionLog(f"sqlite:///{file}", wait_seconds=0.2)
    writer = LogWriter(log, capacity=100)
    with locked(file):
        futures = [writer.submit([entry("a")]), writer.submit([entry("b")])]
        for future in futures:
            with pytest.raises(PredictionLogUnavailable, match="database is locked"):
                future.result(SECONDS)

    assert writer.submit([entry("a")]).result(SECONDS) == {}
    assert log.counts("meters") == {"2013-05-01": 1}
    writer.close()


def test_a_database_that_comes_later_is_used_when_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.touch()
    writer = LogWriter(PredictionLog(f"sqlite:///{folder / 'log.db'}", 0.1), capacity=100)
    with pytest.raises(ConfigurationError, match="cannot be used as the data folder"):
        writer.submit([entry("a")]).result(SECONDS)

    folder.unlink()

    assert writer.submit([entry("a")]).result(SECONDS) == {}
    writer.close()


@pytest.mark.slow
def test_connections_that_the_server_ends_are_replaced(postgres: str) -> None:
    writer = LogWriter(PredictionLog(postgres), capacity=100)
    writer.submit([entry("a")]).result(SECONDS)
    with sa.create_engine(postgres).connect() as admin:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        admin.execute(
            sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        )

    assert isinstance(writer.submit([entry("b")]).exception(SECONDS), PredictionLogUnavailable)
    assert writer.submit([entry("b")]).result(SECONDS) == {}
    writer.close()
