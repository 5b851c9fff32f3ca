"""Values that the document of a sensor leaves out, from the other documents of its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_assets.configuration.file_defaults import (
    CHAINED,
    FEATURES,
    NEW_DAYS,
    SOURCE,
    completed_documents,
)
from ml_assets.configuration.files.yaml_files import template_of

TABLES = ("sources", "snapshots", "tables")
"""Keys with the tables of a sensor."""


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
