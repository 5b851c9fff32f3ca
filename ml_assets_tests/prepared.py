"""Projects with some days processed: built once for a whole test run, and copied by each test.

Six weeks of features; the first champion, as of ``CHAMPION``, is trained on ten days and registered.
``SCORED_DAYS`` are scored, monitored and decided on; the last of them decides to retrain.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.cadence import Span
from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.learning.specification import ModelSpecification
from ml_assets.orchestration.resources import sensor_context
from ml_assets.orchestration.runs.runs import (
    PARTITION,
    RANGE_END,
    RANGE_START,
    RunOutcome,
    materialize,
    project_instance,
)
from ml_assets.orchestration.storage.instance import BatchingSqliteStorage
from ml_assets.settings import settings
from ml_assets_tests.project import ROOT, Project

LAST_DAY = "2013-02-14"
CHAMPION = "2013-02-01"
"""As-of day of the first champion: days before it do not pass the gates."""
SCORED_DAYS = "2013-02-01...2013-02-03"
ASKED_FOR = "2013-02-04"
"""As-of day of the retraining that the last scored day decides; its model is promoted."""
BLOCKED = "2013-02-03"
"""As-of day of a model that the gates block."""

TWO_WEEKS = "2013-01-02...2013-01-16"

FEATURES = "flight_delays/flight_features"
PREDICTIONS, LABELS = "flight_delays/predictions", "flight_delays/labels"
PERFORMANCE, DECISION = "flight_delays/performance", "flight_delays/retraining_decision"
RELEASE, REGISTERED = "flight_delays/release_decision", "flight_delays/registered_model"


def assets(*nouns: str) -> str:
    """Selection of some of the pipeline's assets."""
    return " or ".join(f'key:"flight_delays/{noun}"' for noun in nouns)


SCORED = (
    "predictions",
    "labels",
    "performance",
    "performance_report",
    "likely_causes",
    "feature_profile",
    "drift_report",
    "retraining_decision",
)
LOOP = assets(*SCORED)
TRAINED = ("training_dataset", "model")
EVIDENCE = ("comparison", "fairness")
DECIDED = ("evaluation", "feature_reference", *EVIDENCE, "release_decision")
RELEASED = (
    "approvals",
    "registered_model",
    "staging_model",
    "integration_tests",
    "model_card",
    "champion",
)
TRAINING = assets(*TRAINED, *DECIDED, *RELEASED)


def specification() -> ModelSpecification:
    """The model specification of ``defs.yaml``."""
    import yaml

    text = (ROOT / "ml_assets" / "defs" / "flight_delays" / "defs.yaml").read_text("utf-8")
    attributes = list(yaml.safe_load_all(text))[-1]["attributes"]
    return ModelSpecification(
        task=attributes["estimator"]["task"],
        estimator=attributes["estimator"]["path"],
        label=attributes["labels"]["column"],
        numeric=tuple(attributes["estimator"]["numeric"]),
        categorical=tuple(attributes["estimator"]["categorical"]),
        hyperparameters=dict(sorted(attributes["estimator"]["hyperparameters"].items())),
    )


def new_home(folder: Path) -> Path:
    """A folder that becomes the home of a project: its ``dagster.yaml``, and ``data`` without files."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster.yaml")
    return folder


@cache
def _empty_instance() -> Mapping[Path, bytes]:
    """File → content, of an instance of Dagster without runs.

    To create it takes six times as long as to open it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        BatchingSqliteStorage(name).dispose()
        files = [file for file in folder.rglob("*") if file.is_file()]
        return {file.relative_to(folder): file.read_bytes() for file in files}


def _prepare_instance(folder: Path) -> None:
    """Put the files of an empty instance into a folder, unless it exists."""
    if folder.exists():
        return
    for name, content in _empty_instance().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@contextmanager
