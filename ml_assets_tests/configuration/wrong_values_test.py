"""Invalid values of a ``defs.yaml`` are refused with file, key, reason and a suggestion."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, cast

import dagster as dg
import pytest

from ml_assets.components import FeatureTable, ModelPipeline, ModelRelease, NewDays, SourceTable
from ml_assets.components.configured import Configured
from ml_assets.components.feature_table import refuse_arguments
from ml_assets.components.pipeline.part import PipelineContracts
from ml_assets.configuration import documents, models
from ml_assets.configuration.file_defaults import completed_documents
from ml_assets.configuration.files.yaml_files import template_of
from ml_assets.configuration.objects import load_contract
from ml_assets.contracts.contract import Contract, limits
from ml_assets.definitions import project_definitions
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.errors import ConfigurationError
from ml_assets.learning import estimators
from ml_assets.settings import Settings, settings
from ml_assets_tests.project import ROOT
from ml_assets_tests.project_files import documents_below

CONTEXT = cast("dg.ComponentLoadContext", None)
"""File of a pipeline part, which only matters for its policy."""
DEFS = ROOT / "ml_assets" / "defs"
TEMPLATES: Mapping[str, type[Configured[Any]]] = {
    template.__name__: template for template in (FeatureTable, ModelPipeline, NewDays, SourceTable)
}


def attributes_of(pipeline: str, template: str) -> dict[str, Any]:
    """The first document of a template in a pipeline's ``defs.yaml``, completed by its defaults."""
    found = completed_documents(DEFS / pipeline / "defs.yaml")
    attributes = next(one["attributes"] for _, one in found if template_of(one) == template)
    return deepcopy(dict(attributes))


