"""Template: owners and days, said once for all documents of a ``defs.yaml``.

It defines no asset; the other templates complete their documents by it.
"""

import dagster as dg

from ml_assets.components.configured import Configured
from ml_assets.configuration.file_defaults import DefaultsConfiguration


class Defaults(Configured[DefaultsConfiguration]):
    """Owners and days for all documents of the same file that leave them out."""

    configuration = DefaultsConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing."""
        del context
        return dg.Definitions()
