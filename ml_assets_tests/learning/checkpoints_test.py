"""A checkpoint is used by its own training only, and never incomplete."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline

from ml_assets.learning.checkpoints import RECORD, Checkpoint, Checkpoints, training_key
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict, train

KEY = "key"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    """An empty folder of checkpoints."""
    return Checkpoints(tmp_path / "checkpoints" / "pipeline" / "model" / "2013-02-04")


@pytest.fixture
def pipeline(specification: ModelSpecification, dataset: pd.DataFrame) -> Pipeline:
    """A fitted pipeline."""
    return train(specification, dataset).pipeline


@pytest.fixture
def key(specification: ModelSpecification, dataset: pd.DataFrame) -> str:
    """The key of a training."""
    return training_key(specification, dataset, "code")


def names(checkpoints: Checkpoints) -> set[str]:
    return {file.name for file in checkpoints.folder.iterdir()}


def test_what_is_loaded_is_what_was_saved(
    checkpoints: Checkpoints,
    pipeline: Pipeline,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
) -> None:
    checkpoints.save(KEY, Checkpoint(5, pipeline))

    loaded = checkpoints.load(KEY)

    assert loaded is not None
    assert loaded.iterations == 5
    np.testing.assert_array_equal(
        predict(specification, loaded.pipeline, dataset), predict(specification, pipeline, dataset)
    )


def test_only_the_newest_is_kept(checkpoints: Checkpoints, pipeline: Pipeline) -> None:
    for iterations in (2, 4, 6):
        checkpoints.save(KEY, Checkpoint(iterations, pipeline))

    loaded = checkpoints.load(KEY)

    assert loaded is not None
    assert loaded.iterations == 6
    assert names(checkpoints) == {RECORD, "6.skops"}


def test_nothing_is_loaded_or_logged_without_a_checkpoint(
    checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    assert checkpoints.load(KEY) is None
    assert caplog.messages == []


def test_what_a_killed_write_leaves_behind_is_not_used_and_goes(
    checkpoints: Checkpoints, pipeline: Pipeline
) -> None:
    checkpoints.save(KEY, Checkpoint(2, pipeline))
    (checkpoints.folder / "4.skops").write_bytes(b"whole, but not recorded yet")
    (checkpoints.folder / ".6.skops.draft").write_bytes(b"half")

    loaded = checkpoints.load(KEY)
    checkpoints.save(KEY, Checkpoint(4, pipeline))

    assert loaded is not None
    assert loaded.iterations == 2
    assert names(checkpoints) == {RECORD, "4.skops"}


def test_checkpoint_of_another_training_is_ignored(
    checkpoints: Checkpoints, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints.save("another key", Checkpoint(2, pipeline))

    assert checkpoints.load(KEY) is None
    [message] = caplog.messages
    assert "ignored, training restarts: it belongs to other data, parameters or code" in message


def _cut(folder: Path) -> None:
    (folder / "2.skops").write_bytes((folder / "2.skops").read_bytes()[:200])


def _lose(folder: Path) -> None:
    (folder / "2.skops").unlink()


def _foreign(folder: Path) -> None:
    """Put a function into a checkpoint and update the hash."""
    content = skops.io.dumps(os.system)
    (folder / "2.skops").write_bytes(content)
    record = json.loads((folder / RECORD).read_text("utf-8"))
    record["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / RECORD).write_text(json.dumps(record), "utf-8")


def _record(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / RECORD).write_text(content, "utf-8")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(_cut, "its file was damaged or altered", id="file cut off"),
        pytest.param(_lose, "it is damaged (FileNotFoundError", id="file gone"),
        pytest.param(_foreign, "its file contains types outside the allow-list", id="foreign type"),
        pytest.param(_record("{"), "it is damaged (JSONDecodeError", id="record cut off"),
        pytest.param(_record("[]"), "it is damaged (TypeError", id="record is a list"),
        pytest.param(_record("{}"), "it is damaged (KeyError", id="record is empty"),
        pytest.param(
            _record(json.dumps({"key": KEY, "file": "../.."})),
            "it is damaged (IsADirectoryError",
            id="record names a folder",
        ),
    ],
)
def test_damaged_checkpoint_is_ignored(
    checkpoints: Checkpoints,
    pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    checkpoints.save(KEY, Checkpoint(2, pipeline))
    damage(checkpoints.folder)

    assert checkpoints.load(KEY) is None
    [message] = caplog.messages
    assert reason in message


def test_training_continues_if_no_checkpoint_can_be_written(
    tmp_path: Path, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    checkpoints = Checkpoints(tmp_path / "file" / "2013-02-04")

    checkpoints.save(KEY, Checkpoint(2, pipeline))

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "no checkpoint after 2 iterations" in record.message
    assert checkpoints.load(KEY) is None


def test_nothing_is_left_after_discarding(checkpoints: Checkpoints, pipeline: Pipeline) -> None:
    checkpoints.save(KEY, Checkpoint(2, pipeline))

    checkpoints.discard()
    checkpoints.discard()

    assert checkpoints.load(KEY) is None
    assert not checkpoints.folder.exists()


def test_key_is_that_of_equal_rows(
    specification: ModelSpecification, dataset: pd.DataFrame, key: str
) -> None:
    unused = dataset.assign(amount=0.0)

    assert training_key(specification, unused.copy(), "code") == key


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows.assign(minute=rows["minute"] + 1), id="an input"),
        pytest.param(lambda rows: rows.assign(late=1 - rows["late"]), id="the label"),
        pytest.param(lambda rows: rows.assign(minute=rows["minute"] * 1.0), id="a type"),
        pytest.param(lambda rows: rows.iloc[::-1], id="order of the rows"),
        pytest.param(lambda rows: rows.iloc[1:], id="a row fewer"),
    ],
)
def test_key_changes_with_the_rows(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    key: str,
    change: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    assert training_key(specification, change(dataset), "code") != key


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"hyperparameters": {"max_iter": 6}}, id="hyperparameters"),
        pytest.param({"numeric": ["delay", "minute"]}, id="order of the columns"),
        pytest.param({"checkpoint_every": 2}, id="slices"),
    ],
)
def test_key_changes_with_the_specification(
    specification: ModelSpecification, dataset: pd.DataFrame, key: str, changes: dict[str, object]
) -> None:
    other = replace(specification, **changes)  # type: ignore[arg-type]

    assert training_key(other, dataset, "code") != key


def test_key_changes_with_the_code(
    specification: ModelSpecification, dataset: pd.DataFrame, key: str
) -> None:
    assert training_key(specification, dataset, "other code") != key
