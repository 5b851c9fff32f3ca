"""Models of LightGBM, XGBoost and of a factory: trained, released, registered and reproduced."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from ml_assets.configuration import documents
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.recorded import model_of_version
from ml_assets.lineage.reproduction.reproduce import ReproductionVerdict, reproduce
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

AS_OF = "2024-02-20"
WHERE = "ml_assets_tests.components.estimators"
FOLDER = {"numeric": ["items", "hour"], "categorical": ["region"], "task": "regression"}

ESTIMATORS: dict[str, dict[str, Any]] = {
    "lightgbm_p90": {
        "path": "lightgbm.LGBMRegressor",
        "hyperparameters": {
            "objective": "quantile",
            "alpha": 0.9,
            "n_estimators": 30,
            "random_state": 0,
        },
    },
    "xgboost_counts": {
        "path": "xgboost.XGBRegressor",
        "hyperparameters": {
            "objective": "count:poisson",
            "n_estimators": 30,
            "random_state": 0,
        },
    },
    "factory_vote": {"factory": f"{WHERE}.boosted_mean", "hyperparameters": {"trees": 25}},
}
FILES = {
    "lightgbm_p90": {"booster_0.txt"},
    "xgboost_counts": {"booster_0.json"},
    "factory_vote": {"booster_0.txt", "booster_1.json"},
}


def defs() -> str:
    """The features of the shop and a model pipeline for each estimator."""
    features, weights, model = yaml.safe_load_all(MINIMAL)
    models = [
        {
            **model,
            "attributes": {
                **model["attributes"],
                "pipeline": name,
                "estimator": {**FOLDER, **estimator},
            },
        }
        for name, estimator in ESTIMATORS.items()
    ]
    weights["attributes"]["function"] = f"{WHERE}.counts"
    return yaml.safe_dump_all([features, weights, *models])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a released model of each estimator."""
    home = tmp_path_factory.mktemp("estimators")
    new_home(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "DEFS", home / "defs")
        (home / "defs" / "shop").mkdir(parents=True)
        documents.read_anew()
        with opened(home, definitions(home / "defs" / "shop", defs(), raw_table())) as project:
            done = project.materialize(
                'key:"shop/raw" or group:shop__features', "2024-01-01...2024-02-29"
            )
            assert done.succeeded, done.failed_steps
            for name in ESTIMATORS:
                done = project.materialize(
                    f"group:{name}__training or group:{name}__release", AS_OF
                )
                assert done.succeeded, done.failed_steps
            yield project
    documents.read_anew()


def runs_of(shop: Project, name: str) -> list[Any]:
    """MLflow's runs of a pipeline, as its client finds them."""
    client = MlflowClient(tracking_uri=f"sqlite:///{shop.data / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(name)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


@pytest.mark.parametrize("name", ESTIMATORS)
def test_model_is_released_and_reproduced_bit_for_bit(shop: Project, name: str) -> None:
    [champion] = shop.lake.read(f"{name}/champion", [AS_OF]).to_dict("records")
    tests = shop.lake.read(f"{name}/integration_tests", [AS_OF])
    reproduced = reproduce(
        shop.lake, pipeline(name), model_of_version(shop.lake, pipeline(name), 1)
    )

    assert (champion["version"], champion["released_by"]) == (1, "gates")
    assert tests["passed"].all(), tests.to_dict("records")
    assert reproduced.verdict is ReproductionVerdict.IDENTICAL, reproduced.reason
    assert reproduced.rebuilt == champion["fingerprint"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_boosters_are_stored_in_their_own_format(shop: Project, name: str) -> None:
    [entry] = shop.entries(f"{name}/model").values()
    files = {
        file.name for file in (shop.data / "models" / name / "model" / entry.content_hash).iterdir()
    }

    assert {file for file in files if file.startswith("booster")} == FILES[name]
    assert not [file for file in files if file.endswith((".pkl", ".pickle", ".joblib"))]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_model_card_names_the_libraries_of_the_model(shop: Project, name: str) -> None:
    [champion] = shop.lake.read(f"{name}/champion", [AS_OF]).to_dict("records")
    folder = shop.data / "models" / name / "model" / champion["fingerprint"]
    boosters = {"lightgbm", "xgboost", "xgboost-cpu"}
    named = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()}

    [card] = shop.lake.read(f"{name}/model_card", [AS_OF])["markdown"]
    listed = {line.split("|")[1].strip() for line in card.splitlines() if line.count("|") == 3}

    assert named & boosters
    assert listed >= named | {"numpy", "treelite"}
    assert not (listed - named) & boosters


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        pytest.param("lightgbm_p90", "pinball_p90", id="quantile"),
        pytest.param("xgboost_counts", "poisson_deviance", id="counts"),
        pytest.param("factory_vote", "rmse", id="mean"),
    ],
)
def test_metrics_fit_what_is_predicted(shop: Project, name: str, metric: str) -> None:
    found = shop.lake.read(f"{name}/evaluation", [AS_OF])
    compared = shop.lake.read(f"{name}/comparison", [AS_OF])
    main = compared[(compared["metric"] == metric) & (compared["segment_column"] == "all")]

    [champion] = shop.lake.read(f"{name}/champion", [AS_OF])["metric"]
    assert champion == metric
    assert found.loc[found["metric"] == metric, ["value", "low", "high"]].notna().all(axis=None)
    assert (main["challenger"] < main["champion"]).all()


def test_each_training_is_a_run_of_mlflow(shop: Project) -> None:
    [run] = runs_of(shop, "lightgbm_p90")
    entry = shop.entries("lightgbm_p90/model")[AS_OF]
    dataset = shop.entries("lightgbm_p90/training_dataset")[AS_OF]
    version = MlflowClient(tracking_uri=f"sqlite:///{shop.data / 'mlflow.db'}").get_model_version(
        "lightgbm_p90", "1"
    )

    assert run.info.run_name == f"lightgbm_p90 {AS_OF}"
    assert run.data.params["alpha"] == "0.9"
    assert run.data.params["test_days"] == "28"
    assert run.data.metrics["test_pinball_p90"] > 0
    assert run.data.metrics["training_rows"] == entry.rows
    expected = {
        "pipeline": "lightgbm_p90",
        "as_of": AS_OF,
        "fingerprint": entry.content_hash,
        "dataset_version": dataset.content_hash,
        "code_version": entry.code_version,
        "dagster_run_id": entry.run_id,
    }
    assert {key: run.data.tags[key] for key in expected} == expected
    assert version.run_id == run.info.run_id


def test_a_recomputation_adds_no_run(shop: Project) -> None:
    before = runs_of(shop, "xgboost_counts")

    assert shop.materialize("group:xgboost_counts__training", AS_OF).succeeded

    assert [run.to_dictionary() for run in runs_of(shop, "xgboost_counts")] == [
        run.to_dictionary() for run in before
    ]
