"""What a version is served by: compared, recorded beside the model, and refused if it differs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_assets.errors import ScorerMismatch, UnsafeModel
from ml_assets.learning import artifacts
from ml_assets.learning.artifacts import ModelStore, StoredModel
from ml_assets.learning.scorer.parity import UNSEEN
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import train
from ml_assets.registry.serving import SERVING, ServingRecord, ServingRecords, compared
from ml_assets_tests.learning.scorer.models import HELD_OUT, TRAINING, specified

BOOSTED = specified("sklearn.ensemble.HistGradientBoostingRegressor", "regression", max_iter=5)
RECORD = ServingRecord(served_by="treelite", reason="", rows=1000, distance=0)


class Folders:
    """A registry that knows where versions are."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str, version: int) -> Path:
        """Folder of a version."""
        return self.root / name / str(version)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[ModelSpecification], StoredModel]:
    """Trains, stores and loads a model."""
    store = ModelStore(tmp_path / "models")

    def load(specification: ModelSpecification) -> StoredModel:
        model = train(specification, TRAINING.assign(split="train"))
        store.save("shop/model", model)
        return store.load("shop/model", model.fingerprint, specification)

    return load


def with_scorer(model: StoredModel, change: Callable[[Scorer], Scorer]) -> StoredModel:
    """A copy of a model with another scorer."""
    other = replace(model)
    vars(other)["scorer"] = change(model.scorer)
    return other


@pytest.mark.parametrize(
    ("specification", "served_by", "reason"),
    [
        (BOOSTED, "treelite", ""),
        (specified("lightgbm.LGBMRegressor", "regression", n_estimators=5), "treelite", ""),
        (specified("xgboost.XGBRegressor", "regression", n_estimators=5), "xgboost", ""),
        (specified("sklearn.linear_model.Ridge", "regression"), "numpy", ""),
        (
            replace(BOOSTED, categorical=("origin",), text=("carrier",)),
            "scikit-learn",
            "carrier is free text",
        ),
    ],
    ids=["treelite", "lightgbm", "xgboost", "numpy", "scikit-learn"],
)
def test_a_loaded_model_is_served_as_it_was_trained(
    stored: Callable[[ModelSpecification], StoredModel],
    specification: ModelSpecification,
    served_by: str,
    reason: str,
) -> None:
    found = compared("shop", "2013-07-08", stored(specification), HELD_OUT)

    assert (found.served_by, found.reason, found.rows) == (served_by, reason, 1000)
    assert found.distance <= 1e-9
    assert found.shown["served by"] == served_by
    assert ("not by a scorer because" in found.shown) is bool(reason)


def test_a_model_whose_scorer_differs_is_not_staged(
    stored: Callable[[ModelSpecification], StoredModel],
) -> None:
    def change(scorer: Scorer) -> Scorer:
        def compute(columns: Any, count: int) -> np.ndarray:
            is_unseen = np.array([value == UNSEEN for value in columns["carrier"]])
            return scorer.compute(columns, count) + is_unseen

        return replace(scorer, compute=compute)

    with pytest.raises(ScorerMismatch) as refused:
        compared("shop", "2013-07-08", with_scorer(stored(BOOSTED), change), HELD_OUT)

    assert "Model shop as of 2013-07-08 is not staged: treelite predicts other" in str(
        refused.value
    )
    assert "carrier unseen: 62 of 62 rows differ" in str(refused.value)
    assert "'make setup'" in str(refused.value)


def test_nothing_is_staged_without_rows_to_compare(
    stored: Callable[[ModelSpecification], StoredModel],
) -> None:
    with pytest.raises(ScorerMismatch, match="has no test rows to compare"):
        compared("shop", "2013-07-08", stored(BOOSTED), HELD_OUT.head(0))


def test_a_scorer_that_differs_on_the_probe_predicts_nothing(
    stored: Callable[[ModelSpecification], StoredModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, built = stored(BOOSTED), artifacts.scorer_of

    def damaged(*of_model: Any) -> Scorer:
        scorer = built(*of_model)
        return replace(scorer, compute=lambda *rows: scorer.compute(*rows) * 1.001)

    monkeypatch.setattr(artifacts, "scorer_of", damaged)

    with pytest.raises(
        UnsafeModel, match=r"differs from its scikit-learn pipeline by .* make setup"
    ):
        _ = replace(model).scorer


def test_a_scorer_is_built_once(stored: Callable[[ModelSpecification], StoredModel]) -> None:
    assert stored(BOOSTED).scorer is stored(BOOSTED).scorer


def test_record_is_beside_the_model_and_gets_its_latency(tmp_path: Path) -> None:
    records = ServingRecords(Folders(tmp_path), "shop")
    assert records.of(1) is None
    records.add_latency(1, 0.2)
    assert records.of(1) is None

    records.write(1, RECORD)
    records.add_latency(1, None)
    assert records.of(1) == RECORD

    records.add_latency(1, 0.2)
    assert records.of(1) == RECORD.model_copy(update={"latency_p50_ms": 0.2})
    assert (tmp_path / "shop" / "1" / SERVING).is_file()


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    records = ServingRecords(Folders(tmp_path), "shop")
    records.write(1, RECORD)
    (tmp_path / "shop" / "1" / SERVING).write_text("{", "utf-8")

    assert records.of(1) is None
