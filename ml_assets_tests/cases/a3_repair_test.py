"""Case A3: one command repairs a day that was corrected in the source, and trains nothing."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from ml_assets.commands.cli import app
from ml_assets.ledger.entries import Status
from ml_assets.planning.staleness import stale
from ml_assets_tests.prepared import (
    CHAMPION,
    DECISION,
    LABELS,
    PERFORMANCE,
    PREDICTIONS,
    SCORED,
    TRAINING,
    assets,
)
from ml_assets_tests.project import Project

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
LIVED_DAYS = ["2013-02-01", "2013-02-02", "2013-02-03"]
NEXT_DAY = "2013-02-04"
FACTS = (PREDICTIONS, DECISION)
MODELS = {selected.split('"')[1] for selected in TRAINING.split(" or ")}


def of_day(table: str, day: int, next_day: int, month: int = 2, limit: int = 50) -> str:
    """A condition for some rows of a local day that is ``month`` and ``day``."""
    return (
        f"rowid in (select rowid from {table} where time_hour >= '2013-{month:02}-{day:02} 05:00' "
        f"and time_hour < '2013-{2 if next_day == 1 else month:02}-{next_day:02} 05:00' limit {limit})"
    )


CORRECTIONS = [
    pytest.param(
        FLIGHTS,
        "2013-02-01",
        f"update flights set arr_delay = arr_delay + 40 where {of_day('flights', 1, 2)}",
        id="50 flights arrived later",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        FLIGHTS,
        "2013-01-31",
        f"delete from flights where {of_day('flights', 31, 1, month=1, limit=20)}",
        id="20 flights of a training day are gone",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        FLIGHTS,
        "2013-02-02",
        f"update flights set dep_time = null, dep_delay = null, arr_time = null, arr_delay = null, "
        f"air_time = null where {of_day('flights', 2, 3, limit=5)}",
        id="5 flights were cancelled",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        WEATHER,
        "2013-02-01",
        f"update weather set wind_speed = wind_speed + 3 where {of_day('weather', 1, 2)}",
        id="wind was measured wrong",
    ),
]


def impact(table: str, day: str, *options: str) -> str:
    """Output of the command, which has to succeed."""
    done = CliRunner().invoke(app, ["impact", table, "--partition", day, *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def rebuild(table: str, day: str, *options: str) -> Mapping[str, Any]:
    """The plan of the repair as JSON."""
    return json.loads(impact(table, day, "--plan", "--json", *options))


def entry_counts(project: Project, *tables: str) -> dict[str, int]:
    """Table → number of its ledger entries."""
    return {table: len(project.lake.ledger.history(table)) for table in tables}


@pytest.mark.parametrize(("table", "day", "correction"), CORRECTIONS)
def test_a3_one_command_repairs_a_corrected_day_and_trains_nothing(
    with_champion: Project, table: str, day: str, correction: str
) -> None:
    before, facts = entry_counts(with_champion, *MODELS), with_champion.versions(*FACTS)
    assert with_champion.sql(correction)
    planned = rebuild(table, day)
    assert planned["repair"]
    assert not [name for name in (*MODELS, *FACTS) if f'"{name}"' in " ".join(planned["repair"])]

    text = impact(table, day, "--apply")

    assert "FAILED" not in text
    assert entry_counts(with_champion, *MODELS) == before, "no model is trained or judged"
    assert with_champion.versions(*FACTS) == facts, (
        "predictions and decisions stay as they were made"
    )
    for repaired in (table, "flight_delays/flight_features", LABELS, PERFORMANCE):
        days = LIVED_DAYS if repaired != table else [day]
        entries = with_champion.lake.ledger.latest(repaired, days)
        assert {entries[stored].status for stored in days} == {Status.STORED}
        assert stale(with_champion.lake.ledger, repaired, days) == {}
    assert with_champion.materialize(assets(*SCORED), NEXT_DAY).succeeded, "the loop goes on"


def test_a3_a_repair_names_the_models_it_leaves_and_the_command_that_trains_them(
    with_champion: Project,
) -> None:
    text = impact(FLIGHTS, "2013-01-20", "--plan")

    assert f"models trained on this day ({CHAMPION}, version 1)" in text
    command = "ml-assets impact sources/flights --partition 2013-01-20 --apply --with-models"
    assert command in text
    planned = rebuild(FLIGHTS, "2013-01-20")
    assert planned["left"]["command"] == command
    assert planned["left"]["as_of"]["flight_delays/model"] == [CHAMPION]
    assert planned["left"]["facts"][PREDICTIONS] == LIVED_DAYS
    with_models = " ".join(rebuild(FLIGHTS, "2013-01-20", "--with-models")["repair"])
    assert '"flight_delays/model"' in with_models
    assert not [name for name in FACTS if f'"{name}"' in with_models]


@pytest.mark.slow
def test_a3_a_rerun_of_an_old_dataset_reports_changed_inputs(with_champion: Project) -> None:
    changed = f"update flights set arr_delay = arr_delay + 40 where {of_day('flights', 20, 21, 1)}"
    assert with_champion.sql(changed)
    impact(FLIGHTS, "2013-01-20", "--apply")

    assert with_champion.materialize(assets("training_dataset"), CHAMPION).succeeded

    run = with_champion.instance.get_runs(limit=1)[0]
    [event] = [
        event
        for event in with_champion.instance.fetch_materializations(
            dg.AssetKey(["flight_delays", "training_dataset"]), 1
        ).records
        if event.run_id == run.run_id
    ]
    assert event.asset_materialization is not None
    reported = event.asset_materialization.metadata["changed_since_first_made"].value
    assert isinstance(reported, list)
    assert "flight_delays/flight_outcomes 2013-01-20" in reported
    assert "flight_delays/flight_features 2013-01-21" in reported
    assert "flight_delays/flight_features 2013-01-10" not in reported
    warned = [
        log.user_message for log in with_champion.instance.all_logs(run.run_id) if log.level == 30
    ]
    assert any("inputs that changed since it was first stored" in message for message in warned)


def test_a3_a_model_is_retrained_only_on_request(with_champion: Project) -> None:
    text = impact("flight_delays/model", CHAMPION, "--plan")

    assert "There is nothing for this repair to make again." in text
    assert "--with-models" in text


def test_a3_with_models_alone_is_refused(with_champion: Project) -> None:
    done = CliRunner().invoke(
        app, ["impact", FLIGHTS, "--partition", "2013-01-20", "--with-models"]
    )

    assert done.exit_code == 1
    assert "give --plan or --apply with it" in str(done.exception)
