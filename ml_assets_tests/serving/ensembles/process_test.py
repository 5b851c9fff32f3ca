"""The service of an ensemble as a process: killed while a member is slow."""

import json
from pathlib import Path

import pytest

from ml_assets.workspace import Workspace
from ml_assets_tests.project import Project
from ml_assets_tests.serving.ensembles import process, world
from ml_assets_tests.serving.forks import forked
from ml_assets_tests.serving.processes import Load

pytestmark = pytest.mark.slow

KILLS = 3


def test_what_was_acknowledged_is_logged_after_kills_while_a_member_is_slow(
    project: Project, tmp_path: Path
) -> None:
    bodies = [json.dumps(row) for row in world.requests(project)]
    home, served = project.data.parent, tmp_path / "served"
    acknowledged = {}
    for kill in range(KILLS):
        with forked(home, process.serve, served, "with_moody") as service:
            load = Load(
                service.url, bodies, f"{world.SCORED}T12:00Z", path="/v1/with_moody/predict"
            )
            with load.from_clients(8):
                load.wait_for(20)
                (project.data / world.SLOW).touch()
                load.wait_for(60 + 13 * kill)
                service.kill()
        (project.data / world.SLOW).unlink()
        assert load.broken, "no request was open when the service was killed"
        assert {answer.status_code for answer in load.answers} == {200}
        acknowledged |= {one["event_id"]: one for one in (each.json() for each in load.answers)}

    entries = Workspace.of_environment().prediction_log.entries([*acknowledged])
    assert len(entries) == len(acknowledged) > 60 * KILLS
    failures = set()
    for event_id, answer in acknowledged.items():
        entry = entries[event_id]
        assert entry.ensemble is not None
        assert entry.ensemble.record() == answer["ensemble"]
        assert entry.prediction == {"prediction": answer["prediction"]}
        failures.add(entry.ensemble.members["moody"].failure)
    assert len(failures) == 3, "answered, late, and busy"
