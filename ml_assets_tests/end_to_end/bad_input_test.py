"""Errors in a source are explained, isolated and repairable, in ranges and single days."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ml_assets.cadence import Span
from ml_assets.content import SNAPSHOT
from ml_assets_tests.project import ALL_DAILY, DAILY, Project, bad_days

FLIGHTS = "sources/flights"
WEEK = "2013-01-02...2013-01-08"
BAD_DAY = "2013-01-05"
OTHER_DAYS = {"2013-01-02", "2013-01-03", "2013-01-04", "2013-01-06", "2013-01-07", "2013-01-08"}
OF_BAD_DAY = "year = 2013 AND month = 1 AND day = 5"


@dataclass(frozen=True)
class BadDay:
    """An error of a day and the expected message."""

    break_source: Callable[[Project], object]
    reason: str


def _contradicting_copies(project: Project, which: str) -> None:
    """A second row of the same key for some flights, with another distance."""
    last = project.sql("UPDATE flights SET distance = distance")
    project.sql(f"INSERT INTO flights SELECT * FROM flights WHERE {which}")
    project.sql(f"UPDATE flights SET distance = distance + 1 WHERE rowid > {last}")


BAD_DAYS = [
    pytest.param(
        BadDay(lambda p: p.sql(f"DELETE FROM flights WHERE {OF_BAD_DAY}"), "it has later ones"),
        id="empty day",
    ),
    pytest.param(
        BadDay(
            lambda p: p.sql(f"UPDATE flights SET origin = 'XXX' WHERE {OF_BAD_DAY}"),
            "720 of 720 rows break the contract",
        ),
        id="every origin outside the three",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        BadDay(
            lambda p: _contradicting_copies(p, f"{OF_BAD_DAY} AND flight < 500"),
            "rows break the contract",
        ),
        id="many keys twice, with other rows",
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD_DAYS)
def test_a_bad_day_in_a_range_is_isolated_and_repairable(
    project: Project, undisturbed: dict[tuple[str, str], str], bad: BadDay
) -> None:
    intact = project.data / "intact.db"
    shutil.copy(project.source, intact)
    bad.break_source(project)

    outcome = project.materialize_daily(WEEK)

    assert not outcome.succeeded
    assert BAD_DAY in outcome.failed_steps["sources__flights__checks"]
    assert bad.reason in project.entries(FLIGHTS)[BAD_DAY].reason
    assert set(project.lake.days_stored(FLIGHTS)) == OTHER_DAYS
    assert set(project.lake.days_stored("flight_delays/flight_features")) == OTHER_DAYS
    assert project.entries("flight_delays/flight_features")[BAD_DAY].reason.startswith(
        "sources/flights 2013-01-05 is quarantined"
    )
    bad_of_week = bad_days(project.check('key:"sources/flights"', WEEK))
    assert BAD_DAY in bad_of_week
    assert not bad_of_week & OTHER_DAYS

    shutil.copy(intact, project.source)
    repaired = project.materialize(ALL_DAILY, BAD_DAY)

    assert repaired.succeeded, repaired.failed_steps
    of_bad_day = {key for key in undisturbed if key[1] == BAD_DAY}
    now = project.versions()
    assert {key: now.get(key) for key in of_bad_day} == {
        key: undisturbed[key] for key in of_bad_day
    }
    assert project.materialize(ALL_DAILY, WEEK).succeeded
    week = {*Span.parse(WEEK).days(), SNAPSHOT}
    assert project.versions() == {
        key: version for key, version in undisturbed.items() if key[1] in week
    }


@pytest.mark.parametrize("bad", BAD_DAYS)
def test_a_bad_day_alone_fails_and_stores_nothing(project: Project, bad: BadDay) -> None:
    bad.break_source(project)

    outcome = project.materialize('key:"sources/flights"', BAD_DAY)

    assert not outcome.succeeded
    assert bad.reason in outcome.failed_steps["sources__flights"]
    assert project.lake.days_stored(FLIGHTS) == []
    assert project.materialized_days(FLIGHTS) == set()
    results = project.check('key:"sources/flights"', BAD_DAY)
    assert {result.state for result in results if result.check == "meets_contract"} == {"failed"}


@pytest.mark.parametrize("days", [WEEK, BAD_DAY], ids=["range", "single"])
def test_bad_rows_become_dead_letters_and_other_rows_are_stored(
    project: Project, days: str
) -> None:
    one = f"rowid = (SELECT min(rowid) FROM flights WHERE {OF_BAD_DAY}"
    project.sql(f"UPDATE flights SET distance = 'far' WHERE {one})")
    project.sql(f"UPDATE flights SET distance = -7 WHERE {one} AND distance != 'far')")
    project.sql(
        f"UPDATE flights SET origin = 'XXX' WHERE {one} AND distance > 0 + '0' AND typeof(distance) = 'integer')"
    )
    project.sql(
        f"UPDATE flights SET dest = 'QQQ' WHERE rowid = (SELECT max(rowid) FROM flights WHERE {OF_BAD_DAY})"
    )
    _contradicting_copies(
        project, f"rowid = (SELECT max(rowid) - 1 FROM flights WHERE {OF_BAD_DAY})"
    )

    outcome = project.materialize('key:"sources/flights"', days)

    assert outcome.succeeded, outcome.failed_steps
    letters = project.dead_letters(FLIGHTS)
    assert sorted(str(letter["rule"]) for letter in letters) == [
        "distance: greater_than_or_equal_to(1)",
        "distance: must be int64",
        "key: must be unique",
        "key: must be unique",
        "origin: isin(['EWR', 'JFK', 'LGA'])",
    ]
    assert '"distance": "far"' in "".join(str(letter["row"]) for letter in letters)
    rows = project.lake.read(FLIGHTS, [BAD_DAY])
    assert len(rows) + len(letters) == 720 + 1
    assert rows["distance"].min() > 0
    assert "QQQ" in set(rows["dest"])


@pytest.mark.parametrize("days", [WEEK, BAD_DAY], ids=["range", "single"])
def test_a_renamed_column_quarantines_every_day_and_names_the_column(
    project: Project, days: str
) -> None:
    project.sql("ALTER TABLE flights RENAME COLUMN dep_delay TO departure_delay")

    outcome = project.materialize(DAILY, days)

    assert not outcome.succeeded
    assert (
        "'dep_delay' (renamed to 'departure_delay'?) is missing"
        in (outcome.failed_steps["sources__flights"])
    )
    assert project.lake.days_stored(FLIGHTS) == []
    assert "flight_delays__flight_features" not in outcome.failed_steps
    assert BAD_DAY in project.lake.days_stored("sources/weather")


@pytest.mark.parametrize("days", ["2013-01-20...2013-01-23", "2013-01-22"], ids=["range", "single"])
def test_a_day_missing_in_the_source_is_reported(project: Project, days: str) -> None:
    outcome = project.materialize('key:"sources/flights"', days)

    assert not outcome.succeeded
    assert (
        "whose newest row is of 2013-01-22 04:00 UTC"
        in project.entries(FLIGHTS)["2013-01-22"].reason
    )
    assert set(project.lake.days_stored(FLIGHTS)) == {
        day for day in ("2013-01-20", "2013-01-21") if len(days) > 10
    }


@pytest.mark.parametrize("days", [WEEK, BAD_DAY], ids=["range", "single"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda file: file.write_bytes(file.read_bytes()[:300_000]),
            "cannot be read",
            id="truncated",
        ),
        pytest.param(
            lambda file: file.write_bytes(b"garbage" * 999), "cannot be read", id="garbage"
        ),
        pytest.param(
            lambda file: file.unlink(), "does not exist. Run 'ml-assets source load'", id="gone"
        ),
    ],
)
def test_a_broken_source_database_is_a_clear_error_and_stored_days_stay(
    project: Project, damage: Callable[[object], object], message: str, days: str
) -> None:
    assert project.materialize('key:"sources/flights"', WEEK).succeeded
    before = project.versions(FLIGHTS)
    damage(project.source)

    outcome = project.materialize('key:"sources/flights"', days)

    assert not outcome.succeeded
    assert message in outcome.failed_steps["sources__flights"]
    assert "Traceback" not in outcome.failed_steps["sources__flights"]
    assert project.versions(FLIGHTS) == before
    assert project.source.exists() == (message == "cannot be read")
    assert bad_days(project.check('key:"sources/flights"', BAD_DAY)) == {BAD_DAY}
