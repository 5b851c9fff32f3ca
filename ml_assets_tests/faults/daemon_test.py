"""The loop by itself: Dagster's real daemon processes a blizzard, and is killed at the worst moments.

Whatever happens to the daemon, a verdict to retrain becomes one finished training run, one release
decision and one champion, and every day ends with the data that processing it in one process gives.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from ml_assets import nouns
from ml_assets.cadence import Span, steps
from ml_assets.components.pipeline.stages import DAILY, TRAINING
from ml_assets.definitions import project_definitions
from ml_assets.defs.sources.load import advance, load
from ml_assets.orchestration.runs.requests import MAX_ATTEMPTS
from ml_assets.orchestration.runs.runs import project_instance
from ml_assets.settings import settings
from ml_assets.simulation.replay import replay
from ml_assets.workspace import Workspace
from ml_assets_tests.faults.daemon import (
    daemon_of,
    runs_of,
    statuses,
    stored_entries,
    units,
)
from ml_assets_tests.prepared import LOOP, assets
from ml_assets_tests.project import ROOT, Project, overridden

pytestmark = pytest.mark.slow

PIPELINE = "flight_delays"
REFERENCE_PIPELINE = "ml_assets_tests.reference_pipeline"
"""Code location of the daemon."""
FIRST_AS_OF = "2013-02-01"
"""As-of day of the first champion: trained on 1–10 January, tested on 18–31 January."""
QUIET_DAY = "2013-02-07"
"""Last day of the fixture; at most 11 features had drifted until then."""
BLIZZARD_DAY = "2013-02-08"
"""16 features have drifted by its evening."""
AS_OF = LAST_DAY = "2013-02-09"
"""As-of day of the model that the blizzard requires, and the first day that it scores."""

POLICY = {
    "name": "blizzard",
    "evaluation_window": "1d",
    "window_step": "1d",
    "windows": 1,
    "confirmations": 1,
    "min_labels": 200,
    "drifted_features": 14,
    "min_training_window": "5d",
    "cooldown": "5d",
}
INTERVALS = {
    "run_monitoring": {"poll_interval_seconds": 1, "start_timeout_seconds": 90},
    "run_queue": {"dequeue_interval_seconds": 1},
}
"""Changes to the project's ``dagster.yaml`` that shorten waits."""

FIRST_UNIT = f"{PIPELINE} retraining as of {FIRST_AS_OF}"
TRAINING_UNIT = f"{PIPELINE} retraining as of {AS_OF}"
DECISIONS = f"{PIPELINE}/retraining_decision"
RELEASES = f"{PIPELINE}/release_decision"
PERFORMANCE = assets(nouns.PERFORMANCE)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the policy; one for all projects, so that they have the same definitions."""
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(yaml.safe_dump(POLICY))
    return file


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_days: Path, policy: Path
) -> Iterator[Project]:
    """A project that has processed quiet days with its first champion."""
    home = tmp_path / "project"
    shutil.copytree(quiet_days, home)
    with opened(home, policy, monkeypatch) as project:
        yield project


@contextmanager
def opened(home: Path, policy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in a folder, with this process's settings pointing at it."""
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for section, values in INTERVALS.items():
        instance[section] = {**instance.get(section, {}), **values}
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance))
    for name, value in {
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": "500",
        "ML_ASSETS_DATA": str(data),
        "ML_ASSETS_COMPUTE_LOGS": str(data / "dagster" / "compute_logs"),
        "ML_ASSETS_RETRY_WAITS": "[]",
        "ML_ASSETS_SENSORS": "running",
        "ML_ASSETS_SENSOR_SECONDS": "1",
        "ML_ASSETS_PIPELINES": overridden(monitoring={"policy": str(policy)}),
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
    settings.cache_clear()
    with project_instance() as opened_instance:
        yield Project(data, project_definitions(), opened_instance)
    settings.cache_clear()


@pytest.fixture(scope="module")
def quiet_days(tmp_path_factory: pytest.TempPathFactory, policy: Path) -> Path:
    """Processed until ``QUIET_DAY``; copy it, do not change it."""
    home = tmp_path_factory.mktemp("quiet_days")
    with pytest.MonkeyPatch.context() as monkeypatch, opened(home, policy, monkeypatch) as project:
        load(project.systems, lambda table, done, total: None, QUIET_DAY)
        assert project.materialize_daily(f"2013-01-01...{QUIET_DAY}").succeeded
        process_span(project, FIRST_AS_OF, FIRST_AS_OF)
        assert project.materialize(LOOP, f"{FIRST_AS_OF}...{QUIET_DAY}").succeeded
    return home


@pytest.fixture(scope="module")
def undisturbed(
    quiet_days: Path, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], str]]:
    """All data versions after processing until ``LAST_DAY`` in one process, without a daemon."""
    home = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(quiet_days, home)
    with pytest.MonkeyPatch.context() as monkeypatch, opened(home, policy, monkeypatch) as project:
        advance(project.systems, LAST_DAY)
        assert project.materialize_daily(f"{BLIZZARD_DAY}...{LAST_DAY}").succeeded
        process_span(project, BLIZZARD_DAY, LAST_DAY)
        assert project.materialize(PERFORMANCE, f"{FIRST_AS_OF}...{LAST_DAY}").succeeded
        yield project.versions()


