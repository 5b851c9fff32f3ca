"""Projects that a case begins with: a week of features, and a sensor that keeps them up to date.

The sensor leaves out the five tables that only the service looks up: they are half of the work of a
day, and made by the same template as the others. ``whole_week`` has them.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from ml_assets.components import NewDays
from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets_tests.prepared import build_once, new_home, opened, opened_copy
from ml_assets_tests.project import ALL_DAILY, DAILY, DICTIONARIES, ROOT, Project
from ml_assets_tests.sensor_runs import NEW_DAYS

WEEK = "2013-01-02...2013-01-06"
"""Days that are extracted; the source has one more."""
LAST_IN_SOURCE = "2013-01-07"
FILE = ROOT / "ml_assets" / "defs" / "flight_delays" / "defs.yaml"
LOOKED_UP = f"({ALL_DAILY}) and not ({DAILY})"
TRAINED_FROM = ["flight_delays/flight_features", "flight_delays/flight_outcomes"]


@pytest.fixture(scope="session")
def short(definitions: dg.Definitions) -> dg.Definitions:
    """The project's definitions; the sensor of new days leaves out what only the service looks up."""
    [attributes] = [
        document["attributes"]
        for document in yaml.safe_load_all(FILE.read_text("utf-8"))
        if document["type"] == "ml_assets.components.NewDays"
    ]
    assert definitions.component_tree is not None
    made = NewDays.of({**attributes, "tables": TRAINED_FROM}, FILE).build(
        definitions.component_tree.load_context.for_path(FILE.parent)
    )
    others = [sensor for sensor in definitions.sensors or () if sensor.name != NEW_DAYS]
    return dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        sensors=[*others, *(made.sensors or ())],
        schedules=definitions.schedules,
        resources=definitions.resources,
        executor=definitions.executor,
    )


@pytest.fixture(scope="session")
def week_home(tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions) -> Path:
    """A few days of features; the source has one day more."""

    def build(home: Path) -> None:
        new_home(home)
        load(SourceSystems.below(home / "data"), lambda *reported: None, LAST_IN_SOURCE)
        with opened(home, definitions) as project:
            for selection, days in ((DICTIONARIES, None), (DAILY, WEEK)):
                outcome = project.materialize(selection, days)
                assert outcome.succeeded, outcome.failed_steps

    return build_once(tmp_path_factory, "week", build)


@pytest.fixture(scope="session")
def whole_week_home(
    tmp_path_factory: pytest.TempPathFactory, week_home: Path, definitions: dg.Definitions
) -> Path:
    """The same with the tables that the service looks up."""

    def build(home: Path) -> None:
        shutil.copytree(week_home, home)
        with opened(home, definitions) as project:
            outcome = project.materialize(LOOKED_UP, WEEK)
            assert outcome.succeeded, outcome.failed_steps

    return build_once(tmp_path_factory, "whole_week", build)


@pytest.fixture
def week(tmp_path: Path, week_home: Path, short: dg.Definitions) -> Iterator[Project]:
    """A project that has extracted the days of ``WEEK``."""
    with opened_copy(week_home, tmp_path / "home", short) as project:
        yield project


@pytest.fixture
def whole_week(
    tmp_path: Path, whole_week_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """The same with the tables that the service looks up, which its sensor keeps up to date too."""
    with opened_copy(whole_week_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def with_champion(tmp_path: Path, champion_home: Path, short: dg.Definitions) -> Iterator[Project]:
    """A project with a champion, three days that it scored, and a retraining that is due."""
    with opened_copy(champion_home, tmp_path / "home", short) as project:
        yield project


@pytest.fixture
def retrained(tmp_path: Path, retrained_home: Path, short: dg.Definitions) -> Iterator[Project]:
    """The same with the second champion."""
    with opened_copy(retrained_home, tmp_path / "home", short) as project:
        yield project
