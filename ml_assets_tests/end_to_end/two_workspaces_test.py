"""Definitions for two data folders in one process are independent of each other."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.cadence import Span
from ml_assets.definitions import project_definitions
from ml_assets.orchestration.resources import sensor_context
from ml_assets.orchestration.runs.runs import materialize, selected_assets
from ml_assets.settings import Settings, settings
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import CHAMPION, DECIDED, RELEASED, TRAINED, assets

pytestmark = pytest.mark.slow

STEPS = (TRAINED, DECIDED, RELEASED)
PIPELINE = "flight_delays"
TRAINED_FROM = assets("flight_features", "flight_outcomes")
LOOKING_BACK = "2013-01-05...2013-01-19"
"""Days whose features read flights of the first of them."""


class Side:
    """Definitions of one data folder, an instance for their runs, and what is stored."""

    def __init__(self, data: Path, instance: dg.DagsterInstance) -> None:
        self.workspace = Workspace(Settings(data=data))
        self.definitions = project_definitions(self.workspace.settings)
        self._instance = instance

    def materialize(self, selection: str, days: str) -> None:
        """Materialize assets; every step has to succeed."""
        keys = selected_assets(self.definitions, selection)
        done = materialize(self.definitions, self._instance, keys, Span.parse(days))
        assert done.succeeded, done.failed_steps

    def tick(self, sensor: str) -> str:
        """The name of the run that a sensor requests."""
        context = sensor_context(self.definitions, self._instance)
        reported = self.definitions.resolve_sensor_def(sensor).evaluate_tick(context)
        [request] = reported.run_requests or []
        return str(request.run_key)

    def stored(self) -> dict[str, list[str]]:
        """Table → content hashes of all its entries."""
        ledger = self.workspace.lake.ledger
        return {
            table: [entry.content_hash for entry in ledger.history(table)]
            for table in ledger.tables()
        }

    def champion(self) -> str:
        """Fingerprint of the champion in the registry."""
        found = self.workspace.registry.with_alias(PIPELINE, "champion")
        assert found is not None
        return found.fingerprint


@pytest.fixture
def open_side(
    tmp_path: Path, features_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Side]]:
    """Opens a data folder with six weeks of features; the environment names another one."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "of_environment"))
    settings.cache_clear()
    with ExitStack() as stack:

        def opened(name: str) -> Side:
            shutil.copytree(features_home / "data", tmp_path / name)
            runs = tmp_path / f"{name}_runs"
            runs.mkdir()
            instance = stack.enter_context(
                dg.DagsterInstance.local_temp(str(runs), {"telemetry": {"enabled": False}})
            )
            return Side(tmp_path / name, instance)

        yield opened
    settings.cache_clear()


def test_two_data_folders_in_one_process_are_independent(
    open_side: Callable[[str], Side], tmp_path: Path
) -> None:
    one, other = open_side("one"), open_side("other")
    with closing(sqlite3.connect(tmp_path / "other" / "source.db")) as source, source:
        source.execute("DELETE FROM flights WHERE month = 1 AND day = 5 AND flight = 15")
    other.materialize('key:"sources/flights"', "2013-01-05")
    other.materialize(TRAINED_FROM, LOOKING_BACK)
    for nouns in STEPS:
        for side, idle in ((one, other), (other, one)):
            before = idle.stored()
            side.materialize(assets(*nouns), CHAMPION)
            assert idle.stored() == before

    assert one.champion() != other.champion()
    assert one.stored().keys() == other.stored().keys()
    for side in (one, other):
        assert side.tick("flight_delays__days").startswith("flight_delays 2013-02-14, inputs")
    assert not (tmp_path / "of_environment" / "ledger.db").exists()
