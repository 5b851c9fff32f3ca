"""The ``defs.yaml`` files of the project: what each document says, read without Dagster."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ml_assets.configuration.names import unknown
from ml_assets.configuration.pipeline import PipelineConfiguration
from ml_assets.configuration.reading import read
from ml_assets.errors import ConfigurationError
from ml_assets.settings import settings

DEFS = Path(__file__).parents[1] / "defs"

MODEL, FEATURES = "ModelPipeline", "FeatureTable"
"""Templates, as the last part of a document's ``type``."""


def pipelines() -> list[str]:
    """Names of all model pipelines."""
    return sorted(str(said["pipeline"]) for _, said in _documents(MODEL) if "pipeline" in said)


def pipeline(name: str) -> PipelineConfiguration:
    """The configuration of a model pipeline, with what the environment says otherwise.

    Raises:
        ConfigurationError: there is no such pipeline; the nearest name is given. Or it is not usable.
    """
    found = {said.get("pipeline"): (file, said) for file, said in _documents(MODEL)}
    if name not in found:
        raise unknown("pipeline", name, pipelines())
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
    found = read(PipelineConfiguration, said, where)
    changes = settings().pipelines.get(str(name))
    if not changes:
        return found
    return read(PipelineConfiguration, merged(said, changes), f"{where}, with ML_ASSETS_PIPELINES,")


def merged(said: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, with changes: of a section the keys that are named, otherwise the whole value."""
    return {
        **said,
        **{
            key: merged(said[key], value)
            if isinstance(value, Mapping) and isinstance(said.get(key), Mapping)
            else value
            for key, value in changes.items()
        },
    }


def feature_table(table: str) -> dict[str, Any] | None:
    """What is said of a computed table; None when it is not one."""
    return next((said for _, said in _documents(FEATURES) if said.get("key") == table), None)


def _documents(template: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file, document in _all_documents():
        if str(document.get("type")).rpartition(".")[2] == template:
            yield file, document.get("attributes") or {}


@cache
def _all_documents() -> list[tuple[Path, dict[str, Any]]]:
    """Every document that is a mapping; what else a file holds is for Dagster to refuse."""
    return [
        (file, document)
        for file in sorted(DEFS.rglob("defs.yaml"))
        for document in _read(file)
        if isinstance(document, dict)
    ]


def _read(file: Path) -> list[Any]:
    try:
        return list(yaml.load_all(file.read_text(encoding="utf-8"), Loader))
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError(
            f"{file.parent.name}/{file.name} is no YAML: {problem}. Correct it there."
        ) from None


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML as Dagster reads it: a day stays the text that it is."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
