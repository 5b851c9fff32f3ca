"""Values that the document of a sensor leaves out, from the other documents of its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_assets.configuration.documents import of_template, refuse_unreadable_files
from ml_assets.configuration.file_defaults import (
    CHAINED,
    FEATURES,
    NEW_DAYS,
    SOURCE,
    completed_documents,
)
from ml_assets.configuration.files.yaml_files import template_of
from ml_assets.configuration.tables import NewDaysConfiguration
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion

TABLES = ("sources", "snapshots", "tables")
"""Keys with the tables of a sensor."""


def refuse_unusable_tables(config: NewDaysConfiguration, file: Path) -> None:
    """Refuse sources and snapshots that no ``SourceTable`` document defines, and tables that are given twice.

    Args:
        config: configuration of a sensor.
        file: its file.

    Raises:
        ConfigurationError: there is one, or a file that may define it cannot be read.
    """
    known = {str(one.get("key")): one for _, one in of_template(SOURCE, file)}
    named = [(table, "sources") for table in config.sources]
    named += [(table, "snapshots") for table in config.snapshots]
    for table, key in named:
        if table not in known:
            refuse_unreadable_files()
            raise ConfigurationError(
                f"'{key}' names {table}, which no {SOURCE} document defines.{suggestion(table, known)}"
            )
        has_days = bool(known[table].get("days"))
        if has_days != (key == "sources"):
            right, has = ("sources", "has") if has_days else ("snapshots", "has no")
            raise ConfigurationError(
                f"'{key}' names {table}, which {has} days. Name it in '{right}'."
            )
    tables = [*config.sources, *config.snapshots, *config.tables]
    if twice := next((table for table in tables if tables.count(table) > 1), None):
        raise ConfigurationError(f"{twice} is given more than once. Remove all but one.")


def with_tables_of_file(attributes: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Attributes of a ``NewDays`` document, with name and tables from its file.

    If it names no tables, they are all ``SourceTable``, ``FeatureTable`` and ``ChainedFeatures``
    documents of its file, provided it is the file's only ``NewDays``. Its name is that of the file's
    pipeline, followed by ``__new_days``, if the file has one pipeline.

    Args:
        attributes: attributes of the document.
        file: file of the document.
    """
    documents = [document for _, document in completed_documents(file)] if file.is_file() else []
    found = [(template_of(one), one.get("attributes") or {}) for one in documents]
    pipelines = {config["pipeline"] for _, config in found if "pipeline" in config}
    completed = dict(attributes)
    if len(pipelines) == 1:
        completed.setdefault("name", f"{pipelines.pop()}__new_days")
    is_only_one = [template for template, _ in found].count(NEW_DAYS) == 1
    if is_only_one and not any(key in attributes for key in TABLES):
        sources = [config for template, config in found if template == SOURCE]
        completed["sources"] = [each.get("key") for each in sources if each.get("days")]
        completed["snapshots"] = [each.get("key") for each in sources if not each.get("days")]
        computed = [config for template, config in found if template in {FEATURES, CHAINED}]
        completed["tables"] = [each.get("key") for each in computed]
    return completed
