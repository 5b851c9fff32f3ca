"""Integration tests of a staged model: each defect fails its test."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ml_assets.contracts.validation import validate
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.model_files.boosters import model_files
from ml_assets.learning.specification import ModelSpecification, build
from ml_assets.learning.training import FittedModel, fingerprint, predict, train
from ml_assets.registry import integration, integration_process, latency
from ml_assets.registry.integration import IntegrationTest, StagingRules, integration_tests
from ml_assets.registry.integration_request import REGISTRY_URL, RESULTS, IntegrationResult, Request
from ml_assets.registry.store import STAGING, Registry
from ml_assets_tests.project import ROOT

BOOSTED = ModelSpecification(
    task="classification",
    estimator="sklearn.ensemble.HistGradientBoostingClassifier",
    label="late",
    numeric=("minute", "delay"),
    categorical=("carrier", "origin"),
    hyperparameters={"max_iter": 5, "random_state": 0, "early_stopping": False},
)
REGRESSION = replace(
    BOOSTED,
    task="regression",
    estimator="sklearn.ensemble.HistGradientBoostingRegressor",
    label="amount",
)
CONSTANT = replace(REGRESSION, estimator="sklearn.dummy.DummyRegressor", hyperparameters={})

MULTICLASS = replace(BOOSTED, task="multiclass", label="size", classes=("small", "large", "medium"))

LOADS, MEMORY, SIGNATURE, GOLDEN, MISSING, UNSEEN, EQUALS, LATENCY = integration_process.TESTS
ALL = set(integration_process.TESTS)

TABLE = "shop/model"


def _rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    count = 300
    delay = np.where(random.random(count) < 0.1, np.nan, random.integers(-10, 60, count))
    carrier = pd.Series(random.choice(["UA", "DL"], count), dtype="str")
    return pd.DataFrame(
        {
            "carrier": carrier.mask(random.random(count) < 0.1),
            "origin": pd.Series(random.choice(["JFK", "EWR"], count), dtype="str"),
            "minute": random.integers(300, 1400, count),
            "delay": delay,
            "late": (np.nan_to_num(delay) + random.normal(0, 10, count) > 30).astype("int64"),
            "amount": random.random(count) * 1000,
            "size": np.select([delay < 10, delay < 30], ["small", "medium"], "large"),
            "split": "train",
        }
    )


ROWS = _rows()


@pytest.fixture
def _process_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may fork it."""
    monkeypatch.setattr(integration, "MODULE", integration_process.__name__)


@dataclass(frozen=True)
class Registered:
    """A registry with a staged model, and the request of its tests."""

    registry: Registry
    request: Request
    model: FittedModel

    def run(self, folder: Path, **changes: object) -> dict[str, IntegrationResult]:
        """Run the tests in this process."""
        folder.mkdir()
        replace(self.request, **changes).write(folder)
        integration_process.main(folder)
        lines = (folder / RESULTS).read_text("utf-8").splitlines()
        return {result.test: result for result in map(IntegrationResult.model_validate_json, lines)}

    def run_in_process(self, **rules: float) -> tuple[pd.DataFrame, dict[str, float]]:
        """Run the tests as the project does."""
        return integration_tests(
            self.registry,
            self.request.name,
            self.request.specification,
            self.request.fingerprint,
            self.request.requests,
            self.request.predictions,
            self.request.probe,
            StagingRules(**{"latency_ms": 500, **rules}),
        )


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry's database; copy it, as making it takes seconds."""
    folder = tmp_path_factory.mktemp("registry")
    Registry(f"sqlite:///{folder / 'mlflow.db'}", ModelStore(folder / "models")).relocate()
    return folder / "mlflow.db"


@pytest.fixture
def staged(
    tmp_path: Path, empty_registry: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Registered]:
    """Trains a model, registers and stages it; ``change`` alters the pipeline after fitting."""
    monkeypatch.setattr(latency, "TIMED", 5)  # latency_test shows how it is measured
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", ModelStore(tmp_path / "models"))
    monkeypatch.setenv(REGISTRY_URL, registry.url.render_as_string(hide_password=False))

    def stage(
        specification: ModelSpecification = BOOSTED,
        change: Callable[[Pipeline], Pipeline] = lambda pipeline: pipeline,
        example: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
    ) -> Registered:
        model = train(specification, ROWS)
        pipeline = change(model.pipeline)
        found = fingerprint(specification, pipeline, model.probe)
        files, _ = model_files(pipeline)
        model = replace(model, pipeline=pipeline, fingerprint=found, files=files)
        requests = ROWS[specification.features].head(20)
        predictions = predict(specification, pipeline, requests)
        registry.models.save(TABLE, model)
        registry.register(
            "shop",
            pipeline,
            fingerprint=found,
            as_of="2013-07-08",
            example=example(requests),
            predictions=predictions,
        )
        registry.set_alias("shop", STAGING, found)
        request = Request(
            name="shop",
            models=registry.models.root,
            specification=specification,
            fingerprint=found,
            latency_ms=500,
            memory_mib=512,
            requests=requests,
            predictions=predictions,
            probe=model.probe,
        )
        return Registered(registry, request, model)

    return stage


