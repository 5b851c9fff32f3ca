"""The function of a computed table in its definition metadata, where commands find it."""

from collections.abc import Mapping
from typing import Any, cast

from ml_assets.lineage.measurement.feature_function import FeatureFunction
from ml_assets.orchestration.storage.objects import ObjectMetadataValue

FUNCTION_KEY = "ml_assets/function"
"""Definition metadata of a computed table: its function, shown by its dotted path."""


def function_metadata(function: FeatureFunction) -> dict[str, ObjectMetadataValue]:
    """The metadata of a computed table."""
    return {FUNCTION_KEY: ObjectMetadataValue(function.path, instance=function)}


def function_of(metadata: Mapping[str, Any]) -> FeatureFunction | None:
    """The function in an asset's definition metadata; None for a table without one."""
    found = metadata.get(FUNCTION_KEY)
    return cast("FeatureFunction", found.instance) if found is not None else None
