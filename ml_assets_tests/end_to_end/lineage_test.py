"""Questions about a project with a champion: trace, impact, and the repair of a bad day."""

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from typer.testing import CliRunner

from ml_assets.commands.cli import app
from ml_assets.configuration.documents import feature_table
from ml_assets.content import DAY
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.defs.flight_delays.source_rows import USED_FOR
from ml_assets.ledger.entries import Status
from ml_assets.lineage.graph import Graph
from ml_assets.lineage.impact import impact
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.trace import trace_prediction
from ml_assets_tests.lineage.walk import walk
from ml_assets_tests.prepared import (
    ASKED_FOR,
    CHAMPION,
    DECISION,
    FEATURES,
    LABELS,
    PREDICTIONS,
    opened_copy,
)
from ml_assets_tests.project import Project

WRONG_DAY = "2013-01-20"
TRAINED = ("flight_delays/training_dataset", "flight_delays/model")
FLIGHTS = "sources/flights"
WITHOUT_DAGSTER = (
    "import sys; from ml_assets.commands.cli import app; app(sys.argv[1:], standalone_mode=False); "
    "sys.exit('dagster' in sys.modules)"
)


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, retrained_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """A project with two champions and three processed days; tests must not change it."""
    home = tmp_path_factory.mktemp("asked") / "home"
    with opened_copy(retrained_home, home, definitions) as project:
        yield project


@pytest.fixture
def prediction_id(asked: Project) -> str:
    """One of the predictions."""
    return str(asked.lake.read(PREDICTIONS, ["2013-02-02"])["prediction_id"].iloc[100])