def failed(results: dict[str, IntegrationResult]) -> set[str]:
    """Names of the tests that did not pass; each has a result."""
    assert results.keys() == ALL
    return {name for name, result in results.items() if not result.passed}


@pytest.mark.parametrize(
    "specification",
    [
        BOOSTED,
        REGRESSION,
        MULTICLASS,
        replace(BOOSTED, numeric=["minute", "delay"], categorical=["carrier"]),
        replace(BOOSTED, categorical=("origin",), text=("carrier",)),
    ],
    ids=["classification", "regression", "multiclass", "lists", "text"],
)
def test_an_intact_model_passes_with_the_same_words_every_time(
    staged: Callable[..., Registered], tmp_path: Path, specification: ModelSpecification
) -> None:
    registered = staged(specification)

    first, second = (registered.run(tmp_path / number) for number in "12")

    assert failed(first) == set()
    assert {name: result.finding for name, result in first.items()} == {
        name: result.finding for name, result in second.items()
    }
    assert first[LATENCY].figures["latency_p50_ms"] <= first[LATENCY].figures["latency_p95_ms"]
    assert all(result.finding for result in first.values())


# The alias and the file


def test_alias_of_another_version_fails_all(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    wanted = staged(BOOSTED)
    other = staged(REGRESSION)

    results = wanted.run(tmp_path / "run")

    assert failed(results) == ALL
    assert results[LOADS].finding == (
        f"Alias staging of model shop has fingerprint {other.request.fingerprint}, expected "
        f"fingerprint {wanted.request.fingerprint}. Stage the model again."
    )


def test_a_model_that_is_not_staged_fails_all(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    results = staged().run(tmp_path / "run", name="other")

    assert failed(results) == ALL
    assert "has no version" in results[LOADS].finding


def test_altered_file_is_not_loaded(staged: Callable[..., Registered], tmp_path: Path) -> None:
    registered = staged()
    file = registered.registry.folder("shop", 1) / "model.skops"
    file.write_bytes(file.read_bytes() + b"\0")

    results = registered.run(tmp_path / "run")

    assert failed(results) == ALL - {SIGNATURE}
    assert "altered after it was stored" in results[LOADS].finding


def test_another_model_under_the_same_fingerprint_is_found_out(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    registered = staged()
    models, fingerprint = registered.registry.models, registered.request.fingerprint
    shutil.rmtree(models.folder(TABLE, fingerprint))
    other = train(replace(BOOSTED, hyperparameters={"max_iter": 2}), ROWS)
    models.save(TABLE, replace(other, fingerprint=fingerprint))

    results = registered.run(tmp_path / "run")

    assert failed(results) == ALL
    assert f"expected {fingerprint}" in results[LOADS].finding


def test_another_probe_gives_another_fingerprint(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    registered = staged()

    results = registered.run(tmp_path / "run", probe=registered.request.probe.head(5))

    assert failed(results) == {EQUALS}


# The signature


@pytest.mark.parametrize(
    ("example", "finding"),
    [
        (lambda rows: rows.assign(extra=1.0), "delay, extra; expected"),
        (lambda rows: rows[rows.columns[::-1]], "registered are delay, minute, origin, carrier;"),
        (lambda rows: rows.drop(columns="delay"), "origin, minute; expected"),
        (lambda rows: rows.assign(delay="late"), "delay is registered as string, expected boolean"),
        (lambda rows: rows.assign(carrier=1), "carrier is registered as long, expected string"),
    ],
    ids=["extra column", "other order", "lost column", "text for number", "number for text"],
)
def test_another_signature(
    staged: Callable[..., Registered],
    tmp_path: Path,
    example: Callable[[pd.DataFrame], pd.DataFrame],
    finding: str,
) -> None:
    results = staged(example=example).run(tmp_path / "run")

    assert failed(results) == {SIGNATURE}
    assert finding in results[SIGNATURE].finding


# Predictions


def _off_by_little(predictions: np.ndarray) -> np.ndarray:
    return predictions + np.where(np.arange(len(predictions)) == 7, 1e-8, 0)


def _undefined(predictions: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(predictions)) == 7, np.nan, predictions)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (_off_by_little, "1 of 20"),
        (_undefined, "1 of 20"),
        (lambda predictions: predictions[:1], "20 of 20"),
        (lambda predictions: 1 - predictions, "20 of 20"),
    ],
    ids=["off by little", "undefined", "one for all", "other class"],
)
def test_other_golden_predictions(
    staged: Callable[..., Registered],
    tmp_path: Path,
    change: Callable[[np.ndarray], np.ndarray],
    wrong: str,
) -> None:
    registered = staged()

    results = registered.run(
        tmp_path / "run", predictions=change(registered.request.predictions.copy())
    )

    assert failed(results) == {GOLDEN}
    for way in ("in a batch", "one at a time"):
        assert f"{way}, {wrong} predictions differ from" in results[GOLDEN].finding


def without_imputation() -> Pipeline:
    """A factory."""
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=0))


