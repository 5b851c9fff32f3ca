"""The ``defs.yaml`` files of the project: what each document says, read without Dagster."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ml_assets.configuration.names import unknown
from ml_assets.configuration.objects import load_object
from ml_assets.configuration.pipeline import (
    ModelConfiguration,
    PipelineConfiguration,
    TrainedModelConfiguration,
)
from ml_assets.configuration.reading import read
from ml_assets.contracts.contract import key_columns
from ml_assets.errors import ConfigurationError
from ml_assets.settings import settings

DEFS = Path(__file__).parents[1] / "defs"

FEATURES = "FeatureTable"
MODELS: dict[str, type[ModelConfiguration]] = {
    "ModelPipeline": PipelineConfiguration,
    "TrainedModel": TrainedModelConfiguration,
}
"""Templates, as the last part of a document's ``type``; those that say how a model is made."""

C = TypeVar("C", bound=ModelConfiguration)


def pipelines() -> list[str]:
    """Names of all model pipelines."""
    return sorted({str(said["pipeline"]) for _, said, _ in _models() if "pipeline" in said})


def pipeline(name: str) -> ModelConfiguration:
    """The configuration of a model, with what the feature table and the environment say.

    Raises:
        ConfigurationError: there is no such pipeline; the nearest name is given. Or it is not usable.
    """
    found = {said.get("pipeline"): (file, said, kind) for file, said, kind in _models()}
    if name not in found:
        raise unknown("pipeline", name, pipelines())
    file, said, kind = found[name]
    return pipeline_of(said, file, kind)


def pipeline_of(said: Mapping[str, Any], file: Path, kind: type[C]) -> C:
    """A part of a model pipeline, or all of it, as a document says it.

    What it does not say, the feature table says; what the environment says otherwise is validated
    as well.

    Args:
        said: the document's attributes.
        file: where they stand.
        kind: which parts it is.

    Raises:
        ConfigurationError: a key is missing or unknown, or a value is outside its limits.
    """
    name = said.get("pipeline", "a ModelPipeline")
    where = f"{name} in {file.parent.name}/{file.name}"
    found = read(kind, _with_tables(said, file), where)
    known = PipelineConfiguration.model_fields.keys() - kind.model_fields.keys()
    changes = {
        key: value
        for key, value in settings().pipelines.get(str(name), {}).items()
        if key not in known
    }
    if not changes:
        return found
    changed = _with_tables(merged(said, changes), file)
    return read(kind, changed, f"{where}, with ML_ASSETS_PIPELINES,")


def _with_tables(said: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Attributes of a model, with what the tables that it names say of days, owners, key, contracts."""
    labels = said.get("labels")
    features = feature_table(said.get("features"), file) or {}
    outcomes = feature_table(labels.get("asset") if isinstance(labels, Mapping) else None, file)
    filled = {name: features[name] for name in ("owners", "days") if name in features} | dict(said)
    contracts = filled.get("contracts") or {}
    if isinstance(contracts, Mapping):
        told = {"features": features.get("contract"), "outcomes": (outcomes or {}).get("contract")}
        contracts = {**{name: path for name, path in told.items() if path}, **contracts}
        filled["contracts"] = contracts
        if "key" not in filled and isinstance(contracts.get("features"), str):
            filled["key"] = key_columns(load_object(contracts["features"]))
    return filled


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


def feature_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """What is said of a computed table; None when it is not one.

    Args:
        table: its asset key.
        file: a file outside the project that may say it, too.
    """
    own = documents_of(file) if file and file.is_file() and not file.is_relative_to(DEFS) else []
    found = [*_of_kind(own, FEATURES), *_documents(FEATURES)]
    return next((said for _, said in found if said.get("key") == table), None)


def _models() -> Iterator[tuple[Path, dict[str, Any], type[ModelConfiguration]]]:
    for template, kind in MODELS.items():
        for file, said in _documents(template):
            yield file, said, kind


def _documents(template: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    return _of_kind(_all_documents(), template)


def _of_kind(
    documents: Iterable[tuple[Path, dict[str, Any]]], template: str
) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file, document in documents:
        if str(document.get("type")).rpartition(".")[2] == template:
            yield file, document.get("attributes") or {}


@cache
def _all_documents() -> list[tuple[Path, dict[str, Any]]]:
    return [one for file in sorted(DEFS.rglob("defs.yaml")) for one in documents_of(file)]


def documents_of(file: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every document of a file that is a mapping; what else it holds is for Dagster to refuse."""
    return [(file, document) for document in _read(file) if isinstance(document, dict)]


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