def changed(attributes: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """Attributes with another value at one dotted key."""
    *parents, last = key.split(".")
    at = attributes
    for parent in parents:
        at = at[parent]
    at[last] = value
    return attributes


def refusal(pipeline: str, template: str, key: str, value: object) -> str:
    """The error message for one wrong value."""
    attributes = changed(attributes_of(pipeline, template), key, value)
    with pytest.raises(ConfigurationError) as refused:
        TEMPLATES[template].read(attributes, DEFS / pipeline / "defs.yaml")
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("window", "-5d", "'-5d' is not a duration", id="negative window"),
        pytest.param("window", "0d", "'window': 0d is no time", id="no window"),
        pytest.param("window", "99999d", "99999d is too long", id="endless window"),
        pytest.param("window", "a year", "'a year' is not a duration", id="window in words"),
        pytest.param("window", "35d", "window (35d) leaves no day", id="nothing to fit on"),
        pytest.param("test_window", "0d", "0d is no time", id="no test window"),
        pytest.param("test_window", "400d", "leaves no day to train on", id="test window too long"),
        pytest.param("validation_window", -1, "-1 is not a duration", id="negative validation"),
        pytest.param("max_missing_share", 1.5, "less than 1", id="share above 1"),
        pytest.param(
            "window", "30h", "window: 30h is not a whole number of daily", id="no whole day"
        ),
        pytest.param(
            "test_window", "1mo", "1mo is not a whole number of daily", id="month of days"
        ),
        pytest.param("labels.arrive_within", "5h", "labels.arrive_within: 5h", id="hours of days"),
        pytest.param("window_days", 365, "'window_days' is now 'window'", id="old window"),
        pytest.param("days.cadence", "dayly", "Did you mean 'daily'?", id="misspelled cadence"),
        pytest.param(
            "days.cadence", "weekly", "no weekly partition begins on 2013-01-01", id="no Monday"
        ),
        pytest.param("as_of_days.cadence", "hourly", "finer than days", id="as-of finer than days"),
        pytest.param("days.first", "2013-02-30", "'2013-02-30' is not a day", id="no such day"),
        pytest.param("days.last", "2012-01-01", "is before first", id="last before first"),
        pytest.param("days.timezone", "Mars/Olympus", "is no time zone", id="no such zone"),
        pytest.param("as_of_days.timezone", "UTC", "different time zones", id="two zones"),
        pytest.param(
            "estimator.task", "regresion", "Did you mean 'regression'?", id="misspelled task"
        ),
        pytest.param("estimator.task", "ranking", "expected one of", id="unknown task"),
        pytest.param("estimator.task", "multiclass", "needs the classes", id="no classes"),
        pytest.param(
            "estimator.classes",
            ["a", "b", "c"],
            "classes are for task multiclass and have no effect with classification",
            id="classes of another task",
        ),
        pytest.param("estimator.classes", ["a", "b"], "a list of at least 3", id="two classes"),
        pytest.param("estimator.classes", "abc", "a list of at least 3", id="classes as a text"),
        pytest.param(
            "estimator.classes",
            ["yes", "no", True],
            "not all texts or all whole numbers",
            id="a boolean as class",
        ),
        pytest.param(
            "estimator.classes", ["Red", "red", "blue"], "more than once", id="a class in two cases"
        ),
        pytest.param(
            "estimator.classes", ["red", "blue", "a b"], "'a b' is no class", id="no column name"
        ),
        pytest.param(
            "estimator.path", "xgboots.XGBClassifier", "Did you mean 'xgboost'?", id="library"
        ),
        pytest.param(
            "estimator.path",
            "sklearn.ensemble.HistGradientBoostingClasifier",
            "Did you mean 'HistGradientBoostingClassifier'?",
            id="misspelled estimator",
        ),
        pytest.param("estimator.path", "sklearn.forest.Tree", "has no Tree", id="no such module"),
        pytest.param("estimator.path", "torch.nn.Module", "name it as 'factory'", id="torch"),
        pytest.param("estimator.factory", "models.build", "both are given", id="path and factory"),
        pytest.param("estimator.path", None, "neither is given", id="no path and no factory"),
        pytest.param("estimator.numeric", ["distance", "distance"], "more than once", id="twice"),
        pytest.param("estimator.text", ["distance"], "more than once", id="number and text"),
        pytest.param("estimator.checkpoint_every", 0, "'estimator.checkpoint_every'", id="never"),
        pytest.param("labels.colum", "late", "expected one of asset, column", id="unknown key"),
        pytest.param("labels.delay", "-1d", "'-1d' is not a duration", id="early labels"),
        pytest.param("labels.asset", "flight_outcomes", "'labels.asset'", id="no asset key"),
        pytest.param("key", ["flight"], "'key' is now 'join_keys'", id="old key"),
        pytest.param(
            "monitoring.groups",
            {},
            "'monitoring.groups' is now 'monitoring.structural'",
            id="old groups",
        ),
        pytest.param(
            "release.gated_attribute",
            "origin",
            "'release.gated_attribute' is now 'release.sensitive_feature'",
            id="old attribute",
        ),
        pytest.param(
            "release.min_improvement",
            0.01,
            "'release.min_improvement' is now 'release.min_relative_improvement'",
            id="old improvement",
        ),
        pytest.param(
            "release.min_relative_improvement", float("inf"), "finite number", id="infinite gain"
        ),
        pytest.param("release.rule", "superiour", "Did you mean 'superior'?", id="misspelled rule"),
        pytest.param("release.margin", None, "needs a margin", id="no margin"),
        pytest.param("release.max_group_gap", 2, "'release.max_group_gap' is 2", id="any gap"),
        pytest.param("evaluation.confidence", 95, "'evaluation.confidence' is 95", id="per cent"),
        pytest.param("evaluation.resamples", 1, "'evaluation.resamples' is 1", id="one resample"),
        pytest.param("staging.latency_ms", -1, "'staging.latency_ms' is -1", id="no time"),
        pytest.param("drift_window", "0d", "0d is no time", id="no report"),
        pytest.param("monitoring.min_rows", 0, "'monitoring.min_rows' is 0", id="drift of no rows"),
        pytest.param("monitoring.structural", ["dist"], "dist", id="unknown feature"),
        pytest.param("monitoring", {"structure": []}, "Did you mean 'structural'?", id="group"),
        pytest.param(
            "features",
            "flight_delays/flight_feature",
            "Did you mean 'flight_delays/flight_features'?",
            id="unknown feature table",
        ),
        pytest.param(
            "labels.asset",
            "flight_delays/flight_outcome",
            "Did you mean 'flight_delays/flight_outcomes'?",
            id="unknown label table",
        ),
        pytest.param(
            "estimator.hyperparameters",
            {"max_itr": 5, "random_state": 0},
            "Did you mean 'max_iter'?",
            id="unknown hyperparameter",
        ),
        pytest.param("estimator.hyperparameters", {}, "add 'random_state: 0'", id="no seed"),
        pytest.param(
            "estimator.hyperparameters", {"random_state": None}, "no seed", id="seed of nothing"
        ),
        pytest.param("estimator.task", "regression", "is for classification", id="another task"),
        pytest.param(
            "estimator.path",
            "sklearn.svm.LinearSVC",
            "predicts no probabilities",
            id="no probabilities",
        ),
        pytest.param(
            "estimator.path",
            "sklearn.ensemble.VotingClassifier",
            "lack estimators",
            id="argument without a default",
        ),
        pytest.param(
            "estimator.path",
            "sklearn.base.ClassifierMixin",
            "neither classifies nor regresses",
            id="base class",
        ),
        pytest.param(
            "release.sensitive_feature",
            None,
            "sensitive_feature is null",
            id="attribute of a template",
        ),
        pytest.param("segments", [], "segments is empty", id="no segment"),
        pytest.param(
            "estimator.path",
            "sklearn.preprocessing.StandardScaler",
            "neither classifies nor regresses",
            id="no estimator",
        ),
        pytest.param(
            "contracts.predictions",
            "ml_assets.learning.contracts.Prediction",
            "predictions_day has no effect if",
            id="day contract of no derived one",
        ),
        pytest.param("segments", ["carrier", "carrier"], "more than once", id="segment twice"),
        pytest.param("labels.delay", "340d", "labels.delay take 375", id="labels too late"),
        pytest.param("test_window", True, "True is not a duration", id="truth for a duration"),
        pytest.param("days.first", "0001-01-01", "is not a day", id="year 1"),
        pytest.param(
            "as_of_days",
            {"first": "2012-01-01", "last": "2012-12-31", "timezone": "America/New_York"},
            "without a day before it",
            id="as-of before days",
        ),
        pytest.param("staging.latency_ms", float("inf"), "'staging.latency_ms'", id="endless"),
        pytest.param("evaluation.resamples", 10**9, "'evaluation.resamples'", id="too many"),
        pytest.param("owners", ["flight delays"], "'owners.0'", id="no owner"),
        pytest.param("owners", ["a@b"], "'owners.0'", id="no address"),
        pytest.param("windw", "7d", "Did you mean 'window'?", id="misspelled key"),
    ],
)
def test_invalid_values_of_a_pipeline_are_refused(key: str, value: object, message: str) -> None:
    refused = refusal("flight_delays", "ModelPipeline", key, value)

    assert refused.startswith("flight_delays in flight_delays/defs.yaml is not usable: ")
    assert message in refused


