"""Template: a feature table with predictions of other pipelines, for a model that uses their answers.

It is a ``FeatureTable`` whose function is ``learning.ensembles.chaining.chained``, and whose contract follows from
that of its features.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ml_assets.components.feature_table import FeatureTable
from ml_assets.configuration.chaining.section import (
    ROWS,
    ChainedFeaturesConfiguration,
    refuse_unusable,
    with_values_of,
)
from ml_assets.configuration.documents import (
    chained_table,
    computed_tables,
    feature_table,
    refuse_unusable_defaults,
)
from ml_assets.configuration.file_defaults import CHAINED, read_document
from ml_assets.configuration.models import pipeline
from ml_assets.configuration.tables import FeatureTableConfiguration
from ml_assets.contracts.lineage import Names
from ml_assets.learning.ensembles.chaining import IS_LATE
from ml_assets.learning.horizon import HORIZON
from ml_assets.names import unknown
from ml_assets.planning.inputs import Input
from ml_assets.provenance.provenance import Column


class ChainedFeatures(FeatureTable):
    """A feature table with predictions of other pipelines, as they were known at the time."""

    configuration = ChainedFeaturesConfiguration

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> FeatureTableConfiguration:
        """Validate the attributes, completed from the feature table and the pipelines.

        Raises:
            ConfigurationError: a key is missing or unknown, a table or pipeline is unknown, or
                predictions cannot become columns of the features.
        """
        refuse_unusable_defaults([attributes.get("features")], file)
        found = chained_table(attributes, file)
        features = feature_table(attributes.get("features"), file) or {}
        if not features and isinstance(attributes.get("features"), str):
            known = [str(config.get("key")) for _, config in computed_tables(file)]
            raise unknown("computed table", attributes["features"], known)
        completed = with_values_of(attributes, features)
        own = read_document(ChainedFeaturesConfiguration, CHAINED, completed, file)
        upstream = {column: pipeline(one.pipeline, file) for column, one in own.predictions.items()}
        targets = found["parameters"].get("targets", {})
        refuse_unusable(own, found["contract"], targets, upstream)
        return FeatureTable.read(found, file)

    @property
    def _names(self) -> Names:
        return {"feature_table": [self.config.inputs[ROWS].asset]}

    def _lineage(
        self, known: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, list[Column]]:
        """Column → its input columns; of a prediction also those that say whether a row has it."""
        features, parameters = self.config.inputs[ROWS].asset, self.config.parameters
        found = super()._lineage(known)
        for column, joined in parameters["joined"].items():
            table, target = (
                self.config.inputs[column].asset,
                parameters.get("targets", {}).get(column),
            )
            own = [*joined, *([parameters["cut"]] if target else [])]
            theirs = [*joined.values(), IS_LATE, *([HORIZON, target] if target else [])]
            deciding = [(features, name) for name in own] + [(table, name) for name in theirs]
            found[column] = [*dict.fromkeys([*found[column], *deciding])]
        return found

    @cached_property
    def _inputs(self) -> dict[str, Input]:
        """The features; and predictions, of which stored ones never change and some may be missing."""
        return {
            name: item if name == ROWS else replace(item, is_optional=True, is_pinned=True)
            for name, item in super()._inputs.items()
        }
