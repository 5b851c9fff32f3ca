"""A code location with the sources and the reference pipeline alone: five sensors instead of thirty-one."""

import dagster as dg

from ml_assets import definitions
from ml_assets.definitions import DEFS, defs
from ml_assets.settings import Settings

__all__ = ["defs"]

FOLDERS = ("sources", "flight_delays")


def _load_folders(chosen: Settings) -> dg.Definitions:
    return dg.Definitions.merge(*(definitions._load_folder(DEFS / name) for name in FOLDERS))


definitions._load_folders = _load_folders
