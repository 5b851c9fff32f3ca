"""What a pipeline's ``defs.yaml`` says of it, read without Dagster, and names that are not known."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ml_assets.cadence import as_day, nearest
from ml_assets.errors import ConfigurationError

DEFS = Path(__file__).parents[1] / "defs"

MODEL, FEATURES = "ModelPipeline", "FeatureTable"
"""Templates, as the last part of a document's ``type``."""


@dataclass(frozen=True)
class Pipeline:
    """What questions need to know of a model pipeline.

    Attributes:
        name: first part of its table names.
        features: its feature table.
        labels: the table that labels come from.
        label: label column of that table.
        key: columns that identify a row in both.
    """

    name: str
    features: str
    labels: str
    label: str
    key: tuple[str, ...]

    def table(self, noun: str) -> str:
        """Name of one of the pipeline's tables."""
        return f"{self.name}/{noun}"


def pipelines() -> list[str]:
    """Names of all model pipelines."""
    return sorted(said["pipeline"] for said in _documents(MODEL))


def pipeline(name: str) -> Pipeline:
    """The pipeline of a name.

    Raises:
        ConfigurationError: there is none; the nearest name is given.
    """
    said = model_pipeline(name)
    labels = said["labels"]
    return Pipeline(
        name=name,
        features=said["features"],
        labels=labels["asset"],
        label=labels["column"],
        key=tuple(said["key"]),
    )


def model_pipeline(name: str) -> dict[str, Any]:
    """What ``defs.yaml`` says of a model pipeline.

    Raises:
        ConfigurationError: there is none; the nearest name is given.
    """
    found = {said["pipeline"]: said for said in _documents(MODEL)}
    if name not in found:
        raise unknown("pipeline", name, found)
    return found[name]


def feature_table(table: str) -> dict[str, Any] | None:
    """What ``defs.yaml`` says of a computed table; None when it is not one."""
    return next((said for said in _documents(FEATURES) if said["key"] == table), None)


def unknown(what: str, name: str, known: Collection[str]) -> ConfigurationError:
    """The error for a name that does not exist, with the nearest that does.

    Args:
        what: what is named: 'pipeline', 'table', 'day of a/table'.
        name: the name.
        known: the names that exist.
    """
    if not known:
        return ConfigurationError(f"There is no {what} '{name}': there is none at all yet.")
    ordered = sorted(known)
    near = _nearest_day(name, ordered) or difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    shown = ", ".join(ordered) if len(ordered) <= 12 else f"{ordered[0]} … {ordered[-1]}"
    meant = f" Is '{near[0]}' meant?" if near else ""
    return ConfigurationError(f"There is no {what} '{name}'. There is {shown}.{meant}")


def _nearest_day(name: str, known: Sequence[str]) -> list[str]:
    """The day that is nearest in time; none where these are no days."""
    if not as_day(name) or not all(map(as_day, known)):
        return []
    return [nearest(name, known)]


def _documents(template: str) -> Iterator[dict[str, Any]]:
    for document in _all_documents():
        if document["type"].rpartition(".")[2] == template:
            yield document["attributes"]


@cache
def _all_documents() -> list[dict[str, Any]]:
    files = sorted(DEFS.glob("*/defs.yaml"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]
