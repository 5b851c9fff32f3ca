"""Models of LightGBM and XGBoost: the same at every fit, stored without pickle, refused if unsafe."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io

from ml_assets.errors import TrainingError, UnsafeModel
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.model_files import skops_files
from ml_assets.learning.model_files.boosters import detached
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel, predict, train
from ml_assets_tests.learning.elsewhere import Train

NAME = "flight_delays/model"
BOOSTED = {"n_estimators": 5, "random_state": 0}
LIGHTGBM, XGBOOST = "lightgbm.LGBMClassifier", "xgboost.XGBClassifier"
FILES = {LIGHTGBM: "booster_0.txt", XGBOOST: "booster_0.json"}

Change = Callable[[bytes], bytes]


@pytest.fixture(params=[LIGHTGBM, XGBOOST])
def boosted(
    request: pytest.FixtureRequest, specification: ModelSpecification
) -> ModelSpecification:
    """A small model of each library."""
    return replace(specification, estimator=request.param, hyperparameters=BOOSTED)


@pytest.fixture
def model(boosted: ModelSpecification, dataset: pd.DataFrame) -> FittedModel:
    """It trained."""
    return train(boosted, dataset)


@pytest.fixture
def folder(store: ModelStore, model: FittedModel) -> Path:
    """Its folder."""
    return store.save(NAME, model)


def record_as_stored(folder: Path) -> None:
    """Update the hashes in the record of altered files, as somebody who alters a model would."""
    record = json.loads((folder / "model.json").read_text("utf-8"))
    for file in record["files"]:
        if (folder / file).is_file():
            record["files"][file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(record), "utf-8")


def refusal(store: ModelStore, model: FittedModel, specification: ModelSpecification) -> str:
    """The message with which a model is refused."""
    with pytest.raises(UnsafeModel) as refused:
        store.load(NAME, model.fingerprint, specification)
    return str(refused.value)


def test_loaded_model_predicts_what_was_stored(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    boosted: ModelSpecification,
    dataset: pd.DataFrame,
) -> None:
    loaded = store.load(NAME, model.fingerprint, boosted)

    np.testing.assert_array_equal(
        predict(boosted, loaded.pipeline, dataset), predict(boosted, model.pipeline, dataset)
    )
    assert {file.name for file in folder.iterdir()} == {
        FILES[boosted.estimator],
        "model.json",
        "model.skops",
        "probe.parquet",
    }
    assert {*json.loads((folder / "model.json").read_text("utf-8"))["files"]} == {
        FILES[boosted.estimator],
        "model.skops",
        "probe.parquet",
    }


@pytest.mark.slow
def test_model_is_the_same_in_a_process_with_other_threads(
    boosted: ModelSpecification,
    dataset: pd.DataFrame,
    model: FittedModel,
    trained_elsewhere: Train,
) -> None:
    assert trained_elsewhere(boosted, dataset, "3") == model.fingerprint


def test_another_model_has_another_fingerprint(
    boosted: ModelSpecification, dataset: pd.DataFrame, model: FittedModel
) -> None:
    other = train(replace(boosted, hyperparameters={**BOOSTED, "max_depth": 1}), dataset)

    assert other.fingerprint != model.fingerprint


def _wrong_library(content: bytes) -> bytes:
    return b"tree\nversion=v4\n" if content.startswith(b"{") else b'{"learner": {}, "version": []}'


def _number(pattern: bytes, number: bytes) -> Change:
    """Replaces the first number after a text."""

    def change(content: bytes) -> bytes:
        before, found, after = content.partition(pattern)
        digits = len(after) - len(after.lstrip(b"-0123456789"))
        assert found
        assert digits
        return before + found + number + after[digits:]

    return change


ANY: dict[str, Change] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-20],
    "another format": _wrong_library,
    "binary": lambda _: bytes(range(256)) * 10,
    "followed by text": lambda content: content + b"\n[output_model: /etc/passwd]\n",
    "nested deeply": lambda _: b"[" * 100_000,
    "a million digits": lambda content: content.replace(b"1", b"1" * 1_000_000, 1),
}
OF_LIGHTGBM: dict[str, Change] = {
    "more leaves than values": _number(b"num_leaves=", b"2000000000"),
    "a feature that there is not": _number(b"split_feature=", b"2147483647"),
    "a negative feature": _number(b"split_feature=", b"-5"),
    "a child that there is not": _number(b"left_child=", b"99999"),
    "a circle of children": _number(b"left_child=", b"0"),
    "a leaf that there is not": _number(b"right_child=", b"-99999"),
    "trees elsewhere": _number(b"tree_sizes=", b"999999999"),
    "trees of a negative size": _number(b"tree_sizes=", b"-1"),
    "many classes": _number(b"num_class=", b"1000000"),
    "many outputs": _number(b"num_tree_per_iteration=", b"7"),
    "many features": _number(b"max_feature_idx=", b"100000"),
    "an unknown kind of split": _number(b"decision_type=", b"15"),
    "a categorical split": _number(b"decision_type=", b"1"),
    "linear leaves": _number(b"is_linear=", b"1"),
    "other classes in its objective": lambda content: content.replace(
        b"objective=binary sigmoid:1", b"objective=multiclass num_class:100000"
    ),
    "a shrinkage that is no number": _number(b"shrinkage=", b"x"),
    "digits of another script": _number(b"leaf_value=", "١".encode()),
    "a vertical tab": _number(b"internal_value=", b"\x0b1"),
    "paths": lambda content: content.replace(b"\nobjective=", b"\ndata=/etc/passwd\nobjective="),
}
OF_XGBOOST: dict[str, Change] = {
    "more nodes than values": _number(b'"num_nodes":"', b"2000000000"),
    "negative nodes": _number(b'"num_nodes":"', b"-1"),
    "a feature that there is not": _number(b'"split_indices":[', b"2147483647"),
    "a negative feature": _number(b'"split_indices":[', b"-5"),
    "a child that there is not": _number(b'"left_children":[', b"99999"),
    "a circle of children": _number(b'"left_children":[', b"0"),
    "a parent that there is not": _number(b'"parents":[2147483647,', b"77"),
    "a group that there is not": _number(b'"tree_info":[', b"9"),
    "more trees than there are": _number(b'"num_trees":"', b"900000"),
    "iterations beyond the trees": _number(b'"iteration_indptr":[', b"7"),
    "many features": _number(b'"num_feature":"', b"100000"),
    "many classes": _number(b'"num_class":"', b"1000000"),
    "leaves that are vectors": _number(b'"size_leaf_vector":"', b"9"),
    "a categorical split": _number(b'"split_type":[', b"1"),
    "an unknown booster": lambda content: content.replace(b'"gbtree"', b'"/etc/passwd"'),
    "an unknown objective": lambda content: content.replace(b'"binary:logistic"', b'"../../x"'),
}
HOSTILE = [
    *((library, name) for library in FILES for name in ANY),
    *((LIGHTGBM, name) for name in OF_LIGHTGBM),
    *((XGBOOST, name) for name in OF_XGBOOST),
]


@pytest.mark.parametrize(("library", "change"), HOSTILE)
def test_hostile_booster_is_refused_by_name_with_a_remedy(
    store: ModelStore,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    library: str,
    change: str,
) -> None:
    boosted = replace(specification, estimator=library, hyperparameters=BOOSTED)
    model = train(boosted, dataset)
    file = store.save(NAME, model) / FILES[library]
    known = ANY | (OF_LIGHTGBM if library == LIGHTGBM else OF_XGBOOST)
    altered = known[change](file.read_bytes())
    assert altered != file.read_bytes()
    file.write_bytes(altered)
    record_as_stored(file.parent)

    message = refusal(store, model, boosted)

    assert f"Booster file {file.name} of model {NAME}" in message
    assert "materialize the model again" in message
    assert len(message) < 500


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.target,)


def test_pickle_in_place_of_a_booster_is_not_executed(
    store: ModelStore, folder: Path, model: FittedModel, boosted: ModelSpecification, tmp_path: Path
) -> None:
    file = folder / FILES[boosted.estimator]
    file.write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
    record_as_stored(folder)

    message = refusal(store, model, boosted)

    assert file.name in message
    assert not (tmp_path / "executed").exists()


def test_altered_booster_is_refused_by_name(
    store: ModelStore, folder: Path, model: FittedModel, boosted: ModelSpecification
) -> None:
    file = folder / FILES[boosted.estimator]
    file.write_bytes(file.read_bytes() + b"\n")

    assert f"{file.name} of model {NAME} was altered" in refusal(store, model, boosted)
    assert not store.is_intact(NAME, model.fingerprint)
    store.save(NAME, model)
    store.load(NAME, model.fingerprint, boosted)


def test_huge_file_is_refused_without_reading_it(
    store: ModelStore, folder: Path, model: FittedModel, boosted: ModelSpecification
) -> None:
    file = folder / FILES[boosted.estimator]
    with file.open("ab") as stream:
        stream.truncate(skops_files.MAX_FILE_BYTES + 1)

    assert f"{file.name} of model {NAME}" in refusal(store, model, boosted)


def test_file_that_unpacks_to_something_huge_is_refused(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    boosted: ModelSpecification,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(skops_files, "MAX_FILE_BYTES", 1000)
    assert folder.is_dir()

    assert "model.skops" in refusal(store, model, boosted)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../../other/booster_0.txt", id="a path"),
        pytest.param("/etc/passwd", id="an absolute path"),
        pytest.param("booster_9.txt", id="a file that there is not"),
        pytest.param("model.skops", id="another file of the model"),
        pytest.param(7, id="a number"),
    ],
)
def test_other_names_of_a_booster_are_refused(
    store: ModelStore,
    folder: Path,
    model: FittedModel,
    boosted: ModelSpecification,
    name: object,
) -> None:
    without, _ = detached(model.pipeline)
    without.named_steps["estimator"]._Booster = name
    skops.io.dump(without, folder / "model.skops")
    record_as_stored(folder)

    assert str(name) in refusal(store, model, boosted)


def test_paths_in_the_record_are_refused(
    store: ModelStore, folder: Path, model: FittedModel, boosted: ModelSpecification
) -> None:
    record = json.loads((folder / "model.json").read_text("utf-8"))
    record["files"]["../../booster_0.txt"] = record["files"].pop(FILES[boosted.estimator])
    (folder / "model.json").write_text(json.dumps(record), "utf-8")

    assert "model.json" in refusal(store, model, boosted)


def test_linear_trees_are_refused_before_they_are_stored(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    wanted = replace(
        specification, estimator=LIGHTGBM, hyperparameters={**BOOSTED, "linear_tree": True}
    )

    with pytest.raises(TrainingError, match="leave linear_tree out"):
        train(wanted, dataset)


@pytest.mark.parametrize(
    ("estimator", "hyperparameters"),
    [
        pytest.param(LIGHTGBM, {"boosting_type": "dart"}, id="LightGBM, dropped trees"),
        pytest.param(
            LIGHTGBM,
            {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
            id="LightGBM, forest",
        ),
        pytest.param(
            LIGHTGBM, {"num_leaves": 2, "min_child_samples": 400}, id="LightGBM, no split"
        ),
        pytest.param(XGBOOST, {"booster": "dart"}, id="XGBoost, dropped trees"),
        pytest.param(XGBOOST, {"booster": "gblinear"}, id="XGBoost, linear"),
        pytest.param(XGBOOST, {"gamma": 50}, id="XGBoost, pruned"),
        pytest.param("xgboost.XGBRFClassifier", {}, id="XGBoost, forest"),
    ],
)
def test_every_kind_of_booster_is_stored_and_loaded(
    store: ModelStore,
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    estimator: str,
    hyperparameters: dict[str, object],
) -> None:
    wanted = replace(
        specification, estimator=estimator, hyperparameters={**BOOSTED, **hyperparameters}
    )
    model = train(wanted, dataset)
    store.save(NAME, model)

    loaded = store.load(NAME, model.fingerprint, wanted)

    np.testing.assert_array_equal(
        predict(wanted, loaded.pipeline, dataset), predict(wanted, model.pipeline, dataset)
    )
