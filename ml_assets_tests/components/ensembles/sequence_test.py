"""Models in sequence: training on stored predictions, one ensemble of all, and its lineage."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.configuration import documents
from ml_assets.configuration.models import pipeline as configuration_of
from ml_assets.content import DAY
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.ledger.entries import Status
from ml_assets.lineage.graph import Graph
from ml_assets.lineage.impact import impact
from ml_assets.lineage.measurement.measuring import measured_lineage
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.trace import trace_prediction
from ml_assets.orchestration.assets.function_metadata import function_of
from ml_assets.workspace import Workspace
from ml_assets_tests.components.ensembles.sequence import (
    ALL_DAYS,
    BROKEN,
    DAMAGE,
    HEAVY,
    SCORED,
    WEIGHT,
    sequence_definitions,
)
from ml_assets_tests.prepared import build_once, new_home, opened
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

LAST = "2024-02-29"
NOUNS = ("raw", "parcels", "weights", "heaviness", "damages")
AS_OFS = {"weight": WEIGHT, "heavy": HEAVY, "broken": BROKEN}
MEMBERS = tuple(AS_OFS)
CHAINED = {"heavy": "expected_weight", "broken": "heavy"}
"""Pipeline → the column of its features with the prediction of the one before."""


@contextmanager
def project(home: Path) -> Iterator[Project]:
    """The project in a folder, whose documents are those of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "DEFS", home / "defs")
        documents.read_anew()
        with opened(home, sequence_definitions(home)) as found:
            documents.read_anew()
            yield found
    documents.read_anew()


def build(home: Path) -> None:
    """Each model is trained, predicts, and is an input of the next; then the ensemble of all."""
    new_home(home)
    with project(home) as shop:
        _succeeds(shop, " or ".join(f'key:"shop/{noun}"' for noun in NOUNS), ALL_DAYS)
        _succeeds(shop, 'key:"heavy/parcels"', SCORED)
        for name, as_of in AS_OFS.items():
            if name in CHAINED:
                _succeeds(shop, f'key:"{name}/parcels"', ALL_DAYS)
            _succeeds(shop, f"group:{name}__training or group:{name}__release", as_of)
            _succeeds(shop, f'key:"{name}/predictions"', f"{as_of}...{LAST}")
        _succeeds(shop, "group:damage__training or group:damage__release", DAMAGE)
        _succeeds(shop, 'key:"damage/predictions"', SCORED)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all models and a day of predictions; do not change it."""
    return build_once(tmp_path_factory, "models_in_sequence", build)


@pytest.fixture(scope="module")
def shop(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project, which no test changes."""
    home = tmp_path_factory.mktemp("sequence") / "home"
    shutil.copytree(built, home)
    with project(home) as found:
        yield found


@pytest.mark.parametrize("name", [*MEMBERS, "damage"])
def test_each_model_passes_its_gates(shop: Project, name: str) -> None:
    as_of = {**AS_OFS, "damage": DAMAGE}[name]
    [decision] = shop.lake.read(f"{name}/release_decision", [as_of]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]


@pytest.mark.parametrize(
    ("name", "before"), [("heavy", "weight"), ("broken", "heavy")], ids=["second", "third"]
)
def test_features_have_the_stored_predictions_of_the_model_before(
    shop: Project, name: str, before: str
) -> None:
    column, first = CHAINED[name], AS_OFS[before]
    rows = shop.lake.read(f"{name}/parcels")
    stored = shop.lake.read(f"{before}/predictions").set_index("order")["prediction"]

    assert rows.loc[rows[DAY] < first, column].isna().all()
    predicted = rows[rows[DAY] >= first].set_index("order")[column]
    assert predicted.equals(stored.reindex(predicted.index).rename(column))
    assert predicted.notna().all()
    assert len(rows) == len(shop.lake.read("shop/parcels"))


def test_a_batch_of_the_ensemble_predicts_what_its_members_do_by_hand(shop: Project) -> None:
    parcels = shop.lake.read("shop/parcels", [SCORED])
    weight = _scorer(shop, "weight").of_frame(parcels)
    heavy = _scorer(shop, "heavy").of_frame(parcels.assign(expected_weight=weight))
    with_both = parcels.assign(expected_weight=weight, heavy=heavy)
    broken = pd.Series(_scorer(shop, "broken").of_frame(with_both), parcels["order"])

    rows = shop.lake.read("damage/predictions", [SCORED]).set_index("order")
    assert rows["combined"].equals(broken.reindex(rows.index).rename("combined"))
    [first, *_] = rows.index
    said = json.loads(rows.loc[first, "members"])
    by_hand = {"weight": weight, "heavy": heavy, "broken": broken.to_numpy()}
    number = parcels["order"].tolist().index(first)
    assert said == {name: scores[number] for name, scores in by_hand.items()}
    is_single = (parcels.set_index("order")["items"] <= 1).reindex(rows.index)
    assert is_single.any()
    assert (rows.loc[is_single, "prediction"] == 0).all()
    assert rows.loc[~is_single, "prediction"].equals(
        rows.loc[~is_single, "combined"].rename("prediction")
    )


def test_cases_of_high_risk_alert_a_person(shop: Project) -> None:
    rows = shop.lake.read("damage/predictions", [SCORED])
    count = int((rows["prediction"] >= 0.8).sum())
    assert 0 < count < len(rows)
    [alert] = [
        one
        for one in shop.check('key:"damage/predictions"', SCORED)
        if one.check == "no_prediction_waits_for_a_person"
    ]
    assert alert.state == "warned"
    assert alert.reason == (
        f"{count} of {len(rows)} predictions wait for a person; rules of these rows: high_risk {count}"
    )


