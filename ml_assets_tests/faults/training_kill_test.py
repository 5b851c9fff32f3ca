"""A training killed with SIGKILL: run again, it resumes and ends with the same fingerprint.

The moments are random. Whatever they are, the outcome is the same; the seed that chose them is in
the message of a failure.
"""

import json
import logging
import pickle
import random
import re
import shutil
import signal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from ml_assets.learning.checkpoints import RECORD, Checkpoints
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import train
from ml_assets_tests.forks import DEADLINE_SECONDS, in_fork, kill_group, materializing, wait_until
from ml_assets_tests.prepared import ASKED_FOR, assets, opened
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

MODEL = "flight_delays/model"

SLICES, EVERY = 20, 5
SPECIFICATION = ModelSpecification(
    task="classification",
    estimator="sklearn.ensemble.HistGradientBoostingClassifier",
    label="late",
    numeric=["minute", "delay"],
    hyperparameters={"max_iter": SLICES * EVERY, "random_state": 0, "early_stopping": False},
    checkpoint_every=EVERY,
)


class Training:
    """A process that trains and tells its progress line by line.

    Attributes:
        process: the process.
    """

    def __init__(self, arguments: Path, checkpoints: Path) -> None:
        self._lines, telling = get_context("forkserver").Pipe(duplex=False)
        self.process = in_fork(arguments.parent, _train, telling, arguments, checkpoints)
        telling.close()

    def line(self) -> str:
        """The next line; an empty one after the last."""
        assert self._lines.poll(DEADLINE_SECONDS), f"no line in {DEADLINE_SECONDS} s"
        try:
            return str(self._lines.recv())
        except EOFError:
            return ""

    def lines(self) -> list[str]:
        """All further lines of a training that succeeds; the last line is the fingerprint."""
        found = list(iter(self.line, ""))
        self.process.join(DEADLINE_SECONDS)
        assert self.process.exitcode == 0, found
        return found


class _Told(logging.Handler):
    """Tells each message."""

    def __init__(self, telling: Connection) -> None:
        super().__init__()
        self._telling = telling

    def emit(self, record: logging.LogRecord) -> None:
        self._telling.send(record.getMessage())


def _train(telling: Connection, arguments: Path, checkpoints: Path) -> None:
    logging.basicConfig(level=logging.INFO, handlers=[_Told(telling)])
    specification, dataset = pickle.loads(arguments.read_bytes())
    telling.send(train(specification, dataset, Checkpoints(checkpoints), "code").fingerprint)


@pytest.fixture
def seed() -> int:
    """Another one in every run of the tests."""
    return random.SystemRandom().randrange(2**32)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with what the child process trains."""
    chance = np.random.default_rng(0)
    count = 5_000
    delay = chance.normal(10, 20, count)
    dataset = pd.DataFrame(
        {
            "minute": chance.integers(300, 1400, count),
            "delay": delay,
            "late": (delay + chance.normal(0, 10, count) > 15).astype("int64"),
            SPLIT: "train",
        }
    )
    file = tmp_path_factory.mktemp("arguments") / "arguments.pickle"
    file.write_bytes(pickle.dumps((SPECIFICATION, dataset)))
    return file


@pytest.fixture(scope="module")
def uninterrupted(arguments: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fingerprint of an uninterrupted training."""
    return Training(arguments, tmp_path_factory.mktemp("uninterrupted")).lines()[-1]


@pytest.mark.parametrize("earliest", [1, 6, 11], ids="in one of five slices from {}".format)
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(
    arguments: Path, uninterrupted: str, tmp_path: Path, seed: int, earliest: int
) -> None:
    chance = random.Random(seed)
    number = earliest + chance.randrange(5)
    training = Training(arguments, tmp_path / "checkpoints")
    while f"slice {number} of {SLICES}:" not in training.line():
        assert training.process.exitcode is None, f"it ended before slice {number} (seed {seed})"
    training.process.join(chance.uniform(0, 0.1))
    training.process.kill()
    training.process.join(DEADLINE_SECONDS)
    assert training.process.exitcode == -signal.SIGKILL, f"it was over (seed {seed})"

    resumed, *_, fingerprint = Training(arguments, tmp_path / "checkpoints").lines()

    assert fingerprint == uninterrupted, f"seed {seed}"
    done = re.fullmatch(r"resumed at (\d+) of 100 iterations", resumed)
    assert done, f"it did not resume (seed {seed}): {resumed}"
    assert int(done[1]) >= number * EVERY, f"a checkpoint was lost (seed {seed})"


def start_materializing(project: Project) -> BaseProcess:
    """Dagster's own command, in a process group of its own."""
    return materializing(
        project.data.parent, "--select", f'key:"{MODEL}"', "--partition", ASKED_FOR
    )


def run_log(project: Project) -> list[str]:
    """Messages of the newest run, as the UI shows them."""
    [run] = project.instance.get_runs(limit=1)
    return [entry.user_message for entry in project.instance.all_logs(run.run_id)]


def test_killed_run_resumes_its_training_and_stores_the_model_of_an_undisturbed_one(
    tmp_path: Path, features_home: Path, definitions: dg.Definitions, seed: int
) -> None:
    home = tmp_path / "undisturbed"
    shutil.copytree(features_home, home)
    with opened(home, definitions) as project:
        assert project.materialize(assets("training_dataset"), ASKED_FOR).succeeded
        shutil.copytree(home, tmp_path / "home")
        assert project.materialize(assets("model"), ASKED_FOR).succeeded
        undisturbed = project.versions(MODEL)

    with opened(tmp_path / "home", definitions) as project:
        checkpoints = project.data / "checkpoints" / MODEL / ASKED_FOR
        process = start_materializing(project)
        wait_until(process, (checkpoints / RECORD).exists)
        process.join(random.Random(seed).uniform(0, 0.1))
        kill_group(process)
        assert not project.versions(MODEL), f"the run was over before it was killed (seed {seed})"
        done = json.loads((checkpoints / RECORD).read_text("utf-8"))["iterations"]

        again = start_materializing(project)

        again.join(DEADLINE_SECONDS)
        assert again.exitcode == 0, f"seed {seed}"
        assert project.versions(MODEL) == undisturbed, f"seed {seed}"
        assert f"resumed at {done} of 120 iterations" in run_log(project), f"seed {seed}"
        assert not checkpoints.exists()
