"""Table and column names of a model pipeline, for lineage queries."""

from dataclasses import dataclass

from ml_assets import nouns
from ml_assets.configuration import models
from ml_assets.configuration.parts import is_logged

SCORING = [
    nouns.PREDICTIONS,
    nouns.LABELS,
    nouns.PERFORMANCE,
    nouns.FEATURE_PROFILE,
    nouns.DRIFT_REPORT,
    nouns.PERFORMANCE_REPORT,
    nouns.LIKELY_CAUSES,
]
"""Tables that are computed for a day once there is a champion: second parts of their names, in order."""


@dataclass(frozen=True)
class PipelineTables:
    """Tables and columns of a model pipeline.

    Attributes:
        name: first part of its table names.
        features: feature table.
        labels: table with the labels.
        label: label column of that table.
        join_keys: columns that identify a row in both tables.
        is_logged: whether its predictions are from the prediction log.
    """

    name: str
    features: str
    labels: str
    label: str
    join_keys: tuple[str, ...]
    is_logged: bool = False

    def table(self, noun: str) -> str:
        """Name of one of the pipeline's tables."""
        return f"{self.name}/{noun}"

    @property
    def scoring(self) -> list[str]:
        """The tables that are computed for a day once there is a champion, in order."""
        return [nouns.LOGGED_PREDICTIONS, *SCORING] if self.is_logged else SCORING


def own_tables(name: str) -> PipelineTables:
    """A pipeline of which only its own tables are read, so that it need not be configured any more."""
    return PipelineTables(name=name, features="", labels="", label="", join_keys=())


def pipeline(name: str) -> PipelineTables:
    """The pipeline with a name.

    Raises:
        ConfigurationError: the name is unknown.
    """
    config = models.pipeline(name)
    return PipelineTables(
        name=name,
        features=config.features,
        labels=config.labels.asset,
        label=config.labels.column,
        join_keys=config.join_keys,
        is_logged=is_logged(config),
    )