BOOSTERS = {"lightgbm": "lightgbm.LGBMClassifier", "xgboost": "xgboost.XGBClassifier"}


def estimator_refusal(**changes: object) -> str:
    """The error message for another estimator of a classification."""
    features = {"task": "classification", "numeric": ["distance"]}
    return refusal("flight_delays", "ModelPipeline", "estimator", {**features, **changes})


@pytest.mark.parametrize(
    ("path", "hyperparameters", "message"),
    [
        pytest.param(
            "lightgbm.LGBMClasifier", {}, "Did you mean 'LGBMClassifier'?", id="LightGBM's class"
        ),
        pytest.param("xgboost.XGBClasifier", {}, "mean 'XGBClassifier'?", id="XGBoost's class"),
        pytest.param("lightgbm.LGBMRanker", {}, "has no LGBMRanker", id="ranking"),
        pytest.param("lightgbm.DaskLGBMClassifier", {}, "has no Dask", id="a cluster"),
        pytest.param("lightgbm.Booster", {}, "has no Booster", id="no estimator"),
        pytest.param("lightgbm.LGBMRegressor", {}, "is for regression", id="another task"),
        *(
            pytest.param(
                path, {"random_state": 0, wrong: 1}, f"mean '{right}'?", id=f"{path} {right}"
            )
            for path in BOOSTERS.values()
            for wrong, right in {"n_estimatrs": "n_estimators", "max_dept": "max_depth"}.items()
        ),
        *(
            pytest.param(path, {}, "add 'random_state: 0'", id=f"{path} without seed")
            for path in BOOSTERS.values()
        ),
    ],
)
def test_boosters_are_validated_without_importing_them(
    path: str, hyperparameters: Mapping[str, object], message: str
) -> None:
    assert message in estimator_refusal(path=path, hyperparameters=hyperparameters)


