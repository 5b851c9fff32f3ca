"""The ``defs.yaml`` files of the project: their documents, read without Dagster."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ml_assets.configuration.days import Days
from ml_assets.configuration.lead import computed_table, lead_of
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
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.configuration.yaml_files import documents_of
from ml_assets.contracts.contract import is_keyed, key_columns
from ml_assets.durations import Duration
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion, unknown
from ml_assets.settings import settings

DEFS = Path(__file__).parents[1] / "defs"

FEATURES, SOURCE = "FeatureTable", "SourceTable"
MODELS: dict[str, type[ModelConfiguration]] = {
    "ModelPipeline": PipelineConfiguration,
    "TrainedModel": TrainedModelConfiguration,
}
"""Templates that define how a model is trained, by the last part of a document's ``type``."""

PARTS: dict[str, type[ModelConfiguration]] = {
    "TrainedModel": TrainedModelConfiguration,
    "ModelRelease": ModelReleaseConfiguration,
    "BatchPredictions": BatchPredictionsConfiguration,
    "Monitoring": MonitoringConfiguration,
}
"""Templates of one part of a model pipeline."""

C = TypeVar("C", bound=ModelConfiguration)


def pipelines() -> list[str]:
    """Names of all model pipelines.

    Raises:
        ConfigurationError: a file cannot be read, so its pipelines are unknown.
    """
    _, errors = _read_files()
    if errors:
        raise errors[0]
    return sorted({str(config["pipeline"]) for _, config, _ in _models() if "pipeline" in config})


def pipeline(name: str) -> ModelConfiguration:
    """The configuration of a model, with values of the feature table and of the environment.

    Raises:
        ConfigurationError: the pipeline is unknown or its configuration not usable.
    """
    found = {config.get("pipeline"): (file, config, kind) for file, config, kind in _models()}
    if name not in found:
        raise unknown("pipeline", name, pipelines())
    file, config, kind = found[name]
    return pipeline_of(config, file, kind)


def pipeline_of(config: Mapping[str, Any], file: Path, kind: type[C]) -> C:
    """The configuration of a part of a model pipeline, or all of it, from a document.

    Missing attributes are taken from the feature table. The document is validated both with and
    without the changes of the environment.

    Args:
        config: attributes of the document.
        file: file of the document.
        kind: class of the part.

    Raises:
        ConfigurationError: a key is missing or unknown, or a value is outside its limits.
    """
    name = config.get("pipeline", "a ModelPipeline")
    where = f"{name} in {file.parent.name}/{file.name}"
    found = _changed_by_environment(config, file, kind, where)
    for other_file, other, other_kind in _other_parts(name, file, kind):
        _refuse_contradiction(
            where, found, _changed_by_environment(other, other_file, other_kind, where)
        )
    return found


def _other_parts(
    pipeline: object, file: Path, part: type[ModelConfiguration]
) -> Iterator[tuple[Path, dict[str, Any], type[ModelConfiguration]]]:
    """Documents of the other parts of a model pipeline, in the project and in a file."""
    others = {} if part is PipelineConfiguration else PARTS
    for template, kind in others.items():
        if kind is part:
            continue
        documents = _of_kind([*_outside_documents(file), *_all_documents()], template)
        for other_file, config in documents:
            if config.get("pipeline") == pipeline:
                yield other_file, config, kind


def _refuse_contradiction(where: str, one: ModelConfiguration, other: ModelConfiguration) -> None:
    """Refuse parts of one pipeline that describe different models.

    Raises:
        ConfigurationError: they do.
    """
    for name in ModelConfiguration.model_fields:
        if getattr(one, name) != getattr(other, name):
            raise ConfigurationError(
                f"{where} is not usable: '{name}' is {getattr(one, name)!r}, but "
                f"{getattr(other, name)!r} in another part of the pipeline. Set both to one value."
            )


def _changed_by_environment(config: Mapping[str, Any], file: Path, kind: type[C], where: str) -> C:
    """A document with the changes of the environment; it is validated with and without them."""
    name = config.get("pipeline")
    found = read(kind, _with_tables(config, file, where), where)
    known = PipelineConfiguration.model_fields.keys() - kind.model_fields.keys()
    changes = {
        key: value
        for key, value in settings().pipelines.get(str(name), {}).items()
        if key not in known
    }
    if not changes:
        return found
    where = f"{where}, with ML_ASSETS_PIPELINES,"
    return read(kind, _with_tables(merged(config, changes), file, where), where)


