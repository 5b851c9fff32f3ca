"""The resources of a code location: the workspace and its IO managers."""

import dagster as dg

from ml_assets.orchestration.assets.model_io import ModelIOManager
from ml_assets.orchestration.assets.table_io import TableIOManager
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.settings import Settings
from ml_assets.workspace import Workspace


def resources(chosen: Settings | None = None) -> dict[str, dg.ResourceDefinition]:
    """The resources of assets, checks and sensors.

    The workspace has no Dagster configuration, because the UI would show the passwords in URLs.

    Args:
        chosen: settings of the workspace; when omitted, those of the environment at the start of
            each run or tick.
    """
    return {
        WORKSPACE: dg.ResourceDefinition(
            lambda _: Workspace(chosen) if chosen else Workspace.of_environment(),
            description="Lake, models, registry, approvals and source systems of the project.",
        ),
        "io_manager": _io_manager(TableIOManager),
        "model_io_manager": _io_manager(ModelIOManager),
    }


def sensor_context(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> dg.SensorEvaluationContext:
    """The context to evaluate a sensor outside the daemon."""
    assert definitions.resources is not None
    return dg.build_sensor_context(
        instance=instance,
        definitions=definitions,
        resources={WORKSPACE: definitions.resources[WORKSPACE]},
    )


def _io_manager(kind: type[TableIOManager | ModelIOManager]) -> dg.IOManagerDefinition:
    return dg.IOManagerDefinition(
        lambda context: kind(context.resources.workspace), required_resource_keys={WORKSPACE}
    )
