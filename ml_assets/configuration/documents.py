"""The ``defs.yaml`` files of the project: what each document says, read without Dagster."""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.pipeline import (
    BatchPredictionsConfiguration,
    ModelConfiguration,
    ModelReleaseConfiguration,
    MonitoringConfiguration,
    PipelineConfiguration,
    TrainedModelConfiguration,
)
from ml_assets.configuration.reading import read
from ml_assets.contracts.contract import is_keyed, key_columns
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion, unknown
from ml_assets.settings import settings

DEFS = Path(__file__).parents[1] / "defs"

FEATURES = "FeatureTable"
MODELS: dict[str, type[ModelConfiguration]] = {
    "ModelPipeline": PipelineConfiguration,
    "TrainedModel": TrainedModelConfiguration,
}
"""Templates, as the last part of a document's ``type``; those that say how a model is made."""

PARTS: dict[str, type[ModelConfiguration]] = {
    "TrainedModel": TrainedModelConfiguration,
    "ModelRelease": ModelReleaseConfiguration,
    "BatchPredictions": BatchPredictionsConfiguration,
    "Monitoring": MonitoringConfiguration,
}
"""Templates that say one part of a model pipeline."""

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
    found = _changed_by_environment(said, file, kind, where)
    for other_file, other, other_kind in _other_parts(name, file, kind):
        _refuse_contradiction(
            where, found, _changed_by_environment(other, other_file, other_kind, where)
        )
    return found


def _other_parts(
    pipeline: object, file: Path, part: type[ModelConfiguration]
) -> Iterator[tuple[Path, dict[str, Any], type[ModelConfiguration]]]:
    """Documents that say the other parts of a model pipeline, in the project and in a file."""
    others = {} if part is PipelineConfiguration else PARTS
    for template, kind in others.items():
        if kind is part:
            continue
        for of, said in _of_kind([*_own(file), *_all_documents()], template):
            if said.get("pipeline") == pipeline:
                yield of, said, kind


def _refuse_contradiction(where: str, one: ModelConfiguration, other: ModelConfiguration) -> None:
    """Refuse parts of one pipeline that describe different models.

    Raises:
        ConfigurationError: they do.
    """
    for name in ModelConfiguration.model_fields:
        if getattr(one, name) != getattr(other, name):
            raise ConfigurationError(
                f"{where} is not usable: '{name}' is {getattr(one, name)!r}, and another part of the "
                f"pipeline says {getattr(other, name)!r}. Say the same in both."
            )


def _changed_by_environment(said: Mapping[str, Any], file: Path, kind: type[C], where: str) -> C:
    """A document as it says it, and as the environment changes it; both have to be usable."""
    name = said.get("pipeline")
    found = read(kind, _with_tables(said, file, where), where)
    known = PipelineConfiguration.model_fields.keys() - kind.model_fields.keys()
    changes = {
        key: value
        for key, value in settings().pipelines.get(str(name), {}).items()
        if key not in known
    }
    if not changes:
        return found
    where = f"{where}, with ML_ASSETS_PIPELINES,"
    return read(kind, _with_tables(merged(said, changes), file, where), where)


def _with_tables(said: Mapping[str, Any], file: Path, where: str) -> dict[str, Any]:
    """Attributes of a model, with what the tables that it names say of days, owners, key, contracts.

    Raises:
        ConfigurationError: a table is none of this project, and its contract is not said.
    """
    labels = said.get("labels")
    label_table = labels.get("asset") if isinstance(labels, Mapping) else None
    features = feature_table(said.get("features"), file) or {}
    outcomes = feature_table(label_table, file)
    filled = {name: features[name] for name in ("owners", "days") if name in features} | dict(said)
    if isinstance(filled.get("days"), Mapping) and isinstance(features.get("days"), Mapping):
        filled["days"] = {**features["days"], **filled["days"]}
    contracts = filled.get("contracts") or {}
    if isinstance(contracts, Mapping):
        told = {"features": features.get("contract"), "outcomes": (outcomes or {}).get("contract")}
        contracts = {**{name: path for name, path in told.items() if path}, **contracts}
        filled["contracts"] = contracts
        if not contracts.get("training_dataset"):
            _refuse_unknown_table(where, "features", said.get("features"), "features", contracts)
            _refuse_unknown_table(where, "labels.asset", label_table, "outcomes", contracts)
        if "key" not in filled and isinstance(contracts.get("features"), str):
            contract = load_contract(contracts["features"])
            filled |= {"key": key_columns(contract)} if is_keyed(contract) else {}
    return filled


def _refuse_unknown_table(
    where: str, key: str, table: object, name: str, contracts: Mapping[str, Any]
) -> None:
    if isinstance(table, str) and not contracts.get(name):
        known = [str(said["key"]) for _, said in _documents(FEATURES) if "key" in said]
        raise ConfigurationError(
            f"{where} is not usable: '{key}' is '{table}', which is no FeatureTable of this "
            f"project.{suggestion(table, known)} If it is made otherwise, name its contract under "
            f"'contracts' as '{name}'."
        )


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
    found = [*_of_kind(_own(file), FEATURES), *_documents(FEATURES)]
    return next((said for _, said in found if said.get("key") == table), None)


def _own(file: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Documents of a file outside the project."""
    is_outside = file is not None and file.is_file() and not file.is_relative_to(DEFS)
    return documents_of(file) if file and is_outside else []


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
    return [(file, _resolved(document)) for document in _read(file) if isinstance(document, dict)]


def _resolved(value: Any) -> Any:
    """A value in which templates such as ``{{ env.X }}`` are replaced, as Dagster does it."""
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item) for item in value]
    if not (isinstance(value, str) and "{{" in value):
        return value
    from jinja2 import TemplateError
    from jinja2.nativetypes import NativeTemplate

    try:
        return NativeTemplate(value).render(env=_Variables())
    except TemplateError:  # for Dagster to tell, which resolves more than the environment
        return value


class _Variables:
    """Environment variables in a template: ``env.X``, or ``env('X', 'default')``."""

    def __call__(self, name: str, default: str | None = None) -> str | None:
        return os.environ.get(name, default)

    def __getattr__(self, name: str) -> str | None:
        if name.startswith("jinja"):
            raise AttributeError(name)
        return os.environ.get(name)


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
