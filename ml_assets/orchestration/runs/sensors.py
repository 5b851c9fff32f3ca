"""What all sensors have in common: when they look, whether they run, and what a failed look says."""

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

import dagster as dg

from ml_assets.errors import MLAssetsError
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.settings import settings

Asked: TypeAlias = dg.RunRequest | dg.SkipReason | dg.SensorResult
Look: TypeAlias = Callable[[dg.SensorEvaluationContext], Asked]
"""What a sensor does at a tick."""


def sensor(
    name: str, description: str, target: dg.AssetSelection, *, looks_at: str
) -> Callable[[Look], dg.SensorDefinition]:
    """Make a function the look of a sensor, which has the workspace as a resource.

    What the look cannot read is said, not raised; the next tick looks again.

    Args:
        name: the sensor's name.
        description: what it does.
        target: what it may ask for.
        looks_at: what it looks at, as its skip reason begins when that cannot be read.
    """
    is_running = settings().sensors == "running"

    def decorated(look: Look) -> dg.SensorDefinition:
        @wraps(look)
        def tick(context: dg.SensorEvaluationContext) -> Asked:
            try:
                return look(context)
            except MLAssetsError as error:
                return dg.SkipReason(f"{looks_at} cannot be looked at: {error}")

        return dg.sensor(
            name=name,
            description=description,
            target=target,
            default_status=dg.DefaultSensorStatus["RUNNING" if is_running else "STOPPED"],
            minimum_interval_seconds=settings().sensor_seconds,
            required_resource_keys={WORKSPACE},
        )(tick)

    return decorated
