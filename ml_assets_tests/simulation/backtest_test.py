"""Backtests: real child processes in folders of their own, beside a project that is not changed.

Covered: two policies over two weeks, what they write and where, that features are shared and the
project is not changed by a byte; results as JSON and taken again; and what is unknown.
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.definitions import project_definitions
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.settings import settings
from ml_assets.simulation.backtest import RESULT, run, shared_tables
from ml_assets.simulation.plans import BacktestPlan
from ml_assets.simulation.results import BacktestResult, save
from ml_assets_tests.prepared import PREDICTIONS, SCORED_DAYS, build_features, build_once, opened
from ml_assets_tests.project import Project, overridden

FIRST = "name: first\nmin_training_window: 10d\n"
"""Only a first model, as soon as the gates let one pass."""
GROWING = "name: growing\nmin_training_window: 10d\ndata_growth: 0.6\ncooldown: 5d\n"
"""A second one when there is clearly more to learn from."""


@dataclass(frozen=True)
class Replayed:
    """A completed backtest, and the state of the project before it."""

    project: Project
    plans: list[BacktestPlan]
    results: list[BacktestResult]
    events: list[tuple[str, int, int, str]]
    before: dict[str, str]


def files(folder: Path) -> dict[str, str]:
    """File → hash, of all files of the project but backtests."""
    with closing(sqlite3.connect(folder / "data" / "ledger.db")) as ledger:
        [entries] = ledger.execute("SELECT count(*) FROM ledger_entries").fetchone()
    return {"entries of the ledger": str(entries)} | {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and "backtests" not in file.parts
        and not file.name.endswith(("-shm", "-wal", ".lock"))
    }


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions
) -> Iterator[Project]:
    """Six weeks of features and no model."""
    features = build_once(
        tmp_path_factory, "features", lambda home: build_features(home, definitions)
    )
    home = tmp_path_factory.mktemp("backtest") / "home"
    shutil.copytree(features, home)
    with opened(home, definitions) as project:
        yield project


@pytest.fixture(scope="module")
def replayed(project: Project) -> Replayed:
    """Two policies over two weeks."""
    folder = project.data.parent
    plans = []
    for text in (FIRST, GROWING):
        file = folder / f"{text.split()[1]}.yaml"
        file.write_text(text, "utf-8")
        plans.append(BacktestPlan("flight_delays", "2013-02-01", "2013-02-14", 7, str(file)))
    before = files(folder)
    events: list[tuple[str, int, int, str]] = []
    results = run(plans, project_definitions, lambda *event: events.append(event))
    return Replayed(project, plans, results, events, before)


def test_each_policy_is_replayed(replayed: Replayed) -> None:
    first, growing = replayed.results

    assert [first.policy, growing.policy] == ["first", "growing"]
    assert not first.failures
    assert not growing.failures
    assert [(item["as_of"], item["release"]) for item in first.retrains] == [
        ("2013-02-01", "promoted")
    ]
    assert [(item["as_of"], item["release"]) for item in growing.retrains] == [
        ("2013-02-01", "promoted"),
        ("2013-02-08", "promoted"),
    ]
    assert "the training window has grown by 70%" in growing.retrains[1]["reason"]
    [of_first], [of_growing] = first.months, growing.months
    assert of_first["month"] == of_growing["month"] == "2013-02"
    assert of_first["rows"] == of_growing["rows"] > 10_000
    assert of_first["value"] < of_growing["value"]
    assert first.metric == "auc"
    assert first.mean == of_first["value"]
    assert first.not_scored == {}


def test_progress_of_each_policy_is_reported_to_its_end(replayed: Replayed) -> None:
    for policy in ("first", "growing"):
        of_policy = [event[1:] for event in replayed.events if event[0] == policy]
        assert of_policy == [
            (0, 3, "the first model"),
            (1, 3, "2013-02-01…2013-02-07"),
            (2, 3, "2013-02-08…2013-02-14"),
            (3, 3, "done"),
        ]


def test_the_project_is_not_changed(replayed: Replayed) -> None:
    assert files(replayed.project.data.parent) == replayed.before
    assert not replayed.project.entries("flight_delays/predictions")
    assert not (replayed.project.data / "models").exists()
    assert not (replayed.project.data / "mlflow.db").exists()


def test_features_are_shared_and_decisions_are_each_policys_own(replayed: Replayed) -> None:
    shared = shared_tables(replayed.project.definitions, "flight_delays")
    assert {"flight_delays/flight_features", "sources/flights"} <= set(shared)
    assert not {table for table in shared if "model" in table or "predictions" in table}
    root = replayed.project.data / "backtests" / "flight_delays"
    assert {folder.name for folder in root.iterdir()} == {"first", "growing"}
    for plan in replayed.plans:
        assert plan.folder.parent == root
        lake = plan.folder / "lake"
        assert {folder.name for folder in lake.iterdir()} == {"_lake", "flight_delays"}
        assert not (lake / "flight_delays" / "flight_features").exists()
        own = Lake(str(lake), Ledger(f"sqlite:///{plan.folder / 'ledger.db'}"))
        assert set(own.ledger.tables()) & set(shared) == set()
        predictions = own.read("flight_delays/predictions")
        current = replayed.project.entries("flight_delays/flight_features")
        assert set(predictions["feature_version"]) == {
            current[day].content_hash for day in predictions["ds"].unique()
        }
        assert not (plan.folder / "mlflow.db").exists()


def test_results_as_json_are_the_same(replayed: Replayed, tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"

    save(replayed.results, file)

    assert [
        BacktestResult(**item) for item in json.loads(file.read_text("utf-8"))
    ] == replayed.results
    for plan, result in zip(replayed.plans, replayed.results, strict=True):
        kept = json.loads((plan.folder / RESULT).read_text("utf-8"))
        assert kept == [asdict(result)]


def test_an_identical_backtest_is_not_replayed(replayed: Replayed) -> None:
    folder = replayed.project.data / "backtests"
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    events: list[tuple[str, int, int, str]] = []

    again = run(
        replayed.plans, project_definitions, lambda *event: events.append(event), reuse=True
    )

    assert again == replayed.results
    assert not events
    after = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    assert after == before


@pytest.mark.slow
def test_a_replay_in_the_project_is_repeated_only_when_its_tables_changed(
    with_champion: Project,
) -> None:
    file = with_champion.data.parent / "first.yaml"
    file.write_text(FIRST, "utf-8")
    first, last = SCORED_DAYS.split("...")
    plan = BacktestPlan("flight_delays", first, last, 7, str(file), in_project=True)
    events: list[tuple[str, int, int, str]] = []

    def replay() -> tuple[BacktestResult, int]:
        events.clear()
        [result] = run([plan], project_definitions, lambda *event: events.append(event), reuse=True)
        return result, len(events)

    result, steps = replay()
    assert steps == 3
    assert replay() == (result, 0)

    before = with_champion.versions(PREDICTIONS)
    with_champion.lake.open(PREDICTIONS).delete(f"ds = '{last}'")
    again, steps = replay()

    assert steps == 3
    assert with_champion.versions(PREDICTIONS) == before
    assert again.months == result.months


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        pytest.param(
            BacktestPlan("flight_delays", "2013-02-01", "2013-02-02", 7, "weekly"),
            r"'weekly' is neither a policy of flight_delays \(monthly, never, triggered\)",
            id="unknown policy",
        ),
        pytest.param(
            BacktestPlan("trains", "2013-02-01", "2013-02-02", 7, "never"),
            r"trains",
            id="unknown pipeline",
        ),
    ],
)
def test_error_names_the_unknown_policy_or_pipeline(
    project: Project, plan: BacktestPlan, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        run([plan], project_definitions, lambda *event: None)


def test_a_pipeline_that_is_not_daily_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    weekly = {"first": "2012-12-31", "last": "2013-12-29", "cadence": "weekly"}
    windows = {
        "window": "20w",
        "test_window": "4w",
        "validation_window": "1w",
        "drift_window": "1w",
        "labels": {"arrive_within": "1w"},
    }
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(days=weekly, as_of_days=None, **windows))
    settings.cache_clear()
    plan = BacktestPlan("flight_delays", "2013-02-04", "2013-02-11", 7, "never")

    with pytest.raises(ConfigurationError, match="flight_delays is weekly, but only daily"):
        plan.refuse_other_cadences()
    monkeypatch.undo()
    settings.cache_clear()
