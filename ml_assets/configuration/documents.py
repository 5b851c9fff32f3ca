"""The documents of the ``defs.yaml`` files of the project, read without Dagster, and their tables."""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_assets.configuration.days import Days
from ml_assets.configuration.file_defaults import FEATURES, SOURCE, completed_documents
from ml_assets.configuration.files.yaml_files import Document, template_of
from ml_assets.configuration.reading import read
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.errors import ConfigurationError

DEFS = Path(__file__).parents[1] / "defs"


def of_template(template: str, file: Path | None = None) -> Iterator[Document]:
    """File and attributes of each document of a template, completed by the ``Defaults`` of its file.

    Files that cannot be read are left out; the code location shows them as broken.

    Args:
        template: last part of its ``type``.
        file: a file outside the project whose documents come first.
    """
    yield from _of_templates([template], file)


def refuse_unreadable_files() -> None:
    """Refuse files of the project that cannot be read, as their documents are unknown.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    _, errors = _read_files()
    if errors:
        raise errors[0]


def feature_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of a computed table; None when it is not one.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    return _table(table, [FEATURES], file)


def described_table(table: object, file: Path | None = None) -> dict[str, Any] | None:
    """Attributes of a computed table or a source table; None for another asset.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    return _table(table, [FEATURES, SOURCE], file)


def _table(table: object, templates: Collection[str], file: Path | None) -> dict[str, Any] | None:
    documents = (config for _, config in _of_templates(templates, file))
    return next((config for config in documents if config.get("key") == table), None)


def _of_templates(templates: Collection[str], file: Path | None) -> Iterator[Document]:
    for found, document in [*_outside_documents(file), *_read_files()[0]]:
        if template_of(document) in templates:
            yield found, document.get("attributes") or {}


def source_tables() -> dict[str, SourceTableConfiguration]:
    """Asset key → configuration of each source table.

    Raises:
        ConfigurationError: one of them is not usable.
    """
    found = {}
    for file, config in of_template(SOURCE):
        what = f"{config.get('key')} in {file.parent.name}/{file.name}"
        found[str(config.get("key"))] = read(SourceTableConfiguration, config, what)
    return found


def days_of(table: str, file: Path | None = None) -> Days | None:
    """The days of a table that a document describes; None for a snapshot or another asset.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.
    """
    days = (described_table(table, file) or {}).get("days")
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
    inputs = (feature_table(table) or {}).get("inputs") or {}
    found = [one for each in inputs.values() for one in lineage_of(str(each.get("asset")))]
    return list(dict.fromkeys([*found, table]))


def _outside_documents(file: Path | None) -> list[Document]:
    """Documents of a file outside the project."""
    is_outside = file is not None and file.is_file() and not file.is_relative_to(DEFS)
    return completed_documents(file) if file and is_outside else []


@cache
def _read_files() -> tuple[list[Document], list[ConfigurationError]]:
    """The documents of all files, and an error for each file that cannot be read."""
    found: list[Document] = []
    errors: list[ConfigurationError] = []
    for file in sorted(DEFS.rglob("defs.yaml")):
        try:
            found += completed_documents(file)
        except ConfigurationError as error:
            errors.append(error)
    return found, errors
