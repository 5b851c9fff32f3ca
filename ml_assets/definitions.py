"""The code location: everything under ``defs/``, the default IO manager and the executor."""

from pathlib import Path

import dagster as dg

from ml_assets.configuration.documents import pipelines
from ml_assets.configuration.names import unknown
from ml_assets.data_folder import keep_private
from ml_assets.errors import MLAssetsError
from ml_assets.orchestration.assets.model_io import ModelIOManager
from ml_assets.orchestration.assets.table_io import TableIOManager
from ml_assets.orchestration.runs.runs import silence_notices
from ml_assets.settings import settings

EXECUTORS = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
}


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of this project."""
    keep_private(settings().data)
    _refuse_unknown_pipelines()
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(
            resources={"io_manager": TableIOManager(), "model_io_manager": ModelIOManager()},
            executor=EXECUTORS[settings().executor],
        ),
    )


def project_definitions() -> dg.Definitions:
    """The project's definitions, loaded in this process, with Dagster's notices silenced.

    Raises:
        MLAssetsError: what made them unusable, without Dagster's wrapping.
    """
    silence_notices()
    try:
        return defs()
    except Exception as error:
        cause: BaseException | None = error
        while cause and not isinstance(cause, MLAssetsError):
            cause = cause.__cause__
        raise cause or error from None


def _refuse_unknown_pipelines() -> None:
    """Refuse pipelines that only the environment knows.

    Raises:
        ConfigurationError: there is one; the nearest name is given.
    """
    for name in settings().pipelines:
        if name not in pipelines():
            raise unknown("pipeline of ML_ASSETS_PIPELINES", name, pipelines())