def command(*arguments: str) -> str:
    """What a command prints; it has to succeed."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def answer(*arguments: str) -> Any:
    """The JSON output of a command."""
    return json.loads(command(*arguments, "--json"))


def test_impact_counts_equal_those_computed_from_the_tables(asked: Project) -> None:
    lake = asked.lake
    graph = Graph.of(lake.ledger)
    for day in random.sample(lake.days_stored(FLIGHTS)[:-9], 3):
        found = {
            touched.table.partition("/")[2]: (len(touched.days), touched.rows)
            for touched in impact(lake, graph, FLIGHTS, day).tables
        }
        expected = {noun: counts for noun, counts in walk(lake, day).items() if counts[0]}
        assert {noun: found.get(noun) for noun in expected} == expected, day


def test_impact_lists_the_models_and_the_champion_among_them(asked: Project) -> None:
    found = answer("impact", FLIGHTS, "--partition", WRONG_DAY)

    assert [(model["as_of"], model["version"]) for model in found["models"]] == [
        (CHAMPION, 1),
        (ASKED_FOR, 2),
    ]
    assert [model["is_champion"] for model in found["models"]] == [False, True]
    assert found["reaches_champion"]
    by_first = len(asked.lake.read(PREDICTIONS, asked.lake.days_stored(PREDICTIONS)))
    assert found["models"][0]["predictions"] == by_first


def test_impact_of_a_day_after_all_training_reaches_no_model(asked: Project) -> None:
    text = command("impact", FLIGHTS, "--partition", "2013-02-10")

    assert "No model was trained on it." in text
    assert FEATURES in text


@pytest.mark.parametrize("question", ["prediction", "model", "impact"])
def test_trace_and_impact_do_not_import_dagster(
    asked: Project, prediction_id: str, question: str
) -> None:
    arguments = {
        "prediction": ["trace", "flight_delays", "--prediction", prediction_id],
        "model": ["trace", "flight_delays", "--model", "1"],
        "impact": ["impact", FLIGHTS, "--partition", WRONG_DAY],
    }[question]

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DAGSTER, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_trace_leads_from_a_prediction_to_its_release(asked: Project, prediction_id: str) -> None:
    found = answer("trace", "flight_delays", "--prediction", prediction_id)

    [row] = [
        row
        for row in asked.lake.read(PREDICTIONS, ["2013-02-02"]).to_dict("records")
        if row["prediction_id"] == prediction_id
    ]
    assert found["prediction"]["prediction"] == row["prediction"]
    assert found["model"]["as_of"] == CHAMPION
    assert found["model"]["version"] == 1
    assert found["model"]["model"]["content_hash"] == row["model_version"]
    assert found["features"]["content_hash"] == row["feature_version"]
    reported = [event["what"] for event in found["model"]["release"]]
    assert reported == ["decided: passed", "champion: version 1 by gates"]
    training = {read["table"]: read for read in found["model"]["training"]}
    assert training[FEATURES]["first"] == "2013-01-01"
    assert training[FEATURES]["last"] == "2013-01-31"
    assert {read["table"] for read in found["model"]["sources"]} == {
        FLIGHTS,
        "sources/weather",
        "sources/planes",
        "sources/airports",
    }
    for written in (found["written"], found["features"], found["model"]["model"]):
        assert written["run_id"]
        assert written["code_version"]
        assert written["is_current"]


def test_traced_source_rows_give_the_feature_row_again(asked: Project, prediction_id: str) -> None:
    """The source rows in the JSON are exactly those that were used."""
    found = trace_prediction(asked.lake, pipeline("flight_delays"), prediction_id)
    reported = answer("trace", "flight_delays", "--prediction", prediction_id)["sources"]
    said = feature_table(FEATURES)
    assert said is not None
    frames = {
        name: pd.DataFrame(of_json["rows"], columns=source.rows.columns)
        .astype(source.rows.dtypes.to_dict())
        .drop(columns=USED_FOR)
        for name, source, of_json in zip(said["inputs"], found.sources, reported, strict=True)
    }

    rows = flight_features([found.feature_row[DAY]], **frames, **said["parameters"])

    key = [found.feature_row[name] for name in ("time_hour", "carrier", "flight")]
    [again] = [
        row
        for row in rows.to_dict("records")
        if [row["time_hour"], row["carrier"], row["flight"]] == key
    ]
    for name, value in found.feature_row.items():
        assert again[name] == value or (value is None and pd.isna(again[name])), name


def test_trace_is_readable(asked: Project, prediction_id: str) -> None:
    text = command("trace", "flight_delays", "--prediction", prediction_id)

    for reported in (
        prediction_id,
        "version 1",
        "all 4 gates passed",
        "origin_late_rate_7d",
        FLIGHTS,
    ):
        assert reported in text


def test_trace_of_a_version_is_that_of_its_predictions(asked: Project, prediction_id: str) -> None:
    of_prediction = answer("trace", "flight_delays", "--prediction", prediction_id)

    assert answer("trace", "flight_delays", "--model", "1") == of_prediction["model"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["trace", "flight_delay", "--model", "1"],
            "Did you mean 'flight_delays'?",
            id="pipeline",
        ),
        pytest.param(["trace", "flight_delays", "--model", "9"], "Known: 1, 2.", id="version"),
        pytest.param(["trace", "flight_delays"], "--prediction ID or --model N", id="nothing"),
        pytest.param(
            ["trace", "flight_delays", "--prediction", "x"],
            "is not the ID of a prediction",
            id="no id",
        ),
        pytest.param(
            ["trace", "flight_delays", "--prediction", "2013-02-09-00"],
            "Known: 2013-02-01, 2013-02-02, 2013-02-03.",
            id="day without predictions",
        ),
        pytest.param(
            ["trace", "flight_delays", "--prediction", "2013-02-02-0000000000000000"],
            "Did you mean '2013-02-02-",
            id="unknown prediction",
        ),
        pytest.param(["impact", "sources/fligths"], "Did you mean 'sources/flights'?", id="table"),
        pytest.param(
            ["impact", FLIGHTS, "--partition", "2013-13-01"],
            "Did you mean '2013-01-01'?",
            id="partition",
        ),
        pytest.param(["impact", FLIGHTS], "choose one with --partition", id="no day"),
    ],
)
def test_unknown_names_are_refused_with_the_most_similar_one(
    asked: Project, arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(app, arguments)

    assert message in str(done.exception)
    assert done.exit_code == 1


def test_trace_shows_the_used_inputs_even_after_they_are_recomputed(
    retrained: Project,
) -> None:
    """The features changed since; the trace shows those that were used."""
    [read] = [
        read
        for read in retrained.lake.ledger.reads(PREDICTIONS, ["2013-02-02"])["2013-02-02"]
        if read.table == FEATURES
    ]
    chosen = retrained.lake.read(PREDICTIONS, ["2013-02-02"])["prediction_id"].iloc[0]
    before = answer("trace", "flight_delays", "--prediction", chosen)
    retrained.sql(
        "update flights set distance = distance + 1 where time_hour between ? and ?",
        "2013-02-02 05:00",
        "2013-02-03 04:59",
    )
    retrained.materialize(f'key:"{FLIGHTS}" or key:"{FEATURES}"', "2013-02-02")
    assert retrained.entries(FEATURES)["2013-02-02"].content_hash != read.content_hash

    found = answer("trace", "flight_delays", "--prediction", chosen)

    assert found["features"]["content_hash"] == read.content_hash
    assert not found["features"]["is_current"]
    assert found["feature_row"] == before["feature_row"]


@pytest.mark.slow
def test_provenance_equals_dagsters_and_survives_the_loss_of_its_event_log(
    retrained: Project, prediction_id: str
) -> None:
    records = {}
    for table in (FEATURES, PREDICTIONS, "flight_delays/training_dataset", "flight_delays/model"):
        for day, entry in retrained.entries(table).items():
            if entry.status is not Status.STORED:
                continue
            event = retrained.instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(table.split("/")), asset_partitions=[day]),
                limit=1,
            ).records[0]
            materialization = event.asset_materialization
            assert materialization is not None
            assert materialization.tags is not None
            records[table, day] = entry
            assert materialization.tags["dagster/data_version"] == entry.content_hash
            assert materialization.tags["dagster/code_version"] == entry.code_version
            assert event.run_id == entry.run_id
            reported = materialization.metadata["inputs"].value
            assert isinstance(reported, dict)
            reads = retrained.lake.ledger.reads(table, [day])[day]
            assert set(reported) == {read.table for read in reads}
            for read in reads:
                if read.version is not None:
                    assert reported[read.table]["table_version"] == read.version
            assert retrained.lake.provenance.run(entry.run_id) is not None
            assert retrained.lake.provenance.code(entry.code_version) is not None
    assert len(records) > 50
    before = answer("trace", "flight_delays", "--prediction", prediction_id)
    touched = answer("impact", FLIGHTS, "--partition", WRONG_DAY)

    for run in retrained.instance.get_runs():
        retrained.instance.delete_run(run.run_id)

    assert not retrained.instance.fetch_materializations(
        dg.AssetKey(["sources", "flights"]), 1
    ).records
    assert answer("trace", "flight_delays", "--prediction", prediction_id) == before
    assert answer("impact", FLIGHTS, "--partition", WRONG_DAY) == touched


@pytest.mark.slow
def test_a_quarantined_day_lists_blocked_days_and_its_repair_computes_them(
    project: Project, three_weeks: Path
) -> None:
    weather, features = "sources/weather", "flight_delays/flight_features"
    hours = ("2013-01-05 05:00", "2013-01-06 04:59")
    assert project.sql("delete from weather where time_hour between ? and ?", *hours)
    project.materialize_daily("2013-01-04...2013-01-07")

    found = answer("impact", weather, "--partition", "2013-01-05")

    assert found["state"].startswith("quarantined: no rows in the source")
    assert found["tables"] == []
    waiting = ["2013-01-05", "2013-01-06"]
    assert found["waiting"] == {features: waiting, "flight_delays/origin_state": waiting}
    file = Path("source_files", "weather", "2013-01-05.csv")
    shutil.copy(three_weeks / file, project.data / file)
    command("impact", weather, "--partition", "2013-01-05", "--apply")
    assert project.entries(features)["2013-01-05"].status is Status.STORED
    [day_before] = [
        read
        for read in project.lake.ledger.reads(features, ["2013-01-06"])["2013-01-06"]
        if (read.table, read.day) == (weather, "2013-01-05")
    ]
    assert day_before.content_hash == project.entries(weather)["2013-01-05"].content_hash
    assert answer("impact", weather, "--partition", "2013-01-05")["waiting"] == {}


@pytest.mark.slow
def test_a_wrong_day_is_repaired_and_nothing_else_is_computed_again(
    with_champion: Project,
) -> None:
    """After impact, correction and repair the data equals that of a project without the error."""
    undisturbed = _made(with_champion)
    _shift_delays(with_champion, 9)
    command("impact", FLIGHTS, "--partition", WRONG_DAY, "--apply", "--with-models")
    wrong = _made(with_champion)
    touched = answer("impact", FLIGHTS, "--partition", WRONG_DAY)
    expected = {(of["table"], day) for of in touched["tables"] for day in of["days"]}
    expected.add((FLIGHTS, WRONG_DAY))
    assert {model["as_of"] for model in touched["models"]} == {CHAMPION}
    entries = _entries(with_champion)

    _shift_delays(with_champion, -9)
    repair = answer("impact", FLIGHTS, "--partition", WRONG_DAY, "--plan")
    assert f'--assets \'key:"{FLIGHTS}"' in repair["repair"][0]
    command("impact", FLIGHTS, "--partition", WRONG_DAY, "--apply")
    assert with_champion.versions(*TRAINED) != {
        node: version for node, version in undisturbed.items() if node[0] in TRAINED
    }, "models are left as they are"
    _, *arguments = repair["left"]["command"].split()
    command(*arguments)

    assert _made(with_champion) == undisturbed
    assert wrong != undisturbed
    made_again = {
        node for node, count in _entries(with_champion).items() if count != entries.get(node)
    }
    assert {
        (table, day)
        for table, day in made_again
        if not table.startswith(("source_database/", "source_files/"))
    } <= expected
    assert ("flight_delays/release_decision", CHAMPION) in made_again
    reported = [
        event["what"] for event in answer("trace", "flight_delays", "--model", "1")["release"]
    ]
    assert "champion: version 1 by gates" in reported
    assert "champion: version 2 by gates" not in reported
    assert {
        touched["table"]
        for touched in answer("impact", FLIGHTS, "--partition", WRONG_DAY)["tables"]
        if touched["stale"]
    } <= {PREDICTIONS, DECISION}, "facts stay as they were made"


def _shift_delays(project: Project, minutes: int) -> None:
    """Shift the times of a day, an error that no contract detects."""
    changed = project.sql(
        "update flights set dep_delay = dep_delay + ?, arr_delay = arr_delay + ? "
        "where time_hour between ? and ?",
        minutes,
        minutes,
        f"{WRONG_DAY} 05:00",
        "2013-01-21 04:59",
    )
    assert changed > 500


def _made(project: Project) -> dict[tuple[str, str], str]:
    """Data versions of everything; integration tests measure anew each time, and cards quote them."""
    measured = (
        "source_database/",
        "source_files/",
        "flight_delays/integration_tests",
        "flight_delays/model_card",
    )
    return {
        node: version
        for node, version in project.versions().items()
        if not node[0].startswith(measured)
    }


def _entries(project: Project) -> dict[tuple[str, str], int]:
    """Table and day → number of its ledger entries."""
    ledger = project.lake.ledger
    counts = Counter(
        (entry.table, entry.day) for table in ledger.tables() for entry in ledger.history(table)
    )
    return {
        (entry.table, entry.day): counts[entry.table, entry.day]
        for entry in ledger.all_latest()
        if entry.table != LABELS or entry.status is Status.STORED
    }
