"""What questions need to know of a model pipeline."""

from dataclasses import dataclass

from ml_assets.configuration import documents


@dataclass(frozen=True)
class PipelineTables:
    """A model pipeline, as questions see it.

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


def pipeline(name: str) -> PipelineTables:
    """The pipeline of a name.

    Raises:
        ConfigurationError: there is none; the nearest name is given.
    """
    said = documents.pipeline(name)
    return PipelineTables(
        name=name,
        features=said.features,
        labels=said.labels.asset,
        label=said.labels.column,
        key=said.key,
    )
