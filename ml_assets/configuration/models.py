"""The models of the project: their configuration, completed from the documents of their tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ml_assets.configuration.completion import completed
from ml_assets.configuration.documents import of_template, refuse_unreadable_files
from ml_assets.configuration.ensemble.checks import EnsembleChecks
from ml_assets.configuration.ensemble.section import (
    EnsembleConfiguration,
    OfEnsemble,
    estimator_of,
    unusable_pipelines,
)
from ml_assets.configuration.files.lines import line_of
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.parts import (
    BatchPredictionsConfiguration,
    ModelReleaseConfiguration,
    MonitoringConfiguration,
    PipelineConfiguration,
    TrainedModelConfiguration,
)
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.watching.alert_rules import alert_rule_problems
from ml_assets.errors import ConfigurationError
from ml_assets.learning.ensembles.reach import RuleProblem
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.names import unknown
from ml_assets.reading import Line, not_usable, read, without_line
from ml_assets.settings import settings

MODELS: dict[str, type[ModelConfiguration]] = {
    "ModelPipeline": PipelineConfiguration,
    "TrainedModel": TrainedModelConfiguration,
    "Ensemble": EnsembleConfiguration,
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
    refuse_unreadable_files()
    return sorted({str(config["pipeline"]) for _, config, _ in _models() if "pipeline" in config})


def pipelines_outside(folders: Collection[str]) -> list[str]:
    """Names of the model pipelines that are in none of some folders of ``defs/``."""
    return sorted(
        {
            str(config["pipeline"])
            for file, config, _ in _models()
            if "pipeline" in config and not {*file.parts} & {*folders}
        }
    )


def pipeline(name: str, file: Path | None = None) -> ModelConfiguration:
    """The configuration of a model, with values of the feature table and of the environment.

    Args:
        name: its name.
        file: a file outside the project that may define it, too.

    Raises:
        ConfigurationError: the pipeline is unknown or its configuration not usable, or a file cannot
            be read.
    """
    found = {config.get("pipeline"): (where, config, kind) for where, config, kind in _models(file)}
    if name not in found:
        refuse_unreadable_files()
        raise unknown("pipeline", name, [str(each) for each in found if each])
    where, config, kind = found[name]
    return pipeline_of(config, where, kind)


def pipeline_of(config: Mapping[str, Any], file: Path, kind: type[C]) -> C:
    """The configuration of a part of a model pipeline, or all of it, from a document.

    Missing attributes are completed, see ``completion``. The document is validated both with and
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
        for other_file, config in of_template(template, file):
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
    """A document with the changes of the environment; it is validated with and without them.

    An ensemble is validated with them alone, because its members have the changes of theirs.
    """
    name = config.get("pipeline")
    known = PipelineConfiguration.model_fields.keys() - kind.model_fields.keys()
    changes = {
        key: value
        for key, value in settings().pipelines.get(str(name), {}).items()
        if key not in known
    }
    if not changes or not issubclass(kind, EnsembleConfiguration):
        found = _read(config, file, kind, where, lambda path: line_of(file, config, path))
        if not changes:
            return found
    where = f"{where}, with ML_ASSETS_PIPELINES,"
    return _read(merged(config, changes), file, kind, where, without_line)


def _read(config: Mapping[str, Any], file: Path, kind: type[C], where: str, line: Line) -> C:
    """A document, completed and validated."""
    values = completed(config, file, kind, where)
    if not issubclass(kind, EnsembleConfiguration):
        found = read(kind, values, where, line)
        _refuse(alert_rule_problems(found), where, line)
        return found
    if "estimator" in values:
        text = "'estimator' of an ensemble follows from its members: remove it"
        raise not_usable(where, [(text, line(["estimator"]))])
    own = read(OfEnsemble, values, where, line)
    members = _members(own.ensemble, file, where, line)
    features = load_contract(own.contracts.features)
    problems = EnsembleChecks(own.ensemble, members, own.labels, features).problems()
    _refuse([one.below("ensemble") for one in problems], where, line)
    estimator = estimator_of(own.ensemble, members, features)
    ensemble = read(kind, {**values, "estimator": estimator}, where, line)
    seen = ensemble.seen_test_rows(members)
    _refuse([one.below("ensemble") for one in seen], where, line)
    _refuse(alert_rule_problems(ensemble), where, line)
    return ensemble


def _members(
    rules: EnsembleRules, file: Path, where: str, line: Line
) -> dict[str, ModelConfiguration]:
    """Member of an ensemble → its configuration.

    Raises:
        ConfigurationError: a member's pipeline is unknown, an ensemble itself, or not usable.
    """
    known = {str(config.get("pipeline")): kind for _, config, kind in _models(file)}
    unusable = unusable_pipelines(rules, known)
    _refuse([one.below("ensemble") for one in unusable], where, line)
    return {name: pipeline(one.pipeline, file) for name, one in rules.members.items()}


def _refuse(found: Sequence[RuleProblem], where: str, line: Line) -> None:
    """Refuse rules with problems.

    Raises:
        ConfigurationError: there is one.
    """
    if found:
        raise not_usable(where, [(one.message, line([*one.path])) for one in found])


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


def _models(
    file: Path | None = None,
) -> Iterator[tuple[Path, dict[str, Any], type[ModelConfiguration]]]:
    for template, kind in MODELS.items():
        for found, config in of_template(template, file):
            yield found, config, kind
