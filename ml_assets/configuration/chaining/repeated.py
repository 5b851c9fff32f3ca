"""Documents that define the same table, part of a pipeline, or sensor: Dagster refuses them together."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets import nouns
from ml_assets.configuration.chaining.cycles import attributes_of
from ml_assets.configuration.file_defaults import (
    CHAINED,
    FEATURES,
    NEW_DAYS,
    PREDICTING,
    SOURCE,
    TEMPLATES,
)
from ml_assets.configuration.files.yaml_files import Document, template_of

BATCH, MONITORING = "BatchPredictions", "Monitoring"
PARTS = ("TrainedModel", "ModelRelease", BATCH, MONITORING)
"""Templates of one part of a pipeline."""

WHOLE = tuple(template for template in PREDICTING if template != BATCH)
"""Templates of a whole pipeline."""

SENSORS = {"ModelRelease": ("approval", "release"), MONITORING: ("days", "retraining")}
"""Part of a pipeline → second parts of the names of its sensors."""

NOUNS = [noun for name, noun in vars(nouns).items() if name.isupper()]


def repeated(
    template: str, attributes: Mapping[str, Any], documents: Sequence[Document]
) -> tuple[str, Document] | None:
    """What is wrong if other documents define what a document does, and the first of them all.

    Args:
        template: template of the document.
        attributes: its attributes.
        documents: all documents, with this one.
    """
    own = _defined(template, attributes)
    found = [
        (file, document)
        for file, document in documents
        if own & _defined(template_of(document), attributes_of(document))
    ]
    if len(found) < 2:
        return None
    shared = set.intersection(
        *(_defined(template_of(document), attributes_of(document)) for _, document in found)
    )
    places = [_place(one, documents) for one in found]
    what = min(shared or own, key=lambda one: (len(one), one))
    problem = (
        f"{what} is defined by {len(found)} documents: {', '.join(places)}. Give each a name of its own, or remove "
        "all but one."
    )
    return problem, found[0]


def _defined(template: str, attributes: Mapping[str, Any]) -> set[str]:
    """Tables, parts of pipelines, and sensors of a document."""
    if template in (SOURCE, FEATURES, CHAINED):
        return {str(attributes["key"])} if "key" in attributes else set()
    if template == NEW_DAYS:
        return {f"sensor {attributes['name']}"} if "name" in attributes else set()
    if template not in TEMPLATES or "pipeline" not in attributes:
        return set()
    name, parts = str(attributes["pipeline"]), PARTS if template in WHOLE else (template,)
    tables = {f"{name}/{noun}" for noun in NOUNS} if template in WHOLE else set()
    sensors = {f"sensor {name}__{one}" for part in parts for one in SENSORS.get(part, ())}
    return {*tables, *sensors, *(f"{part} of {name}" for part in parts)}


def _place(one: Document, documents: Sequence[Document]) -> str:
    """The file of a document, and its number there."""
    file, _ = one
    return f"{file.parent.name}/{file.name} (document {position_of(one, documents) + 1})"


def position_of(one: Document, documents: Sequence[Document]) -> int:
    """The position of a document in its file, from 0."""
    file, document = one
    beside = [other for place, other in documents if place == file]
    return next(position for position, other in enumerate(beside) if other is document)