@pytest.mark.parametrize("library", BOOSTERS)
def test_library_that_is_not_installed_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr(estimators, "find_spec", lambda name: None)

    message = estimator_refusal(path=BOOSTERS[library], hyperparameters={"random_state": 0})

    assert f"{library} is not installed" in message
    assert f"uv pip install --python .venv/bin/python -e '.[{library}]'" in message


def test_factory_is_validated_when_definitions_load() -> None:
    message = estimator_refusal(factory="ml_assets_tests.components.estimators.forrest")

    assert "ml_assets_tests.components.estimators has no function forrest" in message
    assert "Did you mean 'forest'?" in message


def test_checkpoints_of_a_pipeline_are_refused() -> None:
    factory = "ml_assets_tests.learning.factories_test.own_pipeline"

    assert "returns a Pipeline" in estimator_refusal(factory=factory, checkpoint_every=5)


def test_loading_the_definitions_of_boosters_imports_none() -> None:
    code = (
        "import sys\n"
        "from ml_assets.configuration.sections import Estimator\n"
        "for path in sys.argv[1:]:\n"
        "    Estimator(task='classification', path=path, numeric=['x'],\n"
        "              hyperparameters={'random_state': 0})\n"
        "print([name for name in ('sklearn', 'lightgbm', 'xgboost') if name in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *BOOSTERS.values()], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("template", "key", "value", "message"),
    [
        pytest.param(
            "SourceTable", "revisit", "-1d", "'-1d' is not a duration", id="negative revisit"
        ),
        pytest.param("SourceTable", "max_age", "0h", "0h is no time", id="no age"),
        pytest.param("SourceTable", "retention", "0d", "0d is no time", id="no retention"),
        pytest.param("SourceTable", "fresh_within", "1mo", "no fixed length", id="a month"),
        pytest.param(
            "SourceTable", "time_zone", "europe/berln", "'Europe/Berlin'?", id="near zone"
        ),
        pytest.param("SourceTable", "time_column", None, "days is given without", id="no time"),
        pytest.param("SourceTable", "days", None, "time_column is given without", id="no days"),
        pytest.param("SourceTable", "contract", "Flights", "'contract' is 'Flights'", id="path"),
        pytest.param("SourceTable", "revist", "3d", "Did you mean 'revisit'?", id="unknown key"),
        pytest.param("SourceTable", "retention", "30h", "retention: 30h", id="no whole day"),
        pytest.param("SourceTable", "max_age", "1mo", "has no fixed length", id="months of age"),
        pytest.param("SourceTable", "description", " ", "'description'", id="no description"),
        pytest.param("SourceTable", "table", None, "none of table, query and files", id="nothing"),
        pytest.param("SourceTable", "query", "SELECT 1", "table and query is given", id="both"),
        pytest.param("SourceTable", "time_zone", "New York", "is no time zone", id="no zone"),
        pytest.param("SourceTable", "time_format", "epoch", "Did you mean 'epoch_", id="epoch"),
        pytest.param(
            "SourceTable", "time_format", "%d.%m.", "is no format of a date", id="no year"
        ),
        pytest.param("SourceTable", "time_format", "%Y%m%d %I", "is no format", id="no am or pm"),
    ],
)
def test_invalid_values_of_a_source_table_are_refused(
    template: str, key: str, value: object, message: str
) -> None:
    refused = refusal("sources", template, key, value)

    assert "sources/defs.yaml" in refused
    assert message in refused


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("inputs.flights.look_back", "99999d", "too long", id="endless look-back"),
        pytest.param("inputs.flights.look_back", "-1d", "is not a duration", id="look ahead"),
        pytest.param("inputs.planes.look_back", "1d", "which has no days", id="days of a snapshot"),
        pytest.param(
            "inputs.flights.look_back", "36h", "inputs.flights.look_back: 36h", id="no day"
        ),
        pytest.param(
            "inputs.flights.cadence", "weekly", "values that are not known yet", id="coarser input"
        ),
        pytest.param("inputs.flights.refreshes_history", False, "snapshots only", id="pinned days"),
        pytest.param("inputs.flights.as_set", 1, "Did you mean 'asset'?", id="unknown key"),
        pytest.param("inputs", {}, "'inputs'", id="no input"),
    ],
)
def test_invalid_values_of_a_computed_table_are_refused(
    key: str, value: object, message: str
) -> None:
    assert message in refusal("flight_delays", "FeatureTable", key, value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("cut_hours", -24, "'cut_hours' is -24", id="negative cut"),
        pytest.param("cut_hours", "two", "'cut_hours' is 'two'", id="cut in words"),
        pytest.param("diversion_known_days", -1, "'diversion_known_days' is -1", id="known before"),
        pytest.param("cut_hour", 2, "Did you mean 'cut_hours'?", id="misspelled"),
    ],
)
def test_parameters_that_a_function_does_not_take_are_refused(
    key: str, value: object, message: str
) -> None:
    attributes = changed(attributes_of("flight_delays", "FeatureTable"), f"parameters.{key}", value)
    table = FeatureTable.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match="parameters") as refused:
        refuse_arguments(flight_features, table)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("segments", ["carier"], "Did you mean 'carrier'?", id="segment"),
        pytest.param("join_keys", ["time_hour", "flights"], "Did you mean 'flight'?", id="key"),
        pytest.param("labels.column", "lat", "'labels.column'", id="label"),
        pytest.param("labels.known_at", "knwon_at", "Did you mean 'known_at'?", id="known at"),
        pytest.param(
            "release.sensitive_feature", "orign", "Did you mean 'origin'?", id="attribute"
        ),
        pytest.param("labels.day", "flightday", "Did you mean 'flight_day'?", id="day of labels"),
        pytest.param("join_keys", ["time_hour", "plane_age"], "'plane_age'", id="key of no label"),
    ],
)
def test_columns_that_the_training_dataset_lacks_are_refused(
    key: str, value: object, message: str
) -> None:
    attributes = changed(attributes_of("flight_delays", "ModelPipeline"), key, value)
    pipeline = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match="no column of") as refused:
        ModelRelease(pipeline).build(CONTEXT)

    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["late", "known_at", "feature_day", "split"])
