"""Remedies of single days: stale, damaged, interrupted, quarantined, or of an older contract."""

from pathlib import Path

import pytest
from deltalake import DeltaTable

from ml_assets.cadence import Span
from ml_assets.errors import LakeMismatch, RegistryMismatch
from ml_assets.ledger.entries import Entry, Status
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import (
    ASKED_FOR,
    BLOCKED,
    CHAMPION,
    FEATURES,
    PREDICTIONS,
    RELEASED,
    assets,
)
from ml_assets_tests.project import DICTIONARIES, Project
from ml_assets_tests.remedies import command, commands, invoked, ml_assets, run, run_all

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
KEY = f'key:"{FLIGHTS}"'
DAY = "2013-01-05"
SCORED = "2013-02-02"
DATASET = "training_dataset"


def failure(project: Project, selection: str, day: str) -> str:
    """The errors of a run."""
    outcome = project.materialize(selection, day)
    assert not outcome.succeeded
    return " ".join(outcome.failed_steps.values())


def reason(project: Project, selection: str, day: str, check: str) -> str:
    """The reason of a check's result that is not passed."""
    [found] = [
        result
        for result in project.check(selection, day)
        if result.check == check and result.state != "passed"
    ]
    return found.reason


def test_a_day_of_an_older_contract_is_computed_with_the_current_one(week: Project) -> None:
    before = week.versions(WEATHER)
    old_rows = week.lake.read(WEATHER, [DAY]).drop(columns="wind_gust")
    written = week.lake.write(WEATHER, old_rows, [DAY])
    week.lake.ledger.append([written.complete(week.entries(WEATHER)[DAY])])
    key = f'key:"{WEATHER}"'
    reported = reason(week, key, DAY, "meets_contract")
    assert "older contract: the day was stored before its contract had wind_gust" in reported

    run(week, command(reported))

    assert {result.state for result in week.check(key, DAY)} == {"passed"}
    assert week.versions(WEATHER) == before


def test_a_day_whose_run_was_interrupted_is_materialized(week: Project) -> None:
    before = week.versions(FLIGHTS)
    week.lake.ledger.append([Entry(FLIGHTS, DAY, Status.WRITING, run_id="killed")])
    reported = reason(week, KEY, DAY, "meets_contract")
    assert "is being written, or its run was interrupted" in reported

    run(week, command(reported))

    assert week.versions(FLIGHTS) == before


def test_a_quarantined_day_is_corrected_and_materialized(week: Project) -> None:
    before = week.versions(FLIGHTS)
    week.sql("UPDATE flights SET distance = -distance WHERE month = 1 AND day = 5")
    reported = failure(week, KEY, DAY)
    assert f"No day of {FLIGHTS} could be stored. {DAY}: " in reported

    week.sql("UPDATE flights SET distance = -distance WHERE month = 1 AND day = 5")
    run_all(week, reported)

    assert week.versions(FLIGHTS) == before


def test_a_day_that_fails_a_check_of_its_run_has_its_repair_in_the_checks(week: Project) -> None:
    week.sql("DELETE FROM flights WHERE month = 1 AND day = 5 AND hour > 6")
    days = "2013-01-05...2013-01-06"
    reported = failure(week, KEY, days)
    assert f"{FLIGHTS}: 1 of 2 days failed a check" in reported

    done = invoked(*command(reported)[1:])

    assert done.exit_code == 1
    assert ["ml-assets", "impact", FLIGHTS, "--partition", DAY, "--apply"] in commands(done.output)


def test_a_day_that_changed_in_the_source_is_repaired_with_what_depends_on_it(
    week: Project,
) -> None:
    week.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    reported = reason(week, KEY, DAY, "up_to_date_with_source")
    assert "its source rows changed" in reported

    run(week, command(reported))

    for selection in (KEY, f'key:"{FEATURES}"'):
        assert {result.state for result in week.check(selection, DAY)} == {"passed"}


