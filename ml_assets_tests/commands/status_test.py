"""``ml-assets status`` on real projects: what it prints, within 80 columns, and as JSON."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from rich.console import Console

from ml_assets.commands.shared import plain_table
from ml_assets.configuration import documents
from ml_assets.errors import LakeMismatch
from ml_assets.ledger.entries import Entry, Status
from ml_assets_tests.prepared import ASKED_FOR, BLOCKED, CHAMPION, PREDICTIONS
from ml_assets_tests.project import Project
from ml_assets_tests.project_files import documents_below
from ml_assets_tests.remedies import command, commands, invoked, ml_assets, run

COLUMNS = 80
KEYS = {
    "pipelines",
    "sources",
    "problems",
    "older_problems",
    "stale",
    "next",
    "alerts",
    "unreadable",
}
NOT_BEGUN = [
    "airport_temperature",
    "airport_visibility",
    "airport_wind",
    "flight_chain",
    "flight_ensemble",
    "flight_forecast",
    "flight_forest",
    "flight_linear",
]
PIPELINE_KEYS = {
    "pipeline",
    "is_begun",
    "champion",
    "last_release",
    "waiting",
    "retraining",
    "changed",
    "last_retraining_decision",
    "sources_until",
    "stages",
    "problem",
}


def test_status_names_the_champion_the_pending_retraining_and_what_is_behind(
    with_champion: Project,
) -> None:
    text = ml_assets("status")
    found = json.loads(ml_assets("status", "--json"))

    assert f"champion: version 1 as of {CHAMPION}, serves since {CHAMPION}" in text
    assert f"retraining: pending as of {ASKED_FOR}" in text
    assert not [line for line in text.splitlines() if len(line) > COLUMNS]
    assert "\x1b" not in text
    assert found.keys() == KEYS
    pipeline, *others = found["pipelines"]
    assert [one["pipeline"] for one in others] == NOT_BEGUN
    assert f"Pipelines not begun: {', '.join(NOT_BEGUN)}." in " ".join(text.split())
    assert pipeline.keys() == PIPELINE_KEYS
    assert (pipeline["champion"]["version"], pipeline["champion"]["as_of"]) == (1, CHAMPION)
    assert pipeline["retraining"]["as_of"] == ASKED_FOR
    behind = {stage["table"]: stage["behind"] for stage in pipeline["stages"]}
    assert behind["sources/flights"] == 0
    assert behind["flight_delays/predictions"] > 0
    assert found["next"]["command"] in text


def test_a_release_that_waits_has_the_command_that_approves_it(waiting: Project) -> None:
    text = ml_assets("status")
    waits = json.loads(ml_assets("status", "--json"))["pipelines"][0]["waiting"]

    assert [(one["as_of"], one["state"]) for one in waits] == [(BLOCKED, "waiting")]
    assert "Waits for a person:" in text
    approval = command(text)
    assert approval[:4] == ["ml-assets", "approve", "flight_delays", BLOCKED]
    run(waiting, approval)
    assert "Approved, not continued yet:" in ml_assets("status")


def next_step(project: Project) -> tuple[str, list[str]]:
    """The next step and its command, which both outputs contain."""
    found = json.loads(ml_assets("status", "--json"))["next"]
    assert found["command"] in ml_assets("status")
    return found["step"], shlex.split(found["command"])


@pytest.mark.slow
def test_the_next_step_of_a_damaged_day_is_the_check_that_names_its_damage(
    with_champion: Project,
) -> None:
    table = DeltaTable(Path(with_champion.lake.uri) / PREDICTIONS)
    table.delete(f"ds = '{CHAMPION}'")
    with pytest.raises(LakeMismatch):
        with_champion.lake.read(PREDICTIONS, [CHAMPION])
    step, words = next_step(with_champion)
    assert step == f"see what is wrong with {PREDICTIONS} {CHAMPION}"

    done = invoked(*words[1:])

    assert done.exit_code == 1
    assert f"{PREDICTIONS} {CHAMPION}" in done.output
    assert "lost after it was stored" in " ".join(done.output.split())
    before = with_champion.versions(PREDICTIONS)
    run(with_champion, commands(done.output)[-1])
    after = with_champion.versions(PREDICTIONS)
    assert after.keys() - before.keys() == {(PREDICTIONS, CHAMPION)}
    assert next_step(with_champion)[0] != step


def test_what_was_stored_of_a_table_that_the_project_no_longer_has_is_left_out(
    with_champion: Project,
) -> None:
    removed = Entry("flight_delays/removed", CHAMPION, Status.QUARANTINED, "no rows")
    with_champion.lake.ledger.append([removed])

    assert "flight_delays/removed" not in ml_assets("status")


@pytest.mark.slow
def test_the_next_step_of_a_quarantined_day_is_the_plan_of_its_repair(
    with_champion: Project,
) -> None:
    with_champion.sql("UPDATE flights SET distance = -distance WHERE month = 2 AND day = 3")
    assert not with_champion.materialize('key:"sources/flights"', "2013-02-03").succeeded
    step, words = next_step(with_champion)
    assert step == "correct sources/flights 2013-02-03, then repair what it touched"

    with_champion.sql("UPDATE flights SET distance = -distance WHERE month = 2 AND day = 3")
    planned = run(with_champion, words)
    run(with_champion, commands(planned)[-1])

    assert json.loads(ml_assets("status", "--json"))["problems"] == []


@pytest.mark.slow
def test_stale_days_are_named_with_the_commands_that_compute_them_again(
    with_champion: Project,
) -> None:
    assert json.loads(ml_assets("status", "--json"))["stale"] == []
    with_champion.sql("UPDATE flights SET distance = distance + 1 WHERE month = 2 AND day = 3")
    assert with_champion.materialize('key:"sources/flights"', "2013-02-03").succeeded

    text = ml_assets("status", "flight_delays")
    stale = json.loads(ml_assets("status", "flight_delays", "--json"))["stale"]

    assert "flight_delays/flight_features" in {one["table"] for one in stale}
    assert "sources/flights 2013-02-03 changed" in {one["reason"] for one in stale}
    assert all("2013-02-03" in one["days"] for one in stale)
    for one in stale:
        assert one["command"] in text
        run(with_champion, shlex.split(one["command"]))
    assert json.loads(ml_assets("status", "--json"))["stale"] == []


def test_days_of_older_code_are_stale(with_champion: Project) -> None:
    features = "flight_delays/flight_features"
    entry = with_champion.entries(features)["2013-01-20"]
    with_champion.lake.ledger.append([replace(entry, code_version="older")])

    stale = json.loads(ml_assets("status", "--json"))["stale"]

    assert [(one["table"], one["days"], one["reason"]) for one in stale] == [
        (features, ["2013-01-20"], "its code changed")
    ]


def test_one_pipeline_is_shown_alone(with_champion: Project) -> None:
    found = json.loads(ml_assets("status", "airport_wind", "--json"))

    assert [one["pipeline"] for one in found["pipelines"]] == ["airport_wind"]
    assert "sources/flights" not in found["sources"]
    assert "sources/hourly_weather" in found["sources"]


def test_a_source_that_cannot_be_read_is_named_and_the_rest_is_shown(
    with_champion: Project,
) -> None:
    with_champion.source.unlink()
    shutil.rmtree(with_champion.systems.files)

    text = ml_assets("status")

    assert "source of sources/flights: The source database" in text
    assert "source of sources/weather, sources/hourly_weather: No file in" in " ".join(text.split())
    assert "champion: version 1" in text


def test_a_last_day_without_rows_says_so(with_champion: Project) -> None:
    skipped = Entry(PREDICTIONS, "2013-12-30", Status.SKIPPED, "no weather")
    with_champion.lake.ledger.append([skipped])

    assert "2013-12-30 (skipped)" in ml_assets("status")


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_shown(
    with_champion: Project, tmp_path: Path
) -> None:
    shutil.copytree(documents.DEFS, tmp_path / "defs")
    (tmp_path / "defs" / "flight_ensemble" / "defs.yaml").write_text("type: [")
    with documents_below(tmp_path / "defs"):
        text = " ".join(ml_assets("status").split())

    assert "cannot be read: flight_ensemble/defs.yaml is not valid YAML" in text
    assert "champion: version 1" in text


def test_an_empty_data_folder_stays_empty_and_gets_the_first_command(project: Project) -> None:
    text = ml_assets("status")

    assert "Nothing was materialized yet." in text
    assert "make demo" in text
    assert not (project.data / "ledger.db").exists()
    assert not (project.data / "lake").exists()


QUESTIONS = [
    ["status"],
    ["trace", "flight_delays", "--model", "1"],
    ["impact", "sources/flights", "--partition", "2013-01-20"],
    ["impact", "sources/flights", "--partition", "2013-01-20", "--plan"],
    ["lineage", "flight_delays/predictions.prediction"],
    ["audit", "flight_delays"],
    ["reproduce", "flight_delays", "--version", "1"],
    ["checks", "--select", 'key:"sources/airlines"'],
    ["contract", "propose-day", "sources/weather"],
]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_question_prints_one_json_document(
    with_champion: Project, question: list[str]
) -> None:
    done = invoked(*question, "--json")

    assert done.exit_code == 0, done.output
    assert isinstance(json.loads(done.stdout), dict | list)
    assert "NaN" not in done.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_tables_wrap_long_cells_and_cut_none(width: int, tmp_path: Path) -> None:
    table = plain_table("key", "number", "reason", right=1)
    key, reason = "flight_delays/retraining_decision", " ".join(["words"] * 40)
    table.add_row(key, "1,234", reason)
    with (tmp_path / "out").open("w+") as file:
        Console(width=width, file=file).print(table)
        file.seek(0)
        text = file.read()

    assert key in text
    assert text.count("words") == 40
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_what_is_not_usable_of_the_configuration_does_not_hide_the_rest(
    with_champion: Project, tmp_path: Path
) -> None:
    copy = tmp_path / "defs"
    shutil.copytree(documents.DEFS, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for folder, right, wrong in (
        ("sources", "owners:", "fresh_withn: 6h\n  owners:"),
        ("airport_weather", "segments: [origin]", "segmnts: [origin]"),
    ):
        file = copy / folder / "defs.yaml"
        file.write_text(file.read_text("utf-8").replace(right, wrong, 1), "utf-8")

    with documents_below(copy):
        text = " ".join(ml_assets("status").split())
        found = json.loads(ml_assets("status", "--json"))

    pipelines = {one["pipeline"]: one for one in found["pipelines"]}
    assert pipelines["flight_delays"]["champion"]["as_of"] == CHAMPION
    assert "Did you mean 'segments'?" in pipelines["airport_temperature"]["problem"]
    assert "Did you mean 'fresh_within'?" in found["sources"]["sources/flights"]["problem"]
    assert text.count("Defaults in sources/defs.yaml is not usable: 'fresh_withn'") == 1
    assert f"champion: version 1 as of {CHAMPION}" in text
