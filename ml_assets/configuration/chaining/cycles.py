"""Whether a computed table is made from itself, by what documents name."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.configuration.chaining.section import pipelines_of, predictions_of, sections_of
from ml_assets.configuration.file_defaults import CHAINED
from ml_assets.configuration.files.yaml_files import template_of
from ml_assets.errors import ConfigurationError

DocumentText = Mapping[str, Any]
"""``type`` and ``attributes`` of a document."""


def refuse_cycle(
    template: str, attributes: Mapping[str, Any], documents: Sequence[DocumentText]
) -> None:
    """Refuse the document of a computed table that is made from itself.

    Args:
        template: its template.
        attributes: its attributes.
        documents: all documents.

    Raises:
        ConfigurationError: it is.
    """
    key, seen = attributes.get("key"), set[str]()
    found = _made_from(template, attributes)
    while found := [table for table in found if table not in seen]:
        if key in found:
            raise ConfigurationError(
                f"{key} in defs.yaml is made from itself, through {', '.join(sorted(seen)) or key}. "
                "Name features and pipelines that do not use it."
            )
        seen.update(found)
        found = [
            table
            for document in documents
            if _made_by(attributes_of(document)) in found
            for table in _made_from(template_of(document), attributes_of(document))
        ]


def attributes_of(document: DocumentText) -> Mapping[str, Any]:
    """The attributes of a document; none if they are not usable."""
    found = document.get("attributes")
    return found if isinstance(found, Mapping) else {}


def _made_by(attributes: Mapping[str, Any]) -> str:
    """The table of a document, or the predictions of a pipeline."""
    if "pipeline" in attributes:
        return predictions_of(str(attributes["pipeline"]))
    return str(attributes.get("key"))


def _made_from(template: str, attributes: Mapping[str, Any]) -> list[str]:
    """Tables that a document names as what it is made from."""
    inputs, labels = attributes.get("inputs"), attributes.get("labels")
    sections = [*sections_of(inputs).values(), *([labels] if isinstance(labels, Mapping) else [])]
    ensemble = attributes.get("ensemble")
    members = ensemble.get("members") if isinstance(ensemble, Mapping) else {}
    predicting = [one.get("pipeline") for one in sections_of(members).values()]
    if template == CHAINED:
        predicting += pipelines_of(attributes).values()
    return [
        *(str(one.get("asset")) for one in sections),
        *([str(attributes["features"])] if "features" in attributes else []),
        *(predictions_of(str(name)) for name in predicting),
    ]
