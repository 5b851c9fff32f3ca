"""The code location: everything under ``defs/``, the default IO manager and the executor."""

from pathlib import Path

import dagster as dg

from ml_assets.data_folder import keep_private
from ml_assets.orchestration.model_io import ModelIOManager
from ml_assets.orchestration.table_io import TableIOManager
from ml_assets.settings import settings

EXECUTORS = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
}


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of this project."""
    keep_private(settings().data)
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(
            resources={"io_manager": TableIOManager(), "model_io_manager": ModelIOManager()},
            executor=EXECUTORS[settings().executor],
        ),
    )
