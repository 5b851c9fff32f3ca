"""Specifications read from ``defs.yaml`` without Dagster equal those of the assets."""

import dagster as dg

from ml_assets.configuration.models import pipeline
from ml_assets.learning.dataset import DatasetSpecification
from ml_assets.learning.specification import ModelSpecification
from ml_assets.lineage.specifications import dataset_code, model_code

PIPELINE = "flight_delays"


def test_code_is_that_of_the_assets(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    versions = {
        noun: graph.get(dg.AssetKey([PIPELINE, noun])).code_version
        for noun in ("training_dataset", "model")
    }

    assert dataset_code(pipeline(PIPELINE).dataset).version == versions["training_dataset"]
    assert model_code(pipeline(PIPELINE).specification).version == versions["model"]


def test_specifications_are_restored_from_their_records() -> None:
    dataset, model = pipeline(PIPELINE).dataset, pipeline(PIPELINE).specification

    [of_dataset] = dataset_code(dataset).parameters
    [of_model] = model_code(model).parameters

    assert DatasetSpecification.from_record(of_dataset) == dataset
    assert ModelSpecification.from_record(of_model).canonical() == model.canonical()
