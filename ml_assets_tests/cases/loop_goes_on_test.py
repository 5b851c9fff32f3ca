"""A1, A3, C1 in the loop: days that cannot be scored, corrections, rows that come late."""

import shutil

import pytest

from ml_assets.cadence import Span
from ml_assets.defs.sources.load import advance
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.attempts import UNIT
from ml_assets.planning.staleness import stale
from ml_assets_tests.prepared import (
    CHAMPION,
    FEATURES,
    LABELS,
    LAST_DAY,
    LOOP,
    PERFORMANCE,
    PREDICTIONS,
    RELEASED,
    SCORED,
    TRAINED,
    assets,
    run,
    tick,
)
from ml_assets_tests.project import DAILY, Project
from ml_assets_tests.remedies import command, run_all
from ml_assets_tests.sensor_runs import DAYS, NEW_DAYS, run_requested

pytestmark = pytest.mark.slow

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
PROFILE = "flight_delays/feature_profile"
FIRST, LAST, BAD, AFTER = "2013-02-01", "2013-02-03", "2013-02-04", "2013-02-05"
LOOP_TABLES = [f"flight_delays/{noun}" for noun in SCORED]
COPIED = "year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay, carrier"
REST = "tailnum, origin, dest, air_time, distance, hour, minute, time_hour"


def of_day(day: str) -> str:
    """Condition of the flights of a local day."""
    return f"date(time_hour, '-5 hours') = '{day}'"


def process(project: Project, days: int) -> None:
    """Process some days as the sensor requests them."""
    for _ in range(days):
        reported = tick(project, DAYS)
        assert reported.requests, reported.reason
        run(project, reported.requests[0])


def close(project: Project, days: Span) -> None:
    """Record days as skipped, so that the sensor leaves them out."""
    project.lake.ledger.append(
        [
            Entry(table, day, Status.SKIPPED, reason="for the test")
            for table in LOOP_TABLES
            for day in days.days()
        ]
    )


def add_late_rows(project: Project, day: str, count: int) -> None:
    """Add flights of a day to the source after it was processed, and extract them."""
    project.sql(
        f"INSERT INTO flights ({COPIED}, flight, {REST}) SELECT {COPIED}, flight + 5000, {REST} "
        f"FROM flights WHERE {of_day(day)} AND flight < 3000 LIMIT {count}"
    )
    assert project.materialize(f'key:"{FLIGHTS}"', day).succeeded


def test_a1_a_day_without_features_is_recorded_as_not_predicted_and_the_next_day_runs(
    retrained: Project,
) -> None:
    retrained.sql(f"UPDATE flights SET origin = 'XXX' WHERE {of_day(BAD)}")
    retrained.materialize(DAILY, BAD)
    run_requested(retrained, NEW_DAYS)

    process(retrained, 2)

    skipped = retrained.entries(PREDICTIONS)[BAD]
    assert skipped.status is Status.SKIPPED
    assert FLIGHTS in skipped.reason
    assert {retrained.entries(table)[BAD].status for table in LOOP_TABLES} <= {
        Status.SKIPPED,
        Status.STORED,
    }
    assert retrained.entries(PREDICTIONS)[AFTER].status is Status.STORED


def test_a1_a_day_without_weather_is_skipped_with_its_reason_and_the_three_after_it_are_stored(
    retrained: Project,
) -> None:
    days = Span("2013-02-15", "2013-02-18").days()
    close(retrained, Span(BAD, LAST_DAY))
    advance(retrained.systems, days[-1])
    assert retrained.sql(f"DELETE FROM weather WHERE {of_day(days[0])}") == 72

    run_requested(retrained, NEW_DAYS)
    assert tick(retrained, DAYS).requests[0].tags[UNIT] == f"flight_delays {days[0]}"
    assert retrained.materialize(LOOP, f"{days[0]}...{days[-1]}").succeeded

    cause = f"{WEATHER} {days[0]} is quarantined: no rows in the source, though it has later ones"
    skipped = f"{FEATURES} {days[0]} is skipped: {cause}"
    for table, reason in ((FEATURES, cause), (PREDICTIONS, skipped), (PROFILE, skipped)):
        entries = retrained.entries(table)
        assert [entries[day].status for day in days] == [Status.SKIPPED, *[Status.STORED] * 3]
        assert entries[days[0]].reason == reason
        assert not [day for day in days[1:] if not entries[day].rows]
    features, predictions = retrained.entries(FEATURES), retrained.entries(PREDICTIONS)
    assert {day: predictions[day].rows for day in days[1:]} == {
        day: features[day].rows for day in days[1:]
    }
    after = tick(retrained, DAYS)
    assert (after.requests, after.reason) == ([], "2013-02-19 waits for its features.")