def process_span(project: Project, first: str, last: str) -> None:
    outcomes = replay(
        project.definitions,
        project.instance,
        PIPELINE,
        steps(Span(first, last), 1),
        lambda what: None,
    )
    assert [outcome.failed_steps for outcome in outcomes if not outcome.succeeded] == []


def is_decided(project: Project, table: str, day: str) -> bool:
    return bool(stored_entries(project, table, day))


def is_settled(project: Project, versions: dict[tuple[str, str], str]) -> bool:
    """Whether nothing is left to do: every data version is there and no run is under way."""
    if not is_decided(project, DECISIONS, LAST_DAY):
        return False
    is_busy = any(not run.is_finished for run in project.instance.get_runs())
    return not is_busy and project.versions() == versions


def assert_retrained_once(project: Project) -> None:
    """One finished run, one release decision and one champion, and the next day was scored by it."""
    assert statuses(runs_of(project, TRAINING_UNIT)).count("SUCCESS") == 1
    assert {unit for unit in units(project) if "retraining" in unit} == {
        FIRST_UNIT,
        TRAINING_UNIT,
    }
    assert len(stored_entries(project, RELEASES, AS_OF)) == 1
    decision = project.lake.read(RELEASES, [AS_OF]).iloc[0]
    assert decision["verdict"] == "passed", decision["reason"]
    assert decision["champion_as_of"] == FIRST_AS_OF
    champion = Workspace.of_environment().registry.with_alias(PIPELINE, "champion")
    assert champion is not None
    assert champion.fingerprint == decision["challenger"]
    predictions = project.lake.read(f"{PIPELINE}/predictions", [BLIZZARD_DAY, LAST_DAY])
    models = predictions.groupby("ds")["model_as_of"].unique().map(list).to_dict()
    assert models == {BLIZZARD_DAY: [FIRST_AS_OF], LAST_DAY: [AS_OF]}


def assert_a_rerun_changes_nothing(project: Project) -> None:
    """Materialize every stage of every processed day again, in this process."""
    before = project.versions()
    entries = stored_entries(project, RELEASES, AS_OF)
    assert project.materialize_daily(f"2013-01-01...{LAST_DAY}").succeeded
    process_span(project, BLIZZARD_DAY, LAST_DAY)
    scored = " or ".join(f'key:"{PIPELINE}/{noun}"' for noun in [*DAILY, nouns.RETRAINING_DECISION])
    assert project.materialize(scored, f"{FIRST_AS_OF}...{LAST_DAY}").succeeded
    trained = " or ".join(f'key:"{PIPELINE}/{noun}"' for noun in TRAINING)
    assert project.materialize(trained, AS_OF).succeeded
    assert project.versions() == before
    assert stored_entries(project, RELEASES, AS_OF) == entries


def verdict_is_stored(project: Project) -> bool:
    return is_decided(project, DECISIONS, BLIZZARD_DAY)


def training_is_under_way(project: Project) -> bool:
    return is_decided(project, f"{PIPELINE}/training_dataset", AS_OF)


def release_is_stored(project: Project) -> bool:
    return is_decided(project, RELEASES, AS_OF)


MOMENTS = [verdict_is_stored, training_is_under_way, release_is_stored]
"""After the verdict; in the training run; between its decision and the registry."""


def test_killed_at_the_worst_moments_of_a_blizzard_it_still_makes_one_new_champion(
    project: Project, undisturbed: dict[tuple[str, str], str]
) -> None:
    with daemon_of(project, REFERENCE_PIPELINE) as daemon:
        daemon.start()
        keep_message = f"flight_delays__retraining skipped: Decision of {QUIET_DAY}: keep."
        daemon.wait_until("the sensor has looked", lambda: keep_message in daemon.output())
        decisions = project.lake.read(DECISIONS).set_index("ds")
        assert set(decisions.loc[FIRST_AS_OF:, "verdict"]) == {"keep"}
        assert units(project) == {FIRST_UNIT}

        advance(project.systems, LAST_DAY)
        for is_reached in MOMENTS:
            daemon.wait_until(is_reached.__name__, partial(is_reached, project), pause=0.05)
            daemon.kill()
            assert not is_settled(project, undisturbed), "it was over before it could be killed"
            daemon.start()
        daemon.wait_until(
            "every data version of an undisturbed run is there",
            lambda: is_settled(project, undisturbed),
        )
    blizzard = project.lake.read(DECISIONS, [BLIZZARD_DAY]).iloc[0]
    assert (blizzard["verdict"], blizzard["rule"]) == ("retrain", "drifted_features")
    assert blizzard["as_of"] == AS_OF
    runs = runs_of(project, TRAINING_UNIT)
    assert set(statuses(runs)) == {"FAILURE", "SUCCESS"}
    assert len(runs) <= MAX_ATTEMPTS
    assert_retrained_once(project)
    assert_a_rerun_changes_nothing(project)