def test_columns_known_later_cannot_be_segments(name: str) -> None:
    attributes = attributes_of("flight_delays", "ModelPipeline") | {"segments": ["carrier", name]}
    pipeline = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match=f"'segments' .* names {name}"):
        PipelineContracts.of(pipeline)


def test_columns_of_predictions_cannot_be_copied_into_them() -> None:
    attributes = attributes_of("flight_delays", "ModelPipeline") | {"segments": ["is_late"]}
    pipeline = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match=r"is_late of .* is a column of"):
        PipelineContracts.of(pipeline)


def test_days_of_a_pipeline_are_in_the_zone_of_its_features() -> None:
    attributes = attributes_of("flight_delays", "ModelPipeline")
    attributes["days"] = {"first": "2013-02-01", "last": "2013-12-31"}
    del attributes["as_of_days"]

    found = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    assert found.days.timezone == found.as_ofs.timezone == "America/New_York"


@pytest.mark.parametrize("name", ["late", "known_at", "feature_day", "split"])
def test_columns_known_later_cannot_be_features(name: str) -> None:
    attributes = attributes_of("flight_delays", "ModelPipeline")
    attributes["estimator"]["numeric"].append(name)
    pipeline = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match=f"names {name} as a feature"):
        PipelineContracts.of(pipeline)