def test_a1_a_repaired_day_is_predicted_automatically(retrained: Project) -> None:
    retrained.sql(f"UPDATE flights SET origin = origin || '?' WHERE {of_day(BAD)}")
    retrained.materialize(DAILY, BAD)
    run_requested(retrained, NEW_DAYS)
    process(retrained, 1)
    assert retrained.entries(PREDICTIONS)[BAD].status is Status.SKIPPED

    retrained.sql(f"UPDATE flights SET origin = substr(origin, 1, 3) WHERE {of_day(BAD)}")
    retrained.materialize(DAILY, BAD)
    run_requested(retrained, NEW_DAYS)
    process(retrained, 1)

    assert retrained.entries(PREDICTIONS)[BAD].status is Status.STORED


def test_a3_a_correction_recomputes_labels_and_trains_nothing(with_champion: Project) -> None:
    before = with_champion.versions()
    with_champion.sql(
        f"UPDATE flights SET arr_delay = arr_delay + 40 WHERE {of_day(FIRST)} AND arr_delay < 0 "
        "AND flight < 400"
    )
    assert with_champion.materialize('key:"sources/flights"', FIRST).succeeded

    run_requested(with_champion, NEW_DAYS)
    run_requested(with_champion, DAYS)

    after = with_champion.versions()
    changed = {key for key in before if after.get(key) != before[key]}
    assert {table for table, _ in changed} >= {FLIGHTS, FEATURES, LABELS, PERFORMANCE}
    kept = {f"flight_delays/{noun}" for noun in (*TRAINED, *RELEASED, "retraining_decision")}
    assert not {table for table, _ in changed} & {*kept, PREDICTIONS}
    assert {key for key in after if key[0] in kept} == {key for key in before if key[0] in kept}
    for table in (LABELS, PERFORMANCE):
        assert stale(with_champion.lake.ledger, table, sorted(with_champion.entries(table))) == {}


@pytest.mark.parametrize("count", [pytest.param(1, id="one row"), pytest.param(3, id="three rows")])
def test_c1_late_rows_are_scored_and_marked_late(with_champion: Project, count: int) -> None:
    before = with_champion.lake.read(PREDICTIONS, [LAST]).set_index("prediction_id")
    coverage = _overall(with_champion, "label_coverage")
    add_late_rows(with_champion, LAST, count)

    run_requested(with_champion, NEW_DAYS)
    run_requested(with_champion, DAYS)

    after = with_champion.lake.read(PREDICTIONS, [LAST]).set_index("prediction_id")
    late = after[after["is_late"].astype(bool)]
    assert len(late) == count
    assert set(late.index).isdisjoint(before.index)
    assert after.loc[before.index].equals(before)
    assert set(late["feature_version"]) == {with_champion.entries(FEATURES)[LAST].content_hash}
    assert _overall(with_champion, "label_coverage") == coverage
    assert _overall(with_champion, "late_share") == (count / len(after), coverage[1])


def test_a1_a_lost_champion_of_an_earlier_day_blocks_no_other_day(retrained: Project) -> None:
    close(retrained, Span("2013-02-06", LAST_DAY))
    [lost] = set(retrained.lake.read(PREDICTIONS, [LAST])["model_version"])
    before = retrained.versions(PREDICTIONS)
    shutil.rmtree(retrained.data / "models" / "flight_delays" / "model" / lost)
    add_late_rows(retrained, LAST, 1)
    run_requested(retrained, NEW_DAYS)

    assert retrained.materialize(LOOP, f"{LAST}...{AFTER}").succeeded

    after = retrained.versions(PREDICTIONS)
    assert {key: after[key] for key in before} == before
    assert (PREDICTIONS, AFTER) in after

    reported = run_requested(retrained, DAYS)[-1].reason
    assert f"{LAST} is unchanged, although {FEATURES} {LAST} has changed" in reported
    assert command(reported)[-1] == LAST
    assert retrained.materialize(assets("model"), CHAMPION).succeeded
    run_all(retrained, reported)
    assert retrained.lake.read(PREDICTIONS, [LAST])["is_late"].sum() == 1
    add_late_rows(retrained, BAD, 1)
    run_requested(retrained, NEW_DAYS)
    run_requested(retrained, DAYS)
    assert retrained.lake.read(PREDICTIONS, [BAD])["is_late"].sum() == 1


def _overall(project: Project, metric: str) -> tuple[float, int]:
    rows = project.lake.read(PERFORMANCE, [LAST])
    [row] = rows[(rows["metric"] == metric) & (rows["segment_column"] == "all")].to_dict("records")
    return float(row["value"]), int(row["rows"])
