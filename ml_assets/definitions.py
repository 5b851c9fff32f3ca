"""The code location: everything under ``defs/``, the resources and the executor."""

import gc

gc.disable()  # until all modules are imported

import importlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import dagster as dg

from ml_assets.components.broken import broken_folder, last_cause
from ml_assets.configuration.file_defaults import completed_documents
from ml_assets.configuration.files.yaml_files import refuse_unusable
from ml_assets.configuration.models import pipelines
from ml_assets.data_folder import keep_private
from ml_assets.errors import ConfigurationError, MLAssetsError
from ml_assets.names import unknown
from ml_assets.orchestration.alerts.sensor import alerts_sensor
from ml_assets.orchestration.resources import resources
from ml_assets.orchestration.runs.runs import broken_assets, silence_notices
from ml_assets.settings import Settings, settings

# Objects of modules exist as long as the process, so there is nothing to collect while they are made,
# and afterwards. The garbage collector would take a quarter of the time in which definitions load.
gc.freeze()
gc.enable()

silence_notices()  # Dagster's own commands load this module, and print what they are warned of

PACKAGE = Path(__file__).parent
DEFS = PACKAGE / "defs"

EXECUTORS = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
}


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of this project, for the workspace of the environment."""
    return _of_this_process()


@cache
def _of_this_process() -> dg.Definitions:
    """Definitions that Dagster asks for several times in a run: six times in ``dg launch``.

    They stay as long as the process, as its modules do, so that the garbage collector leaves them out.
    """
    with _no_collections():
        found = _loaded(settings(), resources())
        gc.freeze()
    return found


def project_definitions(chosen: Settings | None = None) -> dg.Definitions:
    """The project's definitions, loaded in this process.

    Args:
        chosen: settings of the workspace; when omitted, those of the environment at the start of
            each run or tick.

    Raises:
        MLAssetsError: the definitions are not usable; without Dagster's wrapping errors.
    """
    if chosen:
        _refuse_settings_of_the_process(chosen)
    try:
        return _loaded(chosen or settings(), resources(chosen))
    except Exception as error:
        cause: BaseException | None = error
        while cause and not isinstance(cause, MLAssetsError):
            cause = cause.__cause__
        raise cause or error from None


def _loaded(chosen: Settings, found: dict[str, dg.ResourceDefinition]) -> dg.Definitions:
    keep_private(chosen.data)
    with _no_collections():
        return dg.Definitions.merge(
            _load_folders(chosen),
            dg.Definitions(
                sensors=[alerts_sensor()], resources=found, executor=EXECUTORS[chosen.executor]
            ),
        )


@contextmanager
def _no_collections() -> Iterator[None]:
    """Nearly all objects of definitions stay, so that collecting what does not would take longest."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load_folders(chosen: Settings) -> dg.Definitions:
    """Everything under ``defs/``; a folder that cannot be read is one broken asset.

    Dagster reads all files before it builds a component, so one unreadable file fails all folders.
    Then each folder is loaded apart. ``dg.load_from_defs_folder`` would also describe every component
    of every installed package, such as Dagster's own, which takes longer than to read the files.

    Raises:
        ConfigurationError: the environment changes a pipeline that does not exist.
    """
    try:
        tree = dg.ComponentTree.for_project(PACKAGE)
        loaded = tree.build_defs(DEFS)
    except Exception:  # files under defs/ can raise anything
        folders = [
            path for path in sorted(DEFS.iterdir()) if path.is_dir() and path.name[0] not in "._"
        ]
        parts = [_load_folder(folder) for folder in folders]
        found = dg.Definitions.merge(*parts)
        complete = dg.Definitions.merge(found, dg.Definitions(resources=resources()))
        if not broken_assets(complete.resolve_asset_graph()):
            raise
        return found
    _refuse_unknown_pipelines(chosen)
    return dg.Definitions.merge(loaded, dg.Definitions(component_tree=tree))


def _load_folder(folder: Path) -> dg.Definitions:
    try:
        for file in sorted(folder.rglob("defs.yaml")):
            refuse_unusable(file)
            completed_documents(file)
        module = importlib.import_module(f"ml_assets.defs.{folder.name}")
        tree = dg.ComponentTree.from_module(defs_module=module, project_root=PACKAGE.parent)
        return tree.build_defs_at_path(folder)
    except ConfigurationError as error:
        return broken_folder(folder.name, str(error))
    except Exception as error:
        cause = last_cause(error)
        places = [
            frame
            for frame in traceback.extract_tb(cause.__traceback__)
            if str(DEFS) in frame.filename
        ]
        where = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
        problem = f"{type(cause).__name__}: {' '.join(str(cause).split())}{where}"
        return broken_folder(folder.name, problem)


def _refuse_settings_of_the_process(chosen: Settings) -> None:
    """Refuse changes of settings that are read from the environment when definitions load.

    Raises:
        ConfigurationError: such a setting differs from the environment.
    """
    for name in ("pipelines", "sensors", "sensor_seconds"):
        if getattr(chosen, name) != getattr(settings(), name):
            raise ConfigurationError(
                f"'{name}' is read from the environment when definitions load: set "
                f"ML_ASSETS_{name.upper()} instead."
            )


def _refuse_unknown_pipelines(chosen: Settings) -> None:
    """Refuse changes of unknown pipelines in the environment.

    Raises:
        ConfigurationError: a pipeline is unknown.
    """
    for name in chosen.pipelines:
        if name not in pipelines():
            raise unknown("pipeline of ML_ASSETS_PIPELINES", name, pipelines())
