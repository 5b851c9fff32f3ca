"""A run over more partitions than are stored at once: 480 hours are two parts."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.lake.writing import DAYS_AT_ONCE
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.checks.runner import CheckState, results_of
from ml_assets_tests.components import cadences_test
from ml_assets_tests.components.cadences_test import DAYS_OF_HISTORY, SERIES, write
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.orchestration import workload
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

READINGS, FEATURES = "meters/readings", "meters/features"
SPAN = "2022-03-01-00:00...2022-03-20-23:00"
HOURS = 20 * 24 - 1  # clocks are set forward on 13 March
BROKEN = "2022-03-20-10:00"


def features(days: Sequence[str], *, readings: pd.DataFrame) -> pd.DataFrame:
    """Feature function that cannot compute one hour."""
    if BROKEN in days:
        raise ValueError(f"{BROKEN} cannot be computed")
    found = readings.assign(before=readings["used"])
    return found.loc[found[DAY].isin(days), [DAY, "meter", "at", "warmth", "before"]]


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[Project]:
    """A project with hourly readings, one of the last of which has no features."""
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", SERIES["hours over a clock change"])
    text = DAYS_OF_HISTORY.format(
        where=cadences_test.__name__, source="hourly", features="hourly"
    ).replace(f"{cadences_test.__name__}.features", f"{__name__}.features")
    text = text.replace("2022-03-05", "2022-03-01").replace("look_back: 2d", "look_back: 2h")
    with opened(tmp_path, definitions(tmp_path / "defs", text)) as project:
        yield project


def test_each_partition_of_a_long_run_is_stored_told_and_checked(meters: Project) -> None:
    outcome = meters.materialize(f'key:"{READINGS}"', SPAN)

    assert outcome.succeeded, outcome.failed_steps
    entries = meters.entries(READINGS)
    assert Counter(entry.status for entry in entries.values()) == {Status.STORED: HOURS}
    by_version = Counter(entry.version for entry in entries.values())
    assert sorted(by_version.values()) == [HOURS - DAYS_AT_ONCE, DAYS_AT_ONCE]
    assert len(meters.lake.read(READINGS)) == sum(entry.rows for entry in entries.values())
    events = list(workload.materializations(meters.instance, dg.AssetKey(READINGS.split("/"))))
    assert Counter(day for day, _ in events) == Counter(entries.keys())
    summaries = {
        day: event.metadata["run/stored"].value
        for day, event in events
        if "run/stored" in event.metadata
    }
    assert summaries == {max(entries): HOURS}
    results = results_of(meters.instance, outcome)
    assert {result.state for result in results} == {CheckState.PASSED}
    assert set(Counter(result.check for result in results).values()) == {HOURS}


def test_a_bad_partition_of_a_later_part_is_quarantined_and_named(meters: Project) -> None:
    meters.sql("UPDATE readings SET used = -1 WHERE at LIKE '2022-03-19 12:%'")

    outcome = meters.materialize(f'key:"{READINGS}"', SPAN)

    [message] = outcome.failed_steps.values()
    assert f"1 of {HOURS} days failed a check. 2022-03-19-08:00: meets_contract" in message
    states = Counter(entry.status for entry in meters.entries(READINGS).values())
    assert states == {Status.STORED: HOURS - 1, Status.QUARANTINED: 1}
    letters = meters.dead_letters(READINGS)
    assert [letter[DAY] for letter in letters] == ["2022-03-19-08:00"]


def test_parts_before_one_that_cannot_be_computed_stay_stored(meters: Project) -> None:
    outcome = meters.materialize("*", SPAN)

    assert f"{BROKEN} cannot be computed" in outcome.failed_steps["meters__features"]
    stored = meters.entries(FEATURES)
    assert Counter(entry.status for entry in stored.values()) == {Status.STORED: DAYS_AT_ONCE}
    first, last = min(stored), max(stored)
    again = meters.materialize(f'key:"{FEATURES}"', f"{first}...{last}")
    assert again.succeeded
    assert again.unchanged == {FEATURES: DAYS_AT_ONCE}
    assert meters.materialized_days(FEATURES) == {*stored}


def test_partitions_that_are_skipped_for_one_reason_are_one_line_of_the_log(
    meters: Project,
) -> None:
    outcome = meters.materialize(f'key:"{FEATURES}"', "2022-03-01-00:00...2022-03-05-23:00")

    assert not outcome.succeeded
    told = [
        entry.user_message
        for entry in meters.instance.all_logs(outcome.run_id)
        if entry.level == logging.WARNING and FEATURES in entry.user_message
    ]
    assert told == [
        (
            f"{FEATURES} 2022-03-01-00:00 to 2022-03-05-23:00 (120 partitions) is skipped: {READINGS} "
            "2022-03-01-00:00 is not materialized"
        )
    ]