def _with_tables(config: Mapping[str, Any], file: Path, where: str) -> dict[str, Any]:
    """Attributes of a model, with days, owners, join keys and contracts completed from its tables.

    Raises:
        ConfigurationError: a table is unknown, and its contract is not set.
    """
    labels = config.get("labels")
    label_table = labels.get("asset") if isinstance(labels, Mapping) else None
    features = feature_table(config.get("features"), file) or {}
    outcomes = feature_table(label_table, file)
    defaults: dict[str, Any] = {
        name: features[name] for name in ("owners", "days") if name in features
    }
    filled = defaults | _lead_of(features, file) | dict(config)
    if isinstance(filled.get("days"), Mapping) and isinstance(features.get("days"), Mapping):
        filled["days"] = {**features["days"], **filled["days"]}
    contracts = filled.get("contracts") or {}
    if isinstance(contracts, Mapping):
        own = {"features": features.get("contract"), "outcomes": (outcomes or {}).get("contract")}
        contracts = {**{name: path for name, path in own.items() if path}, **contracts}
        filled["contracts"] = contracts
        if not contracts.get("training_dataset"):
            _refuse_unknown_table(where, "features", config.get("features"), "features", contracts)
            _refuse_unknown_table(where, "labels.asset", label_table, "outcomes", contracts)
        if "join_keys" not in filled and isinstance(contracts.get("features"), str):
            contract = load_contract(contracts["features"])
            filled |= {"join_keys": key_columns(contract)} if is_keyed(contract) else {}
    return filled


def _lead_of(features: Mapping[str, Any], file: Path) -> dict[str, str]:
    """The lead of a feature table, if its document can be used."""
    table = computed_table(features)
    if table is None:
        return {}
    lead = lead_of(
        table, lambda key: computed_table(feature_table(key, file)) or days_of(key, file)
    )
    return {"lead": Duration.of(lead, table.days.cadence).text}


def _refuse_unknown_table(
    where: str, key: str, table: object, name: str, contracts: Mapping[str, Any]
) -> None:
    if isinstance(table, str) and not contracts.get(name):
        documents = _documents(FEATURES)
        known = [str(config["key"]) for _, config in documents if "key" in config]
        raise ConfigurationError(
            f"{where} is not usable: '{key}' is '{table}', which is no FeatureTable of this "
            f"project.{suggestion(table, known)} For another kind of table, set its contract "
            f"under 'contracts' as '{name}'."
        )


def merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with changes: sections are merged key by key, other values replaced."""
    return {
        **config,
        **{
            key: merged(config[key], value)
            if isinstance(value, Mapping) and isinstance(config.get(key), Mapping)
            else value
            for key, value in changes.items()
        },
    }


def feature_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of a computed table; None when it is not one.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    found = [*_of_kind(_outside_documents(file), FEATURES), *_documents(FEATURES)]
    return next((config for _, config in found if config.get("key") == table), None)


def source_tables() -> dict[str, SourceTableConfiguration]:
    """Asset key → configuration of each source table.

    Raises:
        ConfigurationError: one of them is not usable.
    """
    found = {}
    for file, config in _documents(SOURCE):
        what = f"{config.get('key')} in {file.parent.name}/{file.name}"
        found[str(config.get("key"))] = read(SourceTableConfiguration, config, what)
    return found


def days_of(table: str, file: Path | None = None) -> Days | None:
    """The days of a table that a document describes; None for a snapshot or another asset.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    documents = [*_outside_documents(file), *_all_documents()]
    tables = [*_of_kind(documents, SOURCE), *_of_kind(documents, FEATURES)]
    found = [config for _, config in tables if config.get("key") == table]
    try:
        return Days.model_validate(found[0]["days"]) if found and found[0].get("days") else None
    except ValidationError:  # the table itself is shown as broken
        return None


def sources_of(table: str) -> list[str]:
    """The source tables that a table is computed from, directly or through other tables."""
    if any(config.get("key") == table for _, config in _documents(SOURCE)):
        return [table]
    inputs = (feature_table(table) or {}).get("inputs") or {}
    found = [source for each in inputs.values() for source in sources_of(str(each.get("asset")))]
    return list(dict.fromkeys(found))


def _outside_documents(file: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Documents of a file outside the project."""
    is_outside = file is not None and file.is_file() and not file.is_relative_to(DEFS)
    return documents_of(file) if file and is_outside else []


def _models() -> Iterator[tuple[Path, dict[str, Any], type[ModelConfiguration]]]:
    for template, kind in MODELS.items():
        for file, config in _documents(template):
            yield file, config, kind


def _documents(template: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    return _of_kind(_all_documents(), template)


def _of_kind(
    documents: Iterable[tuple[Path, dict[str, Any]]], template: str
) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file, document in documents:
        if str(document.get("type")).rpartition(".")[2] == template:
            yield file, document.get("attributes") or {}


def _all_documents() -> list[tuple[Path, dict[str, Any]]]:
    """Documents of all files that can be read; the code location shows the others as broken."""
    return _read_files()[0]


@cache
def _read_files() -> tuple[list[tuple[Path, dict[str, Any]]], list[ConfigurationError]]:
    """The documents of all files, and an error for each file that cannot be read."""
    found: list[tuple[Path, dict[str, Any]]] = []
    errors: list[ConfigurationError] = []
    for file in sorted(DEFS.rglob("defs.yaml")):
        try:
            found += documents_of(file)
        except ConfigurationError as error:
            errors.append(error)
    return found, errors
