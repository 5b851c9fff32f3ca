"""Model files: stored once, and refused when altered, foreign or a pickle."""

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from ml_assets.errors import UnsafeModel
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel, predict, train
from ml_assets.provenance.code import as_json

NAME = "flight_delays/model"


@pytest.fixture
def model(specification: ModelSpecification, dataset: pd.DataFrame) -> FittedModel:
    """A trained model."""
    return train(specification, dataset)


@pytest.fixture
def folder(store: ModelStore, model: FittedModel) -> Path:
    """The stored model's folder."""
    return store.save(NAME, model)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """File → bytes and time of writing."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_loaded_model_predicts_what_was_stored(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
) -> None:
    loaded = store.load(NAME, model.fingerprint, specification)

    assert folder == store.folder(NAME, model.fingerprint)
    np.testing.assert_array_equal(
        predict(specification, loaded.pipeline, dataset),
        predict(specification, model.pipeline, dataset),
    )


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.ensemble.HistGradientBoostingClassifier",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.linear_model.LogisticRegression",
    ],
)
def test_model_of_any_usual_estimator_is_stored_and_loaded(
    store: ModelStore,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    estimator: str,
) -> None:
    wanted = replace(
        specification, estimator=estimator, hyperparameters={"random_state": 0}, numeric=["minute"]
    )
    complete = dataset[dataset["carrier"] != "rare"]
    model = train(wanted, complete)
    store.save(NAME, model)

    loaded = store.load(NAME, model.fingerprint, wanted)

    np.testing.assert_array_equal(
        predict(wanted, loaded.pipeline, complete), predict(wanted, model.pipeline, complete)
    )


def test_saving_twice_changes_nothing(store: ModelStore, folder: Path, model: FittedModel) -> None:
    before = contents(store.root)

    again = store.save(NAME, model)

    assert again == folder
    assert contents(store.root) == before


def test_saving_again_repairs_the_model_and_leaves_what_others_wrote_beside_it(
    store: ModelStore, folder: Path, model: FittedModel, specification: ModelSpecification
) -> None:
    (folder / "model_card.md").write_text("A card")
    (folder / "model.skops").write_bytes(b"cut")
    (folder / "probe.parquet").unlink()

    store.save(NAME, model)

    assert store.load(NAME, model.fingerprint, specification) is not None
    assert (folder / "model_card.md").read_text() == "A card"


def test_saving_leaves_nothing_but_the_model(folder: Path) -> None:
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.json",
        "model.skops",
        "probe.parquet",
    ]
    record = json.loads((folder / "model.json").read_text("utf-8"))
    assert (record["fingerprint"], record["rows"]) == (folder.name, 300)
    assert set(record["files"]) == {"model.skops", "probe.parquet"}


def test_saving_at_the_same_time_leaves_one_model(
    store: ModelStore, model: FittedModel, specification: ModelSpecification
) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: store.save(NAME, model), range(4)))

    assert folders == {store.folder(NAME, model.fingerprint)}
    assert [*store.folder(NAME, model.fingerprint).parent.iterdir()] == [*folders]
    store.load(NAME, model.fingerprint, specification)


def test_model_that_is_not_there_is_named(
    store: ModelStore, specification: ModelSpecification
) -> None:
    with pytest.raises(UnsafeModel, match=f"{NAME} abc is not in"):
        store.load(NAME, "abc", specification)


def test_another_model_in_its_place_is_refused(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
) -> None:
    other = store.save(NAME, train(specification, dataset.assign(minute=1)))
    shutil.copytree(other, folder, dirs_exist_ok=True)

    with pytest.raises(UnsafeModel, match="was altered"):
        store.load(NAME, model.fingerprint, specification)

    assert not store.is_intact(NAME, model.fingerprint)
    store.save(NAME, model)
    store.load(NAME, model.fingerprint, specification)


def test_a_model_is_loaded_by_the_specification_that_it_was_trained_by(
    store: ModelStore, dataset: pd.DataFrame, specification: ModelSpecification
) -> None:
    columns = {"numeric": tuple(specification.numeric), "categorical": ()}
    first = replace(specification, **columns)
    model = train(first, dataset)
    store.save(NAME, model)
    later = replace(first, numeric=first.numeric[:1], hyperparameters={"max_iter": 3})

    loaded = store.load(NAME, model.fingerprint, later)

    assert as_json(loaded.specification) == as_json(first)
    expected = predict(first, model.pipeline, dataset)
    assert loaded.predict(dataset).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"label": "other"}, id="other values"),
        pytest.param({"numeric": None}, id="no list"),
        pytest.param({"password": "x"}, id="an unknown field"),
    ],
)
def test_a_changed_specification_in_a_models_record_is_refused(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    change: dict[str, object],
) -> None:
    file = folder / "model.json"
    record = json.loads(file.read_text("utf-8"))
    record["specification"] |= change
    file.write_text(json.dumps(record), "utf-8")

    with pytest.raises(UnsafeModel):
        store.load(NAME, model.fingerprint, specification)


def test_altered_probe_is_refused(
    store: ModelStore, folder: Path, model: FittedModel, specification: ModelSpecification
) -> None:
    model.probe.assign(minute=0, delay=50.0).to_parquet(folder / "probe.parquet")

    with pytest.raises(UnsafeModel):
        store.load(NAME, model.fingerprint, specification)


class Foreign:
    """A type that is not on the allow-list."""


@pytest.mark.parametrize(
    "content",
    [pytest.param(Foreign(), id="a class of ours"), pytest.param(os.system, id="a function")],
)
def test_foreign_types_are_refused_by_name(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    content: object,
) -> None:
    skops.io.dump({"model": content}, folder / "model.skops")
    record_as_stored(folder)

    with pytest.raises(UnsafeModel, match=r"outside the allow-list: .*(Foreign|system)"):
        store.load(NAME, model.fingerprint, specification)


def record_as_stored(folder: Path) -> None:
    """Alter a model and update the hashes in its record."""
    record = json.loads((folder / "model.json").read_text("utf-8"))
    content = (folder / "model.skops").read_bytes()
    record["files"]["model.skops"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(record), "utf-8")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _without_schema(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("other.json", "{}")


def _alter(file: Path, is_altered: Callable[[np.ndarray], bool]) -> None:
    """Turn the bits of the last values of every array to alter."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, content in members.items():
        if name.endswith(".npy") and is_altered(np.load(io.BytesIO(content))):
            members[name] = content[:-8] + bytes(255 - byte for byte in content[-8:])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _alter_trees(file: Path) -> None:
    _alter(file, lambda array: array.dtype.names is not None)


