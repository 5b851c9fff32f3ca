"""The next run of a pipeline whose tables have no partitions yet, on plain values."""

from datetime import UTC, datetime

import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.ledger.entries import Entry, Status
from ml_assets.lineage.status.report import report
from ml_assets.lineage.status.state import (
    ChampionState,
    PipelineState,
    ProjectState,
    StoredDecision,
)

LAUNCH = "dg launch -m ml_assets.definitions --assets"
CHAMPION = ChampionState(1, "2024-01-30", "2024-01-30", "gates", "auc", 0.7)
BLOCKED = StoredDecision("2024-02-01", "blocked", "no better than the base rate")
TABLES = ["p/features", "p/outcomes", "p/predictions", "p/drift_report"]
HOURLY = dict.fromkeys(TABLES, Calendar(Cadence.HOURLY))


def next_command(
    *processed: str,
    champion: ChampionState | None = None,
    releases: list[StoredDecision] | None = None,
    calendars: dict[str, Calendar] | None = None,
    first: dict[str, str] | None = None,
) -> str:
    """The next command when some tables have the days from 2024-01-29 to 2024-01-31."""
    calendars = calendars or {}
    days = {table: calendars.get(table, Calendar()).keys for table in processed}
    ends = {
        table: ("2024-01-29-00:00", "2024-01-31-23:00")
        if table in calendars
        else ("2024-01-29", "2024-01-31")
        for table in processed
    }
    entries = {
        table: {day: Entry(table, day, Status.STORED) for day in days[table](*ends[table])}
        for table in processed
    }
    pipeline = PipelineState("p", TABLES, ["s/raw"], champion, releases or [])
    now = datetime(2024, 2, 10, tzinfo=UTC)
    return report(
        ProjectState(entries, [pipeline], {}, calendars, now, first=first or {})
    ).next.command


def test_a_table_that_begins_after_its_source_is_materialized_from_its_own_first_day() -> None:
    command = next_command("s/raw", first={"p/features": "2024-01-30"})

    assert command == f"{LAUNCH} 'key:\"p/features\"' --partition-range 2024-01-30...2024-01-31"


@pytest.mark.parametrize(
    ("processed", "champion", "command"),
    [
        pytest.param(
            ["s/raw"],
            None,
            f"{LAUNCH} 'key:\"p/features\"' --partition-range 2024-01-29...2024-01-31",
            id="source: features",
        ),
        pytest.param(
            ["s/raw", "p/features"],
            None,
            f"{LAUNCH} 'key:\"p/outcomes\"' --partition-range 2024-01-29...2024-01-31",
            id="features: outcomes",
        ),
        pytest.param(
            ["s/raw", "p/features", "p/outcomes"],
            None,
            f"{LAUNCH} 'group:p__training or group:p__release' --partition 2024-02-01",
            id="outcomes: a model",
        ),
        pytest.param(
            ["s/raw", "p/features", "p/outcomes"],
            CHAMPION,
            f"{LAUNCH} 'group:p__predictions or group:p__monitoring' "
            "--partition-range 2024-01-30...2024-01-31",
            id="champion: predictions from its day on",
        ),
        pytest.param(
            ["s/raw", *TABLES[:3]],
            CHAMPION,
            f"{LAUNCH} 'group:p__predictions or group:p__monitoring' "
            "--partition-range 2024-01-30...2024-01-31",
            id="predictions: monitoring",
        ),
        pytest.param(["s/raw", *TABLES], CHAMPION, "ml-assets ui", id="everything"),
        pytest.param(
            ["s/raw", "p/features", "p/outcomes"],
            ChampionState(1, "2024-02-01", "2024-02-01", "gates", "auc", 0.7),
            "ml-assets ui",
            id="champion of a later day than the features",
        ),
        pytest.param(["another/table"], None, "ml-assets ui", id="nothing of the pipeline"),
    ],
)
def test_the_next_command_is_the_first_run_that_is_missing(
    processed: list[str], champion: ChampionState | None, command: str
) -> None:
    assert next_command(*processed, champion=champion) == command


def test_a_first_model_leaves_days_to_predict_if_there_are_enough() -> None:
    days = Calendar().keys("2023-01-01", "2024-01-31")
    entries = {
        table: {day: Entry(table, day, Status.STORED) for day in days}
        for table in ["s/raw", *TABLES[:2]]
    }
    pipeline = PipelineState("p", TABLES, ["s/raw"], drift_partitions=33)
    now = datetime(2024, 2, 10, tzinfo=UTC)

    found = report(ProjectState(entries, [pipeline], {}, {}, now)).next.command

    assert found.endswith("--partition 2023-12-29")


def test_a_model_that_did_not_become_champion_is_looked_at() -> None:
    found = next_command("s/raw", *TABLES[:2], releases=[BLOCKED])

    assert found == "ml-assets audit p"


def test_partitions_are_those_of_the_table_that_has_none() -> None:
    features = next_command("s/raw", calendars={"p/features": Calendar(Cadence.HOURLY)})
    model = next_command("s/raw", *TABLES[:2], calendars=HOURLY)
    predictions = next_command("s/raw", *TABLES[:2], calendars=HOURLY, champion=CHAMPION)

    assert features.endswith("--partition-range 2024-01-29-00:00...2024-01-31-23:00")
    assert model.endswith("--partition 2024-01-31")
    assert predictions.endswith("--partition-range 2024-01-30-00:00...2024-01-31-23:00")
