"""The documents of the ``defs.yaml`` files of the project, read without Dagster, and their tables."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_assets import nouns
from ml_assets.configuration.chaining.cycles import attributes_of, refuse_cycle
from ml_assets.configuration.chaining.repeated import position_of, repeated
from ml_assets.configuration.chaining.section import as_feature_table, pipelines_of
from ml_assets.configuration.days import Days
from ml_assets.configuration.file_defaults import (
    CHAINED,
    FEATURES,
    SOURCE,
    completed_documents,
    defaults_of,
    read_document,
)
from ml_assets.configuration.files.yaml_files import Document, template_of
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.contracts.contract import key_columns
from ml_assets.errors import ConfigurationError

DEFS = Path(__file__).parents[1] / "defs"


def of_template(template: str, file: Path | None = None) -> Iterator[Document]:
    """File and attributes of each document of a template, completed by the ``Defaults`` of its file.

    Files that cannot be read are left out; the code location shows them as broken.

    Args:
        template: last part of its ``type``.
        file: a file outside the project whose documents come first.
    """
    for found, document in _documents(file):
        if template_of(document) == template:
            yield found, dict(attributes_of(document))


def refuse_unreadable_files() -> None:
    """Refuse files of the project that cannot be read, as their documents are unknown.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    for error in unreadable_files().values():
        raise error


def unreadable_files() -> dict[str, ConfigurationError]:
    """Folder of each file of the project that cannot be read, so that its documents are unknown → why."""
    return _read_files()[1]


def feature_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of a computed table; None when it is not one.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    return _table(table, [FEATURES, CHAINED], file)


def computed_tables(file: Path | None = None) -> Iterator[Document]:
    """File and attributes of each computed table, as those of a ``FeatureTable``.

    Tables that are made from themselves are left out; the code location shows them as broken.

    Args:
        file: a file outside the project whose documents come first.
    """
    yield from of_template(FEATURES, file)
    for found, config in of_template(CHAINED, file):
        try:
            yield found, chained_table(config, file)
        except ConfigurationError:
            continue


def chained_table(attributes: Mapping[str, Any], file: Path | None = None) -> dict[str, Any]:
    """A ``ChainedFeatures`` document as the attributes of a ``FeatureTable``.

    Args:
        attributes: its attributes, which need not be usable.
        file: a file outside the project that may define its tables and pipelines, too.

    Raises:
        ConfigurationError: it is made from itself.
    """
    refuse_cycle(CHAINED, attributes, [document for _, document in _documents(file)])
    features = feature_table(attributes.get("features"), file) or {}
    upstream = {
        column: _with_keys(pipeline, file) for column, pipeline in pipelines_of(attributes).items()
    }
    return as_feature_table(attributes, features, upstream)


def conflict_of(
    template: str, attributes: Mapping[str, Any], file: Path, number: int | str | None
) -> tuple[str, bool] | None:
    """What is wrong with a document beside the others, and whether it is the first in this conflict.

    Dagster refuses definitions that are made twice, or from themselves, and with them all others.

    Args:
        template: template of the document.
        attributes: its attributes.
        file: its file.
        number: its number in the file; when omitted, its attributes tell it from the others.
    """
    is_inside = file.is_relative_to(DEFS)
    documents = _read_files()[0] if is_inside else _outside_documents(file)
    if found := repeated(template, attributes, documents):
        problem, first = found
        place, document = first
        is_same = (
            attributes_of(document) == attributes
            if number is None
            else position_of(first, documents) == number
        )
        return problem, place == file and is_same
    try:
        if template == FEATURES:
            refuse_cycle(template, attributes, [document for _, document in documents])
    except ConfigurationError as error:
        return str(error), True
    return None


