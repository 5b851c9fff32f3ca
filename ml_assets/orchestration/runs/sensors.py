"""Common settings of all sensors: interval, default status, errors."""

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

import dagster as dg

from ml_assets.errors import MLAssetsError
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.settings import settings

TickResult: TypeAlias = dg.RunRequest | dg.SkipReason | dg.SensorResult
Tick: TypeAlias = Callable[[dg.SensorEvaluationContext], TickResult]


def sensor(
    name: str, description: str, target: dg.AssetSelection, *, reads: str
) -> Callable[[Tick], dg.SensorDefinition]:
    """Decorate the tick function of a sensor, which has the workspace as a resource.

    A tick that raises one of our errors is skipped with its message.

    Args:
        name: the sensor's name.
        description: the sensor's description.
        target: assets that it may request.
        reads: what it reads, with which the skip reason begins when reading fails.
    """
    is_running = settings().sensors == "running"

    def decorated(tick: Tick) -> dg.SensorDefinition:
        @wraps(tick)
        def safe_tick(context: dg.SensorEvaluationContext) -> TickResult:
            try:
                return tick(context)
            except MLAssetsError as error:
                return dg.SkipReason(f"{reads} cannot be read: {error}")

        return dg.sensor(
            name=name,
            description=description,
            target=target,
            default_status=dg.DefaultSensorStatus["RUNNING" if is_running else "STOPPED"],
            minimum_interval_seconds=settings().sensor_seconds,
            required_resource_keys={WORKSPACE},
        )(safe_tick)

    return decorated