def opened(home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """The project in a folder, with settings and environment of its own."""
    data = home / "data"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        environment.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
        environment.setenv("ML_ASSETS_DATA", str(data))
        environment.setenv("ML_ASSETS_COMPUTE_LOGS", str(data / "dagster" / "compute_logs"))
        environment.setenv("ML_ASSETS_RETRY_WAITS", "[]")
        environment.setenv("ML_ASSETS_SENSORS", "stopped")
        environment.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
        settings.cache_clear()
        _prepare_instance(data / "dagster")
        with project_instance() as instance:
            yield Project(data, definitions, instance)
    settings.cache_clear()


@contextmanager
def opened_copy(prepared: Path, folder: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A copy of a prepared project in a folder, opened."""
    shutil.copytree(prepared, folder)
    with opened(folder, definitions) as project:
        yield project


def build_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder that the first test process fills and all others share; do not change it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home, draft = base / name, base / f"{name}-draft"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            shutil.rmtree(draft, ignore_errors=True)
            build(draft)
            draft.replace(home)
    return home


def build_two_weeks(home: Path, definitions: dg.Definitions, source: Path) -> None:
    """Sources and features of ``TWO_WEEKS``, of source systems in a data folder."""
    shutil.copytree(source, new_home(home) / "data", dirs_exist_ok=True)
    with opened(home, definitions) as project:
        _succeeds(project.materialize_daily(TWO_WEEKS))


def build_features(home: Path, definitions: dg.Definitions) -> None:
    """Sources and features of six weeks."""
    new_home(home)
    load(SourceSystems.below(home / "data"), lambda *_: None, LAST_DAY)
    with opened(home, definitions) as project:
        _succeeds(project.materialize_daily(f"2013-01-01...{LAST_DAY}"))


def build_champion(home: Path, definitions: dg.Definitions, features: Path) -> None:
    """A champion and three days that it scored."""
    shutil.copytree(features, home)
    with opened(home, definitions) as project:
        _succeeds(project.materialize(TRAINING, CHAMPION))
        _succeeds(project.materialize(LOOP, SCORED_DAYS))


def build_retrained(home: Path, definitions: dg.Definitions, champion: Path) -> None:
    """The retraining that the last scored day decided, requested by the sensor."""
    shutil.copytree(champion, home)
    with opened(home, definitions) as project:
        [request] = tick(project, "flight_delays__retraining").requests
        _succeeds(run(project, request))


def build_measured(home: Path, definitions: dg.Definitions, champion: Path) -> None:
    """The champion's successor, trained and measured."""
    shutil.copytree(champion, home)
    with opened(home, definitions) as project:
        _succeeds(project.materialize(assets(*TRAINED, "evaluation", *EVIDENCE), ASKED_FOR))


def build_waiting(home: Path, definitions: dg.Definitions, champion: Path) -> None:
    """A challenger that the gates reject."""
    shutil.copytree(champion, home)
    with opened(home, definitions) as project:
        _succeeds(project.materialize(TRAINING, BLOCKED))


@dataclass(frozen=True)
class Tick:
    """Result of a sensor tick."""

    requests: list[dg.RunRequest]
    reason: str


def tick(project: Project, sensor: str) -> Tick:
    """One tick of a sensor, as the daemon would do it."""
    context = sensor_context(project.definitions, project.instance)
    result = project.definitions.resolve_sensor_def(sensor).evaluate_tick(context)
    return Tick(list(result.run_requests or []), result.skip_message or "")


def span_of(request: dg.RunRequest) -> Span | None:
    """The days of a requested run."""
    if RANGE_START in request.tags:
        return Span(request.tags[RANGE_START], request.tags[RANGE_END])
    day = request.tags.get(PARTITION)
    return Span(day, day) if day else None


def run(project: Project, request: dg.RunRequest) -> RunOutcome:
    """Execute the runs that a sensor requests."""
    keys = set(request.asset_selection or [])
    return materialize(
        project.definitions, project.instance, keys, span_of(request), dict(request.tags)
    )


def nouns_of(request: dg.RunRequest) -> list[str]:
    """Second parts of the asset keys of a requested run."""
    return [key.path[-1] for key in request.asset_selection or []]


def _succeeds(outcome: RunOutcome) -> None:
    assert outcome.succeeded, outcome.failed_steps
