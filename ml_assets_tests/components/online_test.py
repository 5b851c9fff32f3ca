"""A feature table with ``online`` is written to the online store with each partition that it stores."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa

from ml_assets.cadence import DAYS
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.entries import Status
from ml_assets.online.definition import OnlineTable
from ml_assets.online.materializing import materialize
from ml_assets.online.store import Features, OnlineStore
from ml_assets.orchestration.checks.online import ONLINE_CHECK
from ml_assets.orchestration.checks.remedy import next_step
from ml_assets.orchestration.checks.runner import CheckResult, CheckState
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.workspace import Workspace
from ml_assets_tests.components.shop import UTC as MICROSECONDS
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

READINGS, LATEST = "meters/readings", "meters/latest"
FIRST, SECOND, THIRD = "2022-03-01", "2022-03-02", "2022-03-03"
NOON_AFTER = datetime(2022, 3, 4, 12, tzinfo=UTC)


class Readings(Contract):
    """Readings of meters."""

    meter: str = pa.Field(description="The meter.")
    at: pd.DatetimeTZDtype = pa.Field(description="When.", dtype_kwargs=MICROSECONDS)
    used: float = pa.Field(ge=0, nullable=True, description="Consumption.")

    class Config:
        """One reading at a time; a bad one is too many."""

        unique: ClassVar = ["meter", "at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.0}


class Latest(Contract):
    """What is known of a meter."""

    meter: str = computed("The meter.", ["readings.meter"])
    at: pd.DatetimeTZDtype = computed("When.", ["readings.at"], dtype_kwargs=MICROSECONDS)
    third: float = computed("A third of the consumption.", ["readings.used"], nullable=True)

    class Config:
        """One reading at a time."""

        unique: ClassVar = ["meter", "at"]
        metadata: ClassVar = {"may_be_empty": True}


def latest(days: Sequence[str], *, readings: pd.DataFrame) -> pd.DataFrame:
    """Feature function."""
    found = readings.assign(third=readings["used"] / 3)
    return found.loc[found[DAY].isin(days), [DAY, "meter", "at", "third"]]


ONLINE = "online: {entity: [meter], ttl: 30h, event_time: at}"
TEXT = f"""
type: ml_assets.components.Defaults
attributes: {{owners: ["team:meters"], days: {{first: "{FIRST}", last: "2022-03-31"}}}}
---
type: ml_assets.components.SourceTable
attributes: {{key: {READINGS}, table: readings, time_column: at, contract: {__name__}.Readings}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: {LATEST}
  function: {__name__}.latest
  contract: {__name__}.Latest
  inputs: {{readings: {{asset: {READINGS}}}}}
  {ONLINE}
"""
BOTH = f'key:"{READINGS}" or key:"{LATEST}"'


@contextmanager
def project_of(folder: Path, text: str = TEXT) -> Iterator[Project]:
    """A project with two meters that are read three times a day, on three days."""
    if not (folder / "data").exists():
        new_home(folder)
        moments = pd.date_range("2022-03-01 06:00", periods=9, freq="8h")
        rows = pd.DataFrame(
            {
                "meter": ["a", "b"] * len(moments),
                "at": moments.repeat(2),
                "used": [float(number) for number in range(2 * len(moments))],
            }
        )
        engine = sa.create_engine(f"sqlite:///{folder / 'data' / 'source.db'}")
        with closing(engine.raw_connection()):
            rows.to_sql("readings", engine, index=False, dtype={"at": sa.DateTime()})
        engine.dispose()
    with opened(folder, definitions(folder / "defs", text)) as project:
        yield project


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[Project]:
    """The project."""
    with project_of(tmp_path) as project:
        yield project


def online() -> OnlineTable:
    """The table as ``TEXT`` describes it."""
    return OnlineTable(LATEST, ("meter",), timedelta(hours=30), DAYS, event_time="at")


def store() -> OnlineStore:
    """The store of the environment."""
    return Workspace.of_environment().online


def served(meter: str) -> Features | None:
    """What a service gets for a meter at noon after the last day."""
    [found] = store().get(online(), [[meter]], NOON_AFTER)
    return found


def checked(project: Project, days: str) -> list[CheckResult]:
    """Results of the check of the online store."""
    results = project.check(f'key:"{LATEST}"', days)
    return [result for result in results if result.check == ONLINE_CHECK]


def test_each_day_that_is_stored_is_written_online_from_the_same_rows(meters: Project) -> None:
    for day, value in ((FIRST, 5.0 / 3), (SECOND, 11.0 / 3)):
        assert meters.materialize(BOTH, day).succeeded

        found = served("b")
        assert found is not None
        assert (found.day, found.values["third"]) == (day, value)
        [result] = checked(meters, day)
        assert (result.state, result.reason) == (
            CheckState.PASSED,
            "2 of 2 entities are equal online",
        )

    assert found.event_time == datetime(2022, 3, 2, 22, tzinfo=UTC)
    assert (found.age, found.is_stale) == (timedelta(hours=38), True)


def test_of_a_range_the_newest_row_of_each_entity_is_online(meters: Project) -> None:
    assert meters.materialize(BOTH, f"{FIRST}...{THIRD}").succeeded

    [row_a, row_b] = [served(meter) for meter in "ab"]
    assert row_a
    assert row_b
    assert (row_a.day, row_a.values["third"]) == (THIRD, 16.0 / 3)
    assert (row_b.day, row_b.values["third"]) == (THIRD, 17.0 / 3)
    results = checked(meters, f"{FIRST}...{THIRD}")
    assert {result.day: result.reason for result in results} == {
        FIRST: "0 of 2 entities are equal online; the others have newer rows there",
        SECOND: "0 of 2 entities are equal online; the others have newer rows there",
        THIRD: "2 of 2 entities are equal online",
    }


def test_an_older_day_that_is_computed_again_replaces_nothing(meters: Project) -> None:
    assert meters.materialize(BOTH, f"{FIRST}...{SECOND}").succeeded
    before = served("a")

    meters.sql("UPDATE readings SET used = used + 100 WHERE at < '2022-03-02'")
    assert meters.materialize(BOTH, FIRST).succeeded

    assert served("a") == before


def test_a_day_that_is_computed_again_replaces_its_own_values(meters: Project) -> None:
    assert meters.materialize(BOTH, FIRST).succeeded

    meters.sql("UPDATE readings SET used = NULL WHERE meter = 'a'")
    assert meters.materialize(BOTH, FIRST).succeeded

    found = served("a")
    assert found
    assert (found.day, found.values["third"]) == (FIRST, None)


def test_a_quarantined_day_leaves_older_values_whose_age_is_told(meters: Project) -> None:
    assert meters.materialize(BOTH, FIRST).succeeded
    meters.sql("UPDATE readings SET used = -1 WHERE at > '2022-03-02' AND meter = 'a'")

    assert not meters.materialize(BOTH, SECOND).succeeded

    found = served("a")
    assert found
    assert (found.day, found.age, found.is_stale) == (FIRST, timedelta(hours=62), True)
    [result] = checked(meters, SECOND)
    assert result.state is CheckState.FAILED


def test_an_entity_without_a_row_keeps_its_old_one_until_the_store_is_materialized(
    meters: Project,
) -> None:
    assert meters.materialize(BOTH, f"{FIRST}...{SECOND}").succeeded
    meters.sql("DELETE FROM readings WHERE meter = 'a' AND at > '2022-03-02'")
    assert meters.materialize(BOTH, SECOND).succeeded

    [result] = checked(meters, SECOND)
    assert result.state is CheckState.WARNED
    assert result.reason == (
        'online are rows that the partition does not have any more, of ["a"]. To replace them by older '
        "rows, run: ml-assets online materialize meters/latest --until 2022-03-02"
    )

    materialize(meters.lake, store(), online(), SECOND)

    found = served("a")
    assert found
    assert (found.day, found.values["third"]) == (FIRST, 4.0 / 3)
    assert [one.state for one in checked(meters, f"{FIRST}...{SECOND}")] == [CheckState.PASSED] * 2


def test_a_changed_bit_fails_the_check_with_the_command_that_mends_it(meters: Project) -> None:
    assert meters.materialize(BOTH, FIRST).succeeded
    statement = "UPDATE online_rows SET features = replace(features, '333}', '335}')"
    with closing(sqlite3.connect(meters.data / "online.db")) as connection, connection:
        assert connection.execute(statement).rowcount == 2

    [result] = checked(meters, FIRST)

    command = "ml-assets online materialize meters/latest --until 2022-03-01"
    assert result.state is CheckState.FAILED
    assert result.reason == (
        '1 of 2 entities are not equal online: third of ["a"] is 1.3333333333333335, offline '
        f"1.3333333333333333. To write their rows again, run: {command}"
    )
    assert next_step(meters.definitions, meters.lake, [result]).endswith(command)
    materialize(meters.lake, store(), online(), FIRST)
    assert [one.state for one in checked(meters, FIRST)] == [CheckState.PASSED]


def test_a_day_whose_online_write_fails_is_computed_by_the_next_run(meters: Project) -> None:
    assert meters.materialize(f'key:"{READINGS}"', FIRST).succeeded
    unusable = meters.data / "online.db"
    unusable.mkdir()

    failed = meters.materialize(f'key:"{LATEST}"', FIRST)

    assert not failed.succeeded
    assert meters.entries(LATEST)[FIRST].status is Status.WRITING
    assert len(meters.lake.scan(LATEST)) == 6, "the commit was made before"
    unusable.rmdir()
    assert meters.materialize(f'key:"{LATEST}"', FIRST).succeeded
    assert served("a")
    assert [one.state for one in checked(meters, FIRST)] == [CheckState.PASSED]


def test_a_table_that_was_stored_before_is_written_online_by_the_command(tmp_path: Path) -> None:
    with project_of(tmp_path, TEXT.replace(ONLINE, "")) as project:
        assert project.materialize(BOTH, f"{FIRST}...{SECOND}").succeeded
        assert not checked(project, f"{FIRST}...{SECOND}"), "it has no such check"

    with project_of(tmp_path) as project:
        again = project.materialize(BOTH, f"{FIRST}...{SECOND}")
        assert not again.succeeded
        assert [one.state for one in checked(project, FIRST)] == [CheckState.FAILED]

        done = materialize(project.lake, store(), online(), SECOND)

        assert ([*done.days], done.entities) == ([FIRST, SECOND], 2)
        states = [one.state for one in checked(project, f"{FIRST}...{SECOND}")]
        assert states == [CheckState.PASSED] * 2


def test_materializing_until_a_day_leaves_newer_rows(meters: Project) -> None:
    assert meters.materialize(BOTH, f"{FIRST}...{THIRD}").succeeded
    before = served("a")

    materialize(meters.lake, store(), online(), SECOND)

    assert served("a") == before


def test_materializing_before_the_first_stored_day_is_refused(meters: Project) -> None:
    assert meters.materialize(BOTH, SECOND).succeeded

    with pytest.raises(
        ConfigurationError, match="until 2022-03-01: its first is 2022-03-02"
    ) as told:
        materialize(meters.lake, store(), online(), FIRST)

    assert str(told.value).endswith(
        "dg launch -m ml_assets.definitions --assets 'key:\"meters/latest\"' --partition 2022-03-01"
    )


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        pytest.param("{entity: [meter]}", "online.ttl", id="no ttl"),
        pytest.param("{entity: [], ttl: 1d}", "online.entity", id="no entity"),
        pytest.param("{entity: [meter], ttl: 1mo}", "has no fixed length", id="month"),
        pytest.param(
            "{entity: [meter, meter], ttl: 1d}", "the column 'meter' is named twice", id="twice"
        ),
        pytest.param("{entity: [meter], ttl: 1d}", "may have several rows of one time", id="key"),
        pytest.param("{entity: [metre], ttl: 1d}", "Did you mean 'meter'?", id="unknown column"),
        pytest.param(
            "{entity: [meter], ttl: 1d}\n  days: {ahead: 1d}", "event_time is missing", id="ahead"
        ),
    ],
)
def test_an_unusable_section_is_shown_as_a_broken_asset(
    tmp_path: Path, section: str, problem: str
) -> None:
    text = TEXT.replace(ONLINE, f"online: {section}")

    broken = broken_assets(definitions(tmp_path, text).resolve_asset_graph())

    assert problem in broken[LATEST]