def predicted_table(predictions: str, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of the computed table that a pipeline predicts; None for tables of another kind.

    Args:
        predictions: asset key.
        file: a file outside the project that may define the pipeline, too.
    """
    pipeline, _, noun = predictions.rpartition("/")
    if noun != nouns.PREDICTIONS:
        return None
    return feature_table(_model(pipeline, file).get("features"), file)


def described_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of a computed table or a source table; None for another asset.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    return _table(table, [FEATURES, CHAINED, SOURCE], file)


def _table(table: object, templates: Collection[str], file: Path | None) -> dict[str, Any] | None:
    for _, document in _documents(file):
        config = attributes_of(document)
        if template_of(document) in templates and config.get("key") == table:
            is_chained = template_of(document) == CHAINED
            return chained_table(config, file) if is_chained else dict(config)
    return None


def _model(pipeline: str, file: Path | None) -> Mapping[str, Any]:
    """Attributes of a pipeline; empty for an unknown one."""
    every = (attributes_of(document) for _, document in _documents(file))
    return next((one for one in every if one.get("pipeline") == pipeline), {})


def _with_keys(pipeline: str, file: Path | None) -> dict[str, Any]:
    """Attributes of a pipeline with its join keys; none of these if its tables are not usable."""
    found = _model(pipeline, file)
    try:
        features = feature_table(found.get("features"), file) or {}
        keys = key_columns(load_contract(str(features.get("contract"))))
    except ConfigurationError:
        keys = []
    return {"join_keys": keys, **found}


def _documents(file: Path | None) -> list[Document]:
    return [*_outside_documents(file), *_read_files()[0]]


def refuse_unusable_defaults(tables: Collection[object], file: Path) -> None:
    """Refuse tables whose documents are not complete.

    Args:
        tables: their asset keys.
        file: a file outside the project that may define them, too.

    Raises:
        ConfigurationError: the ``Defaults`` of the file of one of them are not usable.
    """
    for found, document in _documents(file):
        if attributes_of(document).get("key") in tables:
            defaults_of(found)


def source_tables() -> tuple[dict[str, SourceTableConfiguration], dict[str, ConfigurationError]]:
    """Asset key → configuration of each source table that is usable, and of the others why it is not."""
    found, broken = {}, {}
    for file, config in of_template(SOURCE):
        key = str(config.get("key"))
        try:
            found[key] = read_document(SourceTableConfiguration, SOURCE, config, file)
        except ConfigurationError as error:
            broken[key] = error
    return found, broken


def days_of(table: str, file: Path | None = None) -> Days | None:
    """The days of a table that a document describes, or of the predictions of a pipeline.

    None for a snapshot or another asset.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    days = (described_table(table, file) or predicted_table(table, file) or {}).get("days")
    try:
        return Days.model_validate(days) if days else None
    except ValidationError:  # the table itself is shown as broken
        return None


def sources_of(table: str) -> list[str]:
    """The source tables that a table is computed from, directly or through other tables."""
    sources = {str(config.get("key")) for _, config in of_template(SOURCE)}
    return [found for found in lineage_of(table) if found in sources]


def lineage_of(table: str) -> list[str]:
    """The tables that a table is computed from, directly or through others, then the table itself."""
    return [*_lineage(table, {})]


def _lineage(table: str, entered: dict[str, None]) -> dict[str, None]:
    """Tables upstream of one, then the table; ``entered`` are not entered again, as documents may have cycles."""
    found: dict[str, None] = {}
    if table not in entered:
        inputs = (feature_table(table) or {}).get("inputs") or {}
        for each in inputs.values():
            found |= _lineage(str(each.get("asset")), {**entered, table: None})
    return {**found, table: None}


def _outside_documents(file: Path | None) -> list[Document]:
    """Documents of a file outside the project."""
    is_outside = file is not None and file.is_file() and not file.is_relative_to(DEFS)
    return completed_documents(file) if file and is_outside else []


def read_anew() -> None:
    """Read the files of the project again when they are asked for next; a process reads them once."""
    _read_files.cache_clear()


@cache
def _read_files() -> tuple[list[Document], dict[str, ConfigurationError]]:
    """The documents of all files, and folder → error of each file that cannot be read."""
    found: list[Document] = []
    errors: dict[str, ConfigurationError] = {}
    for file in sorted(DEFS.rglob("defs.yaml")):
        try:
            found += completed_documents(file)
        except ConfigurationError as error:
            errors[file.parent.name] = error
    return found, errors
