"""Template: owners and days, said once for all documents of a ``defs.yaml``.

It defines no asset; the other templates complete their documents by it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg

from ml_assets.components.configured import Configured
from ml_assets.configuration.file_defaults import DefaultsConfiguration


class Defaults(Configured[DefaultsConfiguration]):
    """Owners and days for all documents of the same file that leave them out."""

    configuration = DefaultsConfiguration

    @classmethod
    def broken(cls, attributes: Mapping[str, Any], file: Path, problem: str) -> Self:
        """An asset with the name of the folder in place of invalid defaults, which have no name."""
        return super().broken({**attributes, "name": file.parent.name}, file, problem)

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing."""
        del context
        return dg.Definitions()