def _alter_thresholds(file: Path) -> None:
    _alter(file, lambda array: array.dtype == "float64" and array.size > 20)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_cut, id="cut off"),
        pytest.param(_empty, id="empty"),
        pytest.param(_without_schema, id="without a schema"),
        pytest.param(_alter_trees, id="altered trees"),
        pytest.param(_alter_thresholds, id="altered values that the probe does not meet"),
    ],
)
def test_altered_file_is_refused(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    damage: Callable[[Path], None],
) -> None:
    damage(folder / "model.skops")

    with pytest.raises(UnsafeModel):
        store.load(NAME, model.fingerprint, specification)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.target,)


def test_pickle_renamed_to_a_model_is_refused_and_not_executed(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    tmp_path: Path,
) -> None:
    payload, proof = pickle.dumps(Payload(tmp_path / "executed")), tmp_path / "proof"
    (folder / "model.skops").write_bytes(payload)

    with pytest.raises(UnsafeModel):
        store.load(NAME, model.fingerprint, specification)

    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(Payload(proof)))
    assert proof.exists(), "the payload works when it is unpickled"


def test_pickled_array_inside_a_model_is_not_executed(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    specification: ModelSpecification,
    tmp_path: Path,
) -> None:
    file = folder / "model.skops"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    array = tmp_path / "array.npy"
    np.save(array, np.array([Payload(tmp_path / "executed")], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, array.read_bytes() if name.endswith(".npy") else content)

    with pytest.raises(UnsafeModel):
        store.load(NAME, model.fingerprint, specification)

    assert not (tmp_path / "executed").exists()
