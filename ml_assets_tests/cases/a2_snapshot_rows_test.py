"""A2 · Rows of a snapshot that change: which days used them, and what becomes stale.

The registry of planes is read with ``refreshes_history: false``: stored days keep the rows that they
read, and a changed row is used from the next computed day on (docs/decisions/0011).
"""

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.staleness import stale
from ml_assets_tests.prepared import (
    ASKED_FOR,
    FEATURES,
    LABELS,
    PERFORMANCE,
    SCORED,
    TRAINED,
    assets,
    tick,
)
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import ml_assets
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS, PLANES, DRIFT = "sources/flights", "sources/planes", "flight_delays/drift_report"
WEEK, NEXT = "2013-01-02...2013-01-06", "2013-01-07"
NUMBER = ["carrier", "flight"]
UNUSED = (
    "INSERT INTO planes SELECT 'N00001', year, type, manufacturer, model, engines, seats, speed, "
    "engine FROM planes LIMIT 1"
)


def uses(flights: pd.DataFrame) -> pd.DataFrame:
    """Day and tail number of the plane that each flight's features describe.

    It is the one that was last seen with the flight's number, in the week before two hours before
    the scheduled departure.
    """
    planned = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    left = flights.assign(seen=planned + pd.to_timedelta(flights["dep_delay"], unit="min"))
    left = left.dropna(subset=["seen"])[[*NUMBER, "tailnum", "seen"]]
    rows = flights.assign(cut=planned - pd.Timedelta(hours=2))[[*NUMBER, "ds", "cut"]]
    pairs = rows.reset_index().merge(left, on=NUMBER)
    age = pairs["cut"] - pairs["seen"]
    pairs = pairs[(age >= pd.Timedelta(0)) & (age <= pd.Timedelta(days=7))]
    return pairs.loc[pairs.groupby("index")["seen"].idxmax(), ["ds", "tailnum"]]


def test_a2_a_plane_that_nobody_flies_makes_nothing_stale_and_nothing_refuses(
    with_champion: Project, retrained_home: Path
) -> None:
    undisturbed = Ledger(f"sqlite:///{retrained_home / 'data' / 'ledger.db'}")
    before = with_champion.versions()
    assert with_champion.sql(UNUSED) == 1

    assert with_champion.materialize(f'key:"{PLANES}"').succeeded

    after = with_champion.versions()
    assert {key for key in before if after[key] != before[key]} == {
        (PLANES, "snapshot"),
        ("source_database/planes", "snapshot"),
    }
    for table in (FEATURES, LABELS, PERFORMANCE, DRIFT):
        assert stale(with_champion.lake.ledger, table, sorted(with_champion.entries(table))) == {}
    assert tick(with_champion, NEW_DAYS).requests == []
    assert with_champion.materialize(assets(*SCORED), ASKED_FOR).succeeded
    for table in (LABELS, DRIFT):
        assert with_champion.entries(table)[ASKED_FOR].rows > 30
    assert with_champion.materialize(assets(*TRAINED), ASKED_FOR).succeeded
    for noun in TRAINED:
        table = f"flight_delays/{noun}"
        expected = undisturbed.latest(table)[ASKED_FOR].content_hash
        assert with_champion.entries(table)[ASKED_FOR].content_hash == expected


@pytest.mark.slow
def test_a2_exactly_the_days_that_used_a_changed_row_differ_when_they_are_computed_again(
    week: Project,
) -> None:
    used = uses(week.lake.read(FLIGHTS))
    registered = set(week.lake.read(PLANES)["tailnum"])
    days_of = used[used["tailnum"].isin(registered)].groupby("tailnum")["ds"].agg(set)
    days_of = days_of[days_of.map(len) == 2]
    tail, expected = min(days_of.items())
    before = week.versions(FEATURES)
    assert len(before) == 5

    assert week.sql("UPDATE planes SET seats = seats + 7 WHERE tailnum = ?", tail) == 1
    assert week.materialize(f'key:"{PLANES}"').succeeded

    days = sorted(week.entries(FEATURES))
    assert stale(week.lake.ledger, FEATURES, days) == {}, "stored days keep what they read"
    assert tick(week, NEW_DAYS).requests[0].tags["dagster/partition"] == NEXT
    ml_assets("recompute", FEATURES, "--partition-range", WEEK)
    assert week.versions(FEATURES).keys() == before.keys()
    assert {
        day
        for (table, day), content in week.versions(FEATURES).items()
        if content != before[table, day]
    } == expected


def test_a2_the_next_day_uses_the_changed_row(week: Project) -> None:
    registered = set(week.lake.read(PLANES)["tailnum"])
    flown = week.lake.read(FLIGHTS)["tailnum"]
    tail = flown[flown.isin(registered)].mode()[0]
    assert week.sql("UPDATE planes SET seats = 333 WHERE tailnum = ?", tail) == 1

    run_requested(week)

    used = uses(week.lake.read(FLIGHTS))
    count = int(((used["ds"] == NEXT) & (used["tailnum"] == tail)).sum())
    assert count > 0
    features = week.lake.read(FEATURES)
    assert features.loc[features["plane_seats"] == 333, "ds"].tolist() == [NEXT] * count
