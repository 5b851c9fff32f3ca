"""The ``Defaults`` of a ``defs.yaml``: owners, days and freshness, said once for all documents of the file.

A model that has no name is called like the pipeline of its features.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from ml_assets.configuration.days import Days
from ml_assets.configuration.files.lines import line_of, line_of_text
from ml_assets.configuration.files.yaml_files import Document, documents_of, template_of
from ml_assets.configuration.sections import Owner, Section
from ml_assets.durations import Age
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.reading import read
from ml_assets.sources.file_names import FilePattern

DEFAULTS, FEATURES, SOURCE, NEW_DAYS = "Defaults", "FeatureTable", "SourceTable", "NewDays"
CHAINED = "ChainedFeatures"
PREDICTING = ("ModelPipeline", "Ensemble", "BatchPredictions")
"""Templates, by the last part of a document's ``type``."""

TEMPLATES = (
    *(DEFAULTS, SOURCE, FEATURES, CHAINED, NEW_DAYS, *PREDICTING),
    *("TrainedModel", "ModelRelease", "Monitoring"),
)
"""All templates of ``COMPONENTS``."""

COMPONENTS = "ml_assets.components."
"""First parts of the ``type`` of a document of this project."""

WITHOUT_OWNERS = (DEFAULTS, NEW_DAYS)
"""Templates whose documents have no owners."""

M = TypeVar("M", bound=BaseModel)


class DefaultsConfiguration(Section):
    """Values for all documents of a file that leave them out.

    Attributes:
        owners: ``team:…`` names.
        days: days of the tables and the cadence of their partitions. A table may give single keys of
            its own; a model has the days of its feature table, and these days if that has none.
        fresh_within: time from the end of a partition of a table, or of predictions, until it is
            stored, or else an alert tells so.
    """

    owners: tuple[Owner, ...] | None = Field(None, min_length=1)
    days: Days | None = None
    fresh_within: Age | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.owners or self.days or self.fresh_within):
            raise ValueError(
                "none of owners, days and fresh_within is given: give one, or remove it"
            )
        if empty := [name for name in self.model_fields_set if getattr(self, name) is None]:
            raise ValueError(f"{empty[0]} has no value: give one, or remove it")
        return self


def with_defaults(template: str, attributes: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Attributes of a document, completed by the ``Defaults`` of its file.

    Args:
        template: template of the document.
        attributes: its attributes.
        file: its file; without one, nothing is completed.

    Raises:
        ConfigurationError: the ``Defaults`` are not usable.
    """
    return _completed(template, attributes, defaults_of(file))


def defaults_of(file: Path) -> dict[str, Any]:
    """Attributes of the ``Defaults`` of a file; empty without one.

    Raises:
        ConfigurationError: they are not usable, or there are several.
    """
    return _defaults_in(documents_of(file)) if file.is_file() else {}


def read_document(model: type[M], template: str, attributes: Mapping[str, Any], file: Path) -> M:
    """Validate the attributes of a document, which are completed.

    Args:
        model: what they are validated as.
        template: template of the document.
        attributes: its attributes.
        file: its file.

    Raises:
        ConfigurationError: the ``Defaults`` of the file are not usable, so that not all attributes are
            known; a key is missing or unknown, or a value is outside its limits.
    """
    defaults_of(file)
    named = attributes.get("key") or attributes.get("name") or f"a {template}"
    where = f"{named} in {file.parent.name}/{file.name}"
    return read(model, dict(attributes), where, lambda path: line_of(file, attributes, path))


def completed_documents(file: Path) -> list[Document]:
    """The documents of a file, completed by its ``Defaults``.

    ``Defaults`` that are not usable complete nothing; ``read_document`` then refuses each document.

    Raises:
        ConfigurationError: the file cannot be read, or a document has an unknown ``type``.
    """
    documents = documents_of(file)
    for _, document in documents:
        _refuse_unknown_type(document, file)
    try:
        defaults = _defaults_in(documents)
    except ConfigurationError:
        defaults = {}
    return [
        (file, {**document, "attributes": _completed(template_of(document), attributes, defaults)})
        if isinstance(attributes := document.get("attributes") or {}, Mapping)
        else (file, document)
        for file, document in documents
    ]


def _refuse_unknown_type(document: Mapping[str, Any], file: Path) -> None:
    name = str(document.get("type"))
    if name.startswith(COMPONENTS) and template_of(document) not in TEMPLATES:
        known = [f"{COMPONENTS}{template}" for template in TEMPLATES]
        line = line_of_text(file, name)
        where = f" (line {line})" if line else ""
        raise ConfigurationError(
            f"{file.parent.name}/{file.name} is not usable: 'type' is '{name}'{where}, expected one of "
            f"{', '.join(TEMPLATES)} of {COMPONENTS.removesuffix('.')}.{suggestion(name, known)}"
        )


def _defaults_in(documents: Iterable[Document]) -> dict[str, Any]:
    found = [item for item in documents if template_of(item[1]) == DEFAULTS]
    if not found:
        return {}
    file, document = found[0]
    where = f"{file.parent.name}/{file.name}"
    if len(found) > 1:
        raise ConfigurationError(
            f"{where} has {len(found)} documents of type {DEFAULTS}, expected at most one: write "
            "all values in one of them."
        )
    attributes = document.get("attributes") or {}
    read(
        DefaultsConfiguration,
        attributes,
        f"{DEFAULTS} in {where}",
        lambda path: line_of(file, {}, path),
    )
    return dict(attributes)


def _completed(
    template: str, attributes: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Attributes with owners, keys of days of a table that has days, and the name of a pipeline."""
    found = dict(attributes)
    if template != CHAINED and isinstance(features := attributes.get("features"), str):
        found.setdefault("pipeline", features.partition("/")[0])
    if "owners" in defaults and template not in WITHOUT_OWNERS:
        found.setdefault("owners", defaults["owners"])
    if "days" in defaults and _has_days(template, attributes):
        found["days"] = with_keys(attributes.get("days", {}), defaults["days"])
    has_partitions = template in (CHAINED, *PREDICTING) or _has_days(template, attributes)
    if "fresh_within" in defaults and has_partitions:
        found.setdefault("fresh_within", defaults["fresh_within"])
    return found


def with_keys(given: Any, defaults: Any) -> Any:
    """A section with the keys that it leaves out; what is no section stays as it is, to be refused."""
    is_section = isinstance(given, Mapping) and isinstance(defaults, Mapping)
    return {**defaults, **given} if is_section else given


def _has_days(template: str, attributes: Mapping[str, Any]) -> bool:
    """Whether a document is a table with days: not a snapshot, and no model."""
    if template != SOURCE:
        return template == FEATURES
    files = attributes.get("files")
    return bool(attributes.get("time_column")) or (isinstance(files, str) and _has_date(files))


def _has_date(files: str) -> bool:
    try:
        return FilePattern(files).has_date
    except ConfigurationError:
        return False