def test_numbers_cannot_be_features_of_free_text() -> None:
    attributes = attributes_of("flight_delays", "ModelPipeline")
    attributes["estimator"]["numeric"].remove("distance")
    attributes["estimator"]["text"] = ["distance"]
    pipeline = ModelPipeline.read(attributes, DEFS / "flight_delays" / "defs.yaml")

    with pytest.raises(ConfigurationError, match=r"'distance', which is of type .*Expected texts"):
        PipelineContracts.of(pipeline)


def without_annotations(days, *, flights, weather, planes, airports, **rest): ...


def without_star(days, flights, weather, planes, airports, cut_hours: int = 2): ...


def of_other_inputs(days, *, flights, wether): ...


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        pytest.param(without_annotations, {"cut_hours": "two"}, "", id="nothing is declared"),
        pytest.param(without_star, {"cut_hours": 3}, "", id="positional arguments"),
        pytest.param(without_star, {"cut_hours": "two"}, "'cut_hours' is 'two'", id="no number"),
        pytest.param(of_other_inputs, {}, "Did you mean 'wether'?", id="unknown input"),
    ],
)
def test_any_signature_of_a_feature_function_is_accepted(
    function: Callable[..., None], parameters: dict[str, object], message: str
) -> None:
    attributes = attributes_of("flight_delays", "FeatureTable") | {"parameters": parameters}
    table = FeatureTable.read(attributes, DEFS / "flight_delays" / "defs.yaml")
    if not message:
        refuse_arguments(function, table)
        return

    with pytest.raises(ConfigurationError) as refused:
        refuse_arguments(function, table)

    assert message in str(refused.value)


def test_lineage_reads_resolved_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shop" / "defs.yaml"
    file.parent.mkdir()
    text = "type: a.FeatureTable\nattributes: {key: '{{ env.SHOP }}/orders', days: '{{ env(\"NONE\", 7) }}'}"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("SHOP", "shop")

    found = documents.feature_table("shop/orders", file)

    assert found == {"key": "shop/orders", "days": 7}


@pytest.mark.parametrize("key", ["max_age", "revisit", "retention", "fresh_within"])
def test_keys_of_days_are_refused_for_a_snapshot(key: str) -> None:
    attributes = attributes_of("sources", "SourceTable") | {key: "4d"}
    del attributes["days"], attributes["time_column"]

    with pytest.raises(ConfigurationError, match=r" is given without days"):
        SourceTable.read({**attributes, "max_age": None, key: "4d"}, DEFS / "defs.yaml")


def test_a_time_zone_of_numbers_since_1970_is_refused() -> None:
    attributes = attributes_of("sources", "SourceTable")
    attributes |= {"time_format": "epoch_s", "time_zone": "Europe/Berlin"}

    with pytest.raises(ConfigurationError, match="time_zone has no effect on epoch_s"):
        SourceTable.read(attributes, DEFS / "defs.yaml")


@pytest.mark.parametrize(
    ("path", "similar"),
    [
        pytest.param("ml_assets.defs.sources.contracts.Flight", "contracts.Flights'", id="class"),
        pytest.param(
            "ml_assets.defs.sources.contract.Flights", "sources.contracts.Flights'", id="module"
        ),
        pytest.param("ml_asets.defs.sources.contracts.Flights", "'ml_assets.defs", id="package"),
    ],
)
def test_a_path_that_cannot_be_imported_is_told_with_the_nearest_one(
    path: str, similar: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"Did you mean .*{similar}"):
        load_contract(path)


