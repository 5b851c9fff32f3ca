"""Cadences of the inputs of a computed table, from the documents of the inputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_assets.configuration.documents import days_of
from ml_assets.errors import ConfigurationError


def with_input_cadences(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Attributes of a computed table, with the cadence of each input that a document describes.

    Args:
        config: attributes of the document.
        file: file of the document.

    Raises:
        ConfigurationError: the partitions of an input begin in another time zone.
    """
    inputs, days = config.get("inputs"), config.get("days")
    if not isinstance(inputs, Mapping) or not isinstance(days, Mapping):
        return dict(config)
    zone = days.get("timezone", "UTC")
    filled = {}
    for name, item in inputs.items():
        known = days_of(str(item.get("asset")), file) if isinstance(item, Mapping) else None
        if known and known.timezone != zone:
            raise ConfigurationError(
                f"{config.get('key')} in {file.parent.name}/{file.name} is not usable: its partitions "
                f"begin in {zone}, but those of its input {item['asset']} in {known.timezone}. Set "
                "the same timezone in the days of both."
            )
        filled[name] = {"cadence": known.cadence, **item} if known else item
    return {**config, "inputs": filled}
