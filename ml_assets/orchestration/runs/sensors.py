"""Common settings of all sensors and schedules: interval or times, default status, errors."""

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias, TypeVar

import dagster as dg

from ml_assets.errors import ConfigurationError, MLAssetsError
from ml_assets.names import suggestion
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.settings import settings

TickResult: TypeAlias = dg.RunRequest | dg.SkipReason | dg.SensorResult
RunOrSkip: TypeAlias = dg.RunRequest | dg.SkipReason
Tick: TypeAlias = Callable[[dg.SensorEvaluationContext], TickResult]
ScheduledTick: TypeAlias = Callable[[dg.ScheduleEvaluationContext], RunOrSkip]

Context = TypeVar("Context", dg.SensorEvaluationContext, dg.ScheduleEvaluationContext)
Result = TypeVar("Result")

ALL_ASSETS = "__ASSET_JOB"
"""Dagster's job of all assets. A job of some assets has to have the same partitions for all of them."""

CRON_NAMES = ("@hourly", "@daily", "@weekly", "@monthly")
"""Names that Dagster knows for cron schedules."""


def sensor(
    name: str,
    description: str,
    target: dg.AssetSelection | None,
    *,
    reads: str,
    default_status: str = "running",
) -> Callable[[Tick], dg.SensorDefinition]:
    """Decorate the tick function of a sensor, which has the workspace as a resource.

    A tick that raises one of our errors is skipped with its message.

    Args:
        name: the sensor's name.
        description: the sensor's description.
        target: assets that it may request; None if it requests no runs.
        reads: what it reads, with which the skip reason begins when reading fails.
        default_status: ``stopped`` if it waits to be switched on; ``running`` starts it unless the
            environment stops all sensors.
    """

    def decorated(tick: Tick) -> dg.SensorDefinition:
        return dg.sensor(
            name=name,
            description=description,
            asset_selection=target,
            default_status=dg.DefaultSensorStatus[_status(default_status)],
            minimum_interval_seconds=settings().sensor_seconds,
            required_resource_keys={WORKSPACE},
        )(_safe(tick, reads))

    return decorated


def schedule(
    name: str,
    description: str,
    *,
    cron: str,
    timezone: str,
    reads: str,
    default_status: str = "running",
) -> Callable[[ScheduledTick], dg.ScheduleDefinition]:
    """Decorate the tick function of a schedule; as ``sensor``, but ticking at the times of ``cron``.

    Args:
        name: the schedule's name.
        description: the schedule's description.
        cron: when it ticks, as a cron schedule.
        timezone: IANA zone of these times.
        reads: what it reads, with which the skip reason begins when reading fails.
        default_status: see ``sensor``.

    Raises:
        ConfigurationError: ``cron`` is no cron schedule.
    """

    def decorated(tick: ScheduledTick) -> dg.ScheduleDefinition:
        try:
            return dg.schedule(
                cron,
                name=name,
                description=description,
                job_name=ALL_ASSETS,
                execution_timezone=timezone,
                default_status=dg.DefaultScheduleStatus[_status(default_status)],
                required_resource_keys={WORKSPACE},
            )(_safe(tick, reads))
        except dg.DagsterInvalidDefinitionError as error:
            raise ConfigurationError(
                f"'schedule' of {name} in defs.yaml is '{cron}', which is no cron schedule."
                f"{suggestion(cron, CRON_NAMES)} Expected minute, hour, day of the month, month and "
                f"weekday, such as '0 6 * * *' for 06:00 each day, or one of {', '.join(CRON_NAMES)}."
            ) from error

    return decorated


def _safe(
    tick: Callable[[Context], Result], reads: str
) -> Callable[[Context], Result | dg.SkipReason]:
    """A tick that keeps one connection to the ledger's database, and is skipped if one of our errors is raised."""

    @wraps(tick)
    def safe_tick(context: Context) -> Result | dg.SkipReason:
        try:
            with context.resources.workspace.one_connection():
                return tick(context)
        except MLAssetsError as error:
            return dg.SkipReason(f"{reads} cannot be read: {error}")

    return safe_tick


def _status(default: str) -> str:
    is_running = default == settings().sensors == "running"
    return "RUNNING" if is_running else "STOPPED"
