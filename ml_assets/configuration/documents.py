"""The ``defs.yaml`` files of the project: what each document says, read without Dagster."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ml_assets.configuration.names import unknown
from ml_assets.configuration.pipeline import PipelineConfiguration
from ml_assets.configuration.reading import read
from ml_assets.settings import PipelineOverrides, settings

DEFS = Path(__file__).parents[1] / "defs"

MODEL, FEATURES = "ModelPipeline", "FeatureTable"
"""Templates, as the last part of a document's ``type``."""


def pipelines() -> list[str]:
    """Names of all model pipelines."""
    return sorted(said["pipeline"] for _, said in _documents(MODEL))


def pipeline(name: str) -> PipelineConfiguration:
    """The configuration of a model pipeline, with what the environment says otherwise.

    Raises:
        ConfigurationError: there is no such pipeline; the nearest name is given. Or it is not usable.
    """
    found = {said["pipeline"]: (file, said) for file, said in _documents(MODEL)}
    if name not in found:
        raise unknown("pipeline", name, found)
    file, said = found[name]
    return pipeline_of(said, file)


def pipeline_of(said: dict[str, Any], file: Path) -> PipelineConfiguration:
    """A model pipeline as a document says it, with what the environment says otherwise.

    Args:
        said: the document's attributes.
        file: where they stand.

    Raises:
        ConfigurationError: a key is missing or unknown, or a value is outside its limits.
    """
    name = said.get("pipeline", "a ModelPipeline")
    where = f"{name} in {file.parent.name}/{file.name}"
    overrides = settings().pipelines.get(str(name), PipelineOverrides())
    read(PipelineConfiguration, said, where)
    return read(
        PipelineConfiguration, overridden(said, overrides), f"{where}, with ML_ASSETS_PIPELINES,"
    )


def overridden(said: dict[str, Any], overrides: PipelineOverrides) -> dict[str, Any]:
    """Attributes of a document with what the environment says otherwise."""
    changed = dict(said)
    if overrides.label_delay_days is not None:
        changed["labels"] = {**said["labels"], "delay_days": overrides.label_delay_days}
    if overrides.test_days is not None:
        changed["test_days"] = overrides.test_days
    if overrides.release:
        changed["release"] = {**said["release"], **overrides.release}
    return changed


def feature_table(table: str) -> dict[str, Any] | None:
    """What is said of a computed table; None when it is not one."""
    return next((said for _, said in _documents(FEATURES) if said["key"] == table), None)


def _documents(template: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file, document in _all_documents():
        if document["type"].rpartition(".")[2] == template:
            yield file, document["attributes"]


@cache
def _all_documents() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (file, document)
        for file in sorted(DEFS.glob("*/defs.yaml"))
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if document
    ]