def test_features_that_were_computed_before_the_predictions_are_computed_again(
    shop: Project,
) -> None:
    history = shop.lake.ledger.histories("heavy/parcels", [SCORED])[SCORED]
    had_predictions = [
        {read.table: bool(read.content_hash) for read in entry.reads}["weight/predictions"]
        for entry in sorted(history, key=lambda entry: entry.version or 0)
        if entry.status is Status.STORED
    ]
    assert had_predictions == [False, True]


def test_later_labels_and_predictions_change_no_earlier_features(
    shop: Project, tmp_path: Path
) -> None:
    """The same days of a project without later ones, which knew nothing of them when it was trained."""
    days = f"{WEIGHT}...2024-01-25"
    rows = shop.lake.read("heavy/parcels")
    with project(new_home(tmp_path / "shorter")) as shorter:
        known = "2024-01-01...2024-01-20"
        _succeeds(shorter, 'key:"shop/raw" or key:"shop/parcels" or key:"shop/weights"', known)
        _succeeds(shorter, "group:weight__training or group:weight__release", WEIGHT)
        _succeeds(shorter, 'key:"shop/raw" or key:"shop/parcels"', days)
        _succeeds(shorter, 'key:"weight/predictions"', days)
        _succeeds(shorter, 'key:"heavy/parcels"', days)
        found = shorter.lake.read("heavy/parcels")
    same_days = rows[rows[DAY].isin(found[DAY])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, same_days)


def test_a_prediction_is_traced_to_the_training_and_source_rows_of_all_members(
    shop: Project,
) -> None:
    rows = shop.lake.read("damage/predictions", [SCORED])
    found = trace_prediction(shop.lake, pipeline("damage"), rows["prediction_id"].iloc[0])

    assert [one.pipeline for one in found.model.members] == [*MEMBERS]
    for member in found.model.members:
        assert member.as_of == AS_OFS[member.pipeline]
        read = {one.table: one for one in (*member.training, *member.sources)}
        assert read["shop/raw"].days > 0
        assert read["shop/raw"].last < member.as_of
    training = {one.table for member in found.model.members for one in member.training}
    assert training >= {"shop/parcels", "shop/weights", "heavy/parcels", "broken/parcels"}
    assert {source.read.table: len(source.rows) for source in found.sources} == {"shop/raw": 60}


def test_a_trace_says_how_the_ensemble_came_to_a_stored_prediction(shop: Project) -> None:
    rows = shop.lake.read("damage/predictions", [SCORED])
    row = rows[rows["rules"] == "single_item"].iloc[0]

    answer = trace_prediction(shop.lake, pipeline("damage"), row["prediction_id"]).answer

    assert answer is not None
    assert {name: one.score for name, one in answer.members.items()} == json.loads(row["members"])
    assert answer.combined == row["combined"]
    assert [(one.rule, one.reason) for one in answer.rules] == [
        ("single_item", "One thing is never damaged.")
    ]
    of_model = shop.lake.read("broken/predictions", [SCORED])["prediction_id"].iloc[0]
    assert trace_prediction(shop.lake, pipeline("broken"), of_model).answer is None


def test_a_prediction_of_a_later_model_is_traced_to_the_row_and_prediction_it_was_made_from(
    shop: Project,
) -> None:
    rows = shop.lake.read("broken/predictions", [SCORED])
    found = trace_prediction(shop.lake, pipeline("broken"), rows["prediction_id"].iloc[0])

    order = rows["order"].iloc[0]
    sources = {source.read.table: source.rows for source in found.sources}
    assert set(sources) == {"heavy/parcels", "heavy/predictions"}
    assert all(used["order"].tolist() == [order] for used in sources.values())
    [predicted] = sources["heavy/predictions"]["prediction"]
    assert predicted == found.feature_row["heavy"]


@pytest.mark.parametrize("column", ["", "weight"], ids=["any column", "the label of a member"])
def test_impact_of_a_bad_source_day_names_the_ensemble_and_its_members(
    shop: Project, column: str
) -> None:
    found = impact(shop.lake, Graph.of(shop.lake.ledger), "shop/raw", "2024-01-05", column)
    assert {model.pipeline for model in found.models} == {*MEMBERS, "damage"}
    assert "damage/predictions" in {touched.table for touched in found.tables}


def test_a_column_with_predictions_declares_all_that_it_depends_on(shop: Project) -> None:
    functions = [function_of(spec.metadata) for spec in shop.definitions.resolve_all_asset_specs()]
    [function] = [one for one in functions if one and one.table == "broken/parcels"]
    assert measured_lineage(shop.lake, function, None).undeclared == {}
    assert function.column_lineage["expected_weight"] == [("heavy/parcels", "expected_weight")]


def _scorer(shop: Project, name: str) -> Scorer:
    [champion] = shop.lake.read(f"{name}/champion", [AS_OFS[name]]).to_dict("records")
    specification = configuration_of(name).specification
    models = Workspace.of_environment().models
    return models.load(f"{name}/model", champion["fingerprint"], specification).scorer


def _succeeds(shop: Project, selection: str, days: str) -> None:
    done = shop.materialize(selection, days)
    assert done.succeeded, done.failed_steps
