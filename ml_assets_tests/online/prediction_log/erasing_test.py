"""Entries are erased with a record that has no values, and nothing of them is left in the file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.cadence import Cadence, Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasing import days_before, erase_days, erase_entity, events_of
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets_tests.online.prediction_log.entries import NOON, entry

NOW = datetime(2013, 6, 1, 12, tzinfo=UTC)
DAYS = ["2013-05-01", "2013-05-02"]


@pytest.fixture
def log(database_url: str) -> PredictionLog:
    """A log with entries of two meters on two days."""
    log = PredictionLog(database_url)
    log.append([of_meter(meter, day) for meter in "ab" for day in DAYS])
    return log


def of_meter(meter: str, day: str) -> LoggedPrediction:
    """An entry of a meter."""
    one = entry(f"{meter}-{day}", day=day)
    return replace(one, request={**one.request, "meter": meter, "number": 7})


def left(log: PredictionLog) -> list[str]:
    """Events that are in the log."""
    return sorted(one.event_id for one in log.read("meters", DAYS))


def erase(log: PredictionLog, **where: str) -> int:
    """Erase the entries of a meter."""
    events = events_of(log, "meters", where)
    return erase_entity(log, "meters", where, events, by="Ada", reason="asked for", now=NOW)


def test_the_entries_of_an_entity_are_erased_on_every_day(log: PredictionLog) -> None:
    assert events_of(log, "meters", {"meter": "a", "number": "7"}) == {
        day: [f"a-{day}"] for day in DAYS
    }

    assert erase(log, meter="a", number="7") == 2

    assert left(log) == [f"b-{day}" for day in DAYS]
    assert erase(log, meter="a", number="7") == 0


@pytest.mark.parametrize(
    ("where", "is_chosen"),
    [
        pytest.param({"is_new": "true"}, True, id="boolean of the features"),
        pytest.param({"is_new": "True"}, False, id="another text"),
        pytest.param({"read_at": NOON.isoformat()}, True, id="time"),
        pytest.param({"used": "0.5"}, True, id="number"),
        pytest.param({"kind": "None"}, False, id="missing values equal nothing"),
        pytest.param({"meter": "a", "number": "8"}, False, id="one of two differs"),
    ],
)
def test_values_are_compared_as_texts(
    log: PredictionLog, where: dict[str, str], is_chosen: bool
) -> None:
    assert bool(events_of(log, "meters", where)) is is_chosen


def test_a_column_that_nobody_logged_is_refused(log: PredictionLog) -> None:
    with pytest.raises(ConfigurationError, match=r"'metre' is no column .* Did you mean 'meter'\?"):
        events_of(log, "meters", {"metre": "a"})


def test_what_was_erased_is_recorded_without_its_values(log: PredictionLog) -> None:
    erase(log, meter="a")

    [first, second] = log.erasures("meters")

    assert [first.day, second.day] == DAYS
    assert (first.columns, first.entries, first.by, first.reason, first.at) == (
        ["meter"],
        1,
        "Ada",
        "asked for",
        NOW,
    )
    assert first.is_of({"meter": "a"})
    assert not first.is_of({"meter": "b"})
    assert not first.is_of({"meter": "a", "number": "7"})
    assert log.erasure_of("meters", DAYS[0], f"a-{DAYS[0]}") == first
    assert log.erasure_of("meters", DAYS[0], f"b-{DAYS[0]}") is None


def test_two_erasures_of_equal_values_have_different_hashes(log: PredictionLog) -> None:
    erase(log, meter="a")
    log.append([of_meter("a", DAYS[0])])
    erase(log, meter="a")

    hashes = [one.values_hash for one in log.erasures("meters")]
    assert len({*hashes}) == 2
    assert all(one.is_of({"meter": "a"}) for one in log.erasures("meters"))
    assert log.erasure_of("meters", DAYS[0], f"a-{DAYS[0]}") == log.erasures("meters")[-1]


def test_days_that_ended_long_enough_ago_are_erased_as_a_whole(log: PredictionLog) -> None:
    calendar = Calendar(Cadence.DAILY, "America/New_York")
    day_2_ends = datetime(2013, 5, 3, 4, tzinfo=UTC)

    old = days_before(log, "meters", calendar, 30, day_2_ends.replace(month=6, day=1, hour=5))
    assert old == {DAYS[0]: 2}
    assert days_before(log, "meters", calendar, 30, datetime(2013, 6, 2, 4, tzinfo=UTC)) == {
        DAYS[0]: 2,
        DAYS[1]: 2,
    }

    assert erase_days(log, "meters", [*old], by="Ada", reason="30 days", now=NOW) == 2

    assert left(log) == [f"{meter}-{DAYS[1]}" for meter in "ab"]
    [record] = log.erasures("meters")
    assert (record.day, [*record.columns], record.entries) == (DAYS[0], [], 2)
    assert log.erasure_of("meters", DAYS[0], f"a-{DAYS[0]}") == record
    assert log.erasures("meters", [DAYS[1]]) == []


def test_records_of_erasures_cannot_be_changed(log: PredictionLog) -> None:
    erase(log, meter="a")

    for change in ("UPDATE {} SET entries = 0", "DELETE FROM {}"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), log._transaction() as access:
            access.execute(sa.text(change.format("prediction_log_erasures")))


def test_nothing_of_an_erased_entry_is_left_in_the_files(tmp_path: Path) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    secret = [
        replace(entry(f"e{number}"), request={"name": "Lovelace", "note": "x" * 3000})
        for number in range(50)
    ]
    with log.one_connection():  # as a service that keeps the write-ahead log open
        log.append([*secret, entry("other")])

        assert erase_entity(
            log,
            "meters",
            {"name": "Lovelace"},
            events_of(log, "meters", {"name": "Lovelace"}),
            by="Ada",
            reason="asked for",
            now=NOW,
        )

        files = [*tmp_path.iterdir()]
        assert files
        assert all(b"Lovelace" not in file.read_bytes() for file in files)
    assert log.find("other") == entry("other")
