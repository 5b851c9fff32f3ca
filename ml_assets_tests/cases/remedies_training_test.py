"""Remedies of a training that has too little to learn from or to be judged on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.definitions import project_definitions
from ml_assets.settings import settings
from ml_assets_tests.prepared import CHAMPION, assets, opened_copy
from ml_assets_tests.project import DAILY, DICTIONARIES, Project, overridden

OUTCOMES = 'key:"flight_delays/flight_outcomes"'
FEATURES = 'key:"flight_delays/flight_features"'
SOURCES = 'key:"sources/flights" or key:"sources/weather"'
TRAINED = assets("training_dataset", "model", "evaluation")
BROKEN = ("2013-01-28", "2013-01-31")
"""Four of the 31 days that a model learns from: no day after them is needed."""


@pytest.fixture
def features(tmp_path: Path, features_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project with six weeks of features and no model."""
    with opened_copy(features_home, tmp_path / "home", definitions) as project:
        yield project


def failure(project: Project) -> str:
    """What the training says."""
    outcome = project.materialize(TRAINED, CHAMPION)
    assert not outcome.succeeded
    return " ".join(outcome.failed_steps.values())


def break_days(project: Project) -> None:
    """Rows of some days of the window that no contract accepts, and the days computed again."""
    first, last = (int(day[-2:]) for day in BROKEN)
    changed = project.sql(
        "UPDATE flights SET distance = -distance WHERE month = 1 AND day BETWEEN ? AND ?",
        first,
        last,
    )
    assert changed > 1000
    days = "...".join(BROKEN)
    assert not project.materialize(SOURCES, days).succeeded
    assert not project.materialize(f"{FEATURES} or {OUTCOMES}", days).succeeded
    reported = failure(project)
    assert "of the 31 days to train on are missing or not usable (2013-01-28" in reported
    assert "more than the allowed 10%: repair and materialize them, or raise" in reported


def said_otherwise(environment: pytest.MonkeyPatch, **changes: object) -> None:
    """Change keys of the pipeline's ``defs.yaml``."""
    environment.setenv("ML_ASSETS_PIPELINES", overridden(**changes))
    settings.cache_clear()


@pytest.mark.slow
def test_missing_days_are_repaired_and_materialized(features: Project) -> None:
    break_days(features)

    features.sql("UPDATE flights SET distance = -distance WHERE distance < 0")
    assert features.materialize(DAILY, "...".join(BROKEN)).succeeded

    assert features.materialize(TRAINED, CHAMPION).succeeded


@pytest.mark.slow
def test_the_share_of_days_that_may_be_missing_is_raised(
    features: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_days(features)

    said_otherwise(monkeypatch, max_missing_share=0.3)
    raised = Project(features.data, project_definitions(), features.instance)

    assert raised.materialize(TRAINED, CHAMPION).succeeded


@pytest.mark.slow
def test_labels_of_the_test_window_are_materialized(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said_otherwise(monkeypatch, test_window="7d", validation_window="3d", max_missing_share=0.9)
    project = Project(project.data, project_definitions(), project.instance)
    project.materialize(DICTIONARIES)
    assert project.materialize(SOURCES, "2013-01-01...2013-01-21").succeeded
    assert project.materialize(FEATURES, "2013-01-02...2013-01-21").succeeded
    assert project.materialize(OUTCOMES, "2013-01-02...2013-01-13").succeeded
    trained = project.materialize(TRAINED, "2013-01-22")
    assert (
        "no label of the test window was known when the as-of day began: materialize features and "
        "labels of the days before it, or choose a later day"
    ) in " ".join(trained.failed_steps.values())

    assert project.materialize(OUTCOMES, "2013-01-14...2013-01-21").succeeded

    assert project.materialize(TRAINED, "2013-01-22").succeeded