def test_a_model_that_refuses_missing_values(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    wanted = replace(
        BOOSTED,
        estimator=f"{__name__}.without_imputation",
        numeric=["minute"],
        categorical=[],
        hyperparameters={},
    )
    results = staged(wanted).run(tmp_path / "run")

    assert failed(results) == {MISSING}
    assert (
        "without minute: A row cannot be predicted: minute is missing" in results[MISSING].finding
    )
    assert "\n" not in results[MISSING].finding


def test_a_model_that_refuses_unseen_categories(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    rows = ROWS.assign(origin=ROWS["origin"].mask(np.arange(len(ROWS)) % 9 == 0))
    again = build(BOOSTED)
    again.named_steps["columns"].transformers[0][1].set_params(
        handle_unknown="error", unknown_value=None, min_frequency=None
    )
    again.fit(rows[BOOSTED.features], rows["late"])

    results = staged(change=lambda pipeline: again).run(tmp_path / "run")

    assert failed(results) == {UNSEEN}
    assert (
        "with an unseen carrier: carrier is 'a text that no training row has', which did not"
        in results[UNSEEN].finding
    )
    assert "origin" in results[UNSEEN].finding


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_prediction_has_to_be_finite(
    staged: Callable[..., Registered], tmp_path: Path, value: float
) -> None:
    def change(pipeline: Pipeline) -> Pipeline:
        pipeline.named_steps["estimator"].constant_[:] = value
        return pipeline

    results = staged(CONSTANT, change).run(tmp_path / "run")

    assert failed(results) - {GOLDEN} == {MISSING, UNSEEN}
    assert results[MISSING].finding.startswith("without carrier: a prediction is not finite; ")
    assert results[UNSEEN].finding == (
        "with an unseen carrier: a prediction is not finite; "
        "with an unseen origin: a prediction is not finite"
    )


def test_a_probability_is_within_its_range(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    specification = replace(
        CONSTANT,
        task="classification",
        label="late",
        estimator="sklearn.dummy.DummyClassifier",
    )

    def change(pipeline: Pipeline) -> Pipeline:
        pipeline.named_steps["estimator"].class_prior_ = np.array([-0.5, 1.5])
        return pipeline

    results = staged(specification, change).run(tmp_path / "run")

    assert failed(results) == {MISSING, UNSEEN}
    assert "a probability is not within 0..1" in results[UNSEEN].finding


def test_each_declared_class_has_a_probability(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    def change(pipeline: Pipeline) -> Pipeline:
        pipeline.named_steps["estimator"].class_prior_ = np.array([0.5, 0.5])
        return pipeline

    dummy = replace(MULTICLASS, estimator=CONSTANT.estimator.replace("Regressor", "Classifier"))

    results = staged(replace(dummy, hyperparameters={}), change).run(tmp_path / "run")

    assert failed(results) == {MISSING, UNSEEN}
    assert "2 probabilities per row, expected 3" in results[UNSEEN].finding


def test_one_different_probability_is_a_different_prediction(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    registered = staged(MULTICLASS)
    expected = registered.request.predictions.copy()
    expected[3, 1] += 0.01

    results = registered.run(tmp_path / "run", predictions=expected)

    assert failed(results) == {GOLDEN}
    assert "1 of 20 predictions differ from" in results[GOLDEN].finding


def test_nothing_is_promised_without_golden_requests(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    registered = staged()

    results = registered.run(
        tmp_path / "run",
        requests=registered.request.requests.head(0),
        predictions=registered.request.predictions[:0],
    )

    assert failed(results) == {MEMORY, GOLDEN, MISSING, UNSEEN, LATENCY}


# The process


@pytest.mark.usefixtures("_process_of_the_product")
def test_the_process_sees_only_what_it_needs(
    staged: Callable[..., Registered], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = staged()
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ML_ASSETS_REGISTRY_URL=sqlite:///none.db\nOMP_NUM_THREADS=x\n")
    (tmp_path / "ml_assets.py").write_text("raise SystemExit('another program')")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv(REGISTRY_URL, "sqlite:///none.db")
    relative = replace(
        registered, registry=Registry("sqlite:///mlflow.db", ModelStore(Path("models")))
    )

    rows, figures = relative.run_in_process()

    assert list(rows["test"]) == IntegrationTest.names()
    assert rows["passed"].all(), rows
    assert figures.keys() == {"seconds", "memory_mib", "latency_p50_ms", "latency_p95_ms"}
    assert figures["seconds"] > figures["latency_p95_ms"] / 1000 > 0
    assert not (tmp_path / "none.db").exists()
    checked = validate(rows.assign(ds="2013-07-08"), IntegrationTest, ["2013-07-08"])
    assert len(checked.rows) == len(ALL)


@pytest.mark.slow
def test_budgets_that_nothing_can_keep(staged: Callable[..., Registered]) -> None:
    rows, figures = staged(REGRESSION).run_in_process(latency_ms=0.0001, memory_mib=0.0001)

    findings = dict(zip(rows["test"], rows["finding"], strict=True))
    assert set(rows.loc[~rows["passed"], "test"]) == {MEMORY, LATENCY}
    assert findings[LATENCY] == (
        f"95th percentile {figures['latency_p95_ms']:.2f} ms, allowed are 0.0001 ms"
    )
    assert findings[MEMORY] == f"{figures['memory_mib']:.2f} MiB, allowed are 0.0001 MiB"


@pytest.mark.usefixtures("_process_of_the_product")
def test_tests_that_take_too_long_fail(staged: Callable[..., Registered]) -> None:
    rows, figures = staged().run_in_process(timeout_seconds=0.05)

    assert not rows["passed"].any()
    assert set(rows["finding"]) == {"no result: the tests took more than 0.05 s and were stopped"}
    assert figures.keys() == {"seconds"}


def test_a_process_that_does_not_start_fails_all(
    staged: Callable[..., Registered], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integration, "MODULE", "ml_assets.no_such_module")

    rows, _ = staged().run_in_process()

    assert not rows["passed"].any()
    assert (
        rows["finding"]
        .str.fullmatch(
            r"no result: the process ended with code 1; last output: .*No module named.*"
        )
        .all()
    )


def test_a_process_that_dies_keeps_only_what_it_wrote_whole(
    staged: Callable[..., Registered], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integration, "MODULE", "ml_assets_tests.registry.dying_process")
    url = "postgresql+psycopg2://u:hunter%2F2@127.0.0.1:1/d"

    rows, _ = replace(staged(), registry=Registry(url, ModelStore(tmp_path))).run_in_process()

    assert set(rows.loc[rows["passed"], "test"]) == {LOADS}
    (finding,) = set(rows.loc[~rows["passed"], "finding"])
    assert finding.startswith("no result: the process ended with code -9; last output: xxx")
    assert finding.endswith("xxx postgresql+psycopg2://u:***@1")
    assert len(finding) == 300


@pytest.mark.slow
def test_unreachable_registry_fails_all_and_its_password_is_not_shown(
    staged: Callable[..., Registered], tmp_path: Path
) -> None:
    url = "postgresql+psycopg2://u:hunter2@127.0.0.1:1/d"

    rows, _ = replace(staged(), registry=Registry(url, ModelStore(tmp_path))).run_in_process()

    assert not rows["passed"].any()
    assert rows["finding"].str.contains("is not reachable").all()
    assert not rows["finding"].str.contains("hunter2").any()


def test_starting_the_process_is_cheap() -> None:
    heavy = {"dagster", "deltalake", "matplotlib", "mlflow", "pandera", "sklearn", "skops"}
    code = "import sys, ml_assets.registry.integration_process; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize("budget", list(StagingRules.model_fields))
@pytest.mark.parametrize("value", [0, -1, "fast"])
def test_unusable_budgets_are_refused(budget: str, value: object) -> None:
    with pytest.raises(ValidationError, match=budget):
        StagingRules.model_validate({budget: value})