@pytest.mark.parametrize(
    ("is_extracted", "because"),
    [
        pytest.param(True, "was ", id="changed input"),
        pytest.param(
            False,
            "is itself stale: source_database/flights",
            id="changed source",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_stale_input_of_a_training_is_computed_first(
    with_champion: Project, is_extracted: bool, because: str
) -> None:
    with_champion.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 31")
    if is_extracted:
        assert with_champion.materialize(KEY, "2013-01-31").succeeded
    else:
        with_champion.check(KEY, "2013-01-31")  # records what the source has now
    reported = failure(with_champion, assets(DATASET), CHAMPION)
    assert f"{FEATURES} 2013-01-31 is stale ({FLIGHTS} 2013-01-31 {because}" in reported

    run(with_champion, commands(reported)[0])

    assert with_champion.materialize(assets(DATASET), CHAMPION).succeeded


def test_a_training_without_features_names_the_command_that_computes_them(
    project: Project,
) -> None:
    project.materialize(DICTIONARIES)
    days = Span("2013-01-01", "2013-01-21")
    selection = f'{KEY} or key:"{WEATHER}"'
    assert project.materialize(selection, f"{days.first}...{days.last}").succeeded
    assert not project.materialize(assets(DATASET), "2013-01-22").succeeded
    reported = project.entries(f"flight_delays/{DATASET}")["2013-01-22"].reason
    assert "no feature day before 2013-01-22 is stored" in reported

    run(project, command(reported))

    assert project.lake.days_stored(FEATURES) == days.days()


def test_altered_predictions_are_scored_again_by_dagster(with_champion: Project) -> None:
    before = with_champion.versions(PREDICTIONS)
    table = DeltaTable(Path(with_champion.lake.uri) / PREDICTIONS)
    table.update({"prediction": "0.5"}, predicate=f"ds = '{SCORED}'")
    with pytest.raises(LakeMismatch, match=f"{PREDICTIONS} {SCORED} was altered") as refused:
        with_champion.lake.read(PREDICTIONS, [SCORED])
    repair = command(str(refused.value))
    assert repair[0] == "dg"

    run(with_champion, repair)

    assert with_champion.versions(PREDICTIONS) == before
    assert len(with_champion.lake.read(PREDICTIONS, [SCORED])) > 500


def test_lost_files_of_a_registered_version_are_written_again(with_champion: Project) -> None:
    registry = Workspace.of_environment().registry
    columns = registry.signature("flight_delays", 1)
    (registry.folder("flight_delays", 1) / "MLmodel").unlink()
    with pytest.raises(RegistryMismatch) as refused:
        registry.signature("flight_delays", 1)

    run(with_champion, command(str(refused.value)))

    assert registry.signature("flight_delays", 1) == columns


@pytest.mark.slow
def test_a_model_card_waits_for_what_it_prints(measured: Project) -> None:
    released = assets("release_decision", "approvals", "registered_model")
    assert measured.materialize(released, ASKED_FOR).succeeded
    table = "flight_delays/evaluation"
    measured.lake.ledger.append([Entry(table, ASKED_FOR, Status.WRITING, run_id="killed")])
    assert not measured.materialize(assets("model_card"), ASKED_FOR).succeeded
    reported = measured.entries("flight_delays/model_card")[ASKED_FOR].reason
    assert f"its card needs {table}, flight_delays/integration_tests" in reported

    run(measured, command(reported))

    assert measured.entries("flight_delays/model_card")[ASKED_FOR].status is Status.STORED


@pytest.mark.slow
def test_a_release_continues_after_an_approval_that_its_rows_lacked(waiting: Project) -> None:
    approval = ("approve", "flight_delays", BLOCKED, "--reason", "checked", "--by")
    ml_assets(*approval, "Ann")
    assert waiting.materialize(assets(*RELEASED[:-2]), BLOCKED).succeeded
    ml_assets(*approval, "Bob")
    reported = failure(waiting, assets("champion"), BLOCKED)
    assert f"flight_delays/approvals {BLOCKED} lacks the latest records" in reported

    run(waiting, commands(reported)[0])

    assert BLOCKED in waiting.lake.days_stored("flight_delays/champion")


@pytest.mark.slow
def test_a_release_without_evidence_is_measured_instead_of_approved(measured: Project) -> None:
    table = "flight_delays/fairness"
    measured.lake.ledger.append([Entry(table, ASKED_FOR, Status.SKIPPED, reason="no rows")])
    assert measured.materialize(assets("release_decision"), ASKED_FOR).succeeded
    approval = ("approve", "flight_delays", ASKED_FOR, "--by", "Ann", "--reason", "checked")
    refused = str(invoked(*approval).exception)
    assert "evidence is missing, which cannot be approved" in refused

    run(measured, command(refused))

    [decision] = measured.lake.read("flight_delays/release_decision", [ASKED_FOR])["verdict"]
    assert decision == "passed"