def test_unusable_metadata_of_a_contract_is_told_with_the_nearest_name() -> None:
    class Misspelled(Contract):
        class Config:
            metadata: ClassVar = {"may_be_emtpy": True}

    with pytest.raises(ConfigurationError) as refused:
        limits(Misspelled)

    assert "Misspelled.Config.metadata is not usable: 'may_be_emtpy' is unknown" in str(
        refused.value
    )
    assert "Did you mean 'may_be_empty'?" in str(refused.value)


def test_one_mistake_is_reported_once(tmp_path: Path) -> None:
    attributes = changed(
        attributes_of("flight_delays", "ModelPipeline"), "join_keys", ["time hour"]
    )

    with pytest.raises(ConfigurationError) as refused:
        ModelPipeline.read(attributes, tmp_path / "defs.yaml")

    assert str(refused.value).count("'join_keys") == 1


@pytest.mark.parametrize("value", [pytest.param("", id="empty"), pytest.param("  ", id="blank")])
def test_a_data_folder_without_a_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ML_ASSETS_DATA", value)

    with pytest.raises(ValueError, match="it is empty; set it to a folder"):
        Settings()


@pytest.fixture
def overrides(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the changes of pipelines in the environment."""

    def said_otherwise(text: str) -> None:
        monkeypatch.setenv("ML_ASSETS_PIPELINES", text)
        settings.cache_clear()

    yield said_otherwise
    settings.cache_clear()


def test_changes_of_the_environment_are_validated(overrides: Callable[[str], None]) -> None:
    overrides('{"flight_delays": {"test_window": "360d"}}')

    with pytest.raises(ConfigurationError, match=r"with ML_ASSETS_PIPELINES, .*leaves no day"):
        ModelPipeline.read(
            attributes_of("flight_delays", "ModelPipeline"), Path("flight_delays/defs.yaml")
        )


def test_an_unknown_pipeline_in_the_environment_is_refused(
    overrides: Callable[[str], None],
) -> None:
    overrides('{"flight_delay": {"test_window": "14d"}}')

    with pytest.raises(ConfigurationError, match="Did you mean 'flight_delays'"):
        project_definitions()


def test_null_in_the_environment_removes_a_key_of_the_file(
    overrides: Callable[[str], None],
) -> None:
    overrides('{"flight_delays": {"release": {"rule": "superior"}}}')
    with pytest.raises(ConfigurationError, match="margin is for rule 'non_inferior'"):
        ModelPipeline.read(attributes_of("flight_delays", "ModelPipeline"), DEFS / "defs.yaml")

    overrides('{"flight_delays": {"release": {"rule": "superior", "margin": null}}}')
    found = ModelPipeline.read(attributes_of("flight_delays", "ModelPipeline"), DEFS / "defs.yaml")

    assert (found.release.rule, found.release.margin) == ("superior", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "type: a.ModelPipeline\nattributes: {pipelin: a}", "no pipeline 'shop'", id="no name"
        ),
        pytest.param("type: a.ModelPipeline", "no pipeline 'shop'", id="no attributes"),
        pytest.param("attributes: {}", "no pipeline 'shop'", id="no type"),
        pytest.param("- a", "no pipeline 'shop'", id="a list"),
        pytest.param("type: [a", "shop/defs.yaml is not valid YAML", id="no YAML"),
        pytest.param("type: caf\xe9", "shop/defs.yaml is not valid YAML", id="no UTF-8"),
    ],
)
def test_a_broken_document_does_not_hide_the_others(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "defs.yaml").write_text(text, "latin-1")
    with documents_below(tmp_path):
        assert documents.sources_of("a/b") == []
        with pytest.raises(ConfigurationError, match=message):
            models.pipeline("shop")
