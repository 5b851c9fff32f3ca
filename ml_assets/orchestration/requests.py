"""Asking for a run once: a unit of work has a name, and runs carry it as a tag.

However often a sensor ticks or its daemon restarts, a unit that is running or queued is not asked
for again; one whose run ended without doing it is, a few times.
"""

from collections.abc import Sequence

import dagster as dg

from ml_assets.orchestration.runs import Span
from ml_assets.settings import settings

UNIT = "ml_assets/unit"
"""Run tag that names the unit of work."""

MAX_ATTEMPTS = 3


def request(
    instance: dg.DagsterInstance, unit: str, keys: Sequence[dg.AssetKey], span: Span | None
) -> dg.RunRequest | dg.SkipReason:
    """A request for a run that does a unit of work which is not done yet, or why there is none.

    Args:
        instance: knows the runs there were.
        unit: name of the work, the same at every tick.
        keys: assets to materialize.
        span: their days; None for assets without days.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={UNIT: unit}))
    if any(not run.is_finished for run in runs):
        return dg.SkipReason(f"{unit} is running.")
    if is_given_up(instance, unit):
        return dg.SkipReason(
            f"{unit} failed {MAX_ATTEMPTS} times. Look at the runs with the tag {UNIT}={unit}, repair "
            "what they name, and materialize it by hand."
        )
    return dg.RunRequest(
        run_key=f"{unit}, attempt {len(runs) + 1}",
        asset_selection=list(keys),
        tags={UNIT: unit, **(span.tags() if span else {})},
    )


def is_given_up(instance: dg.DagsterInstance, unit: str) -> bool:
    """Whether a unit failed as often as it may."""
    runs = instance.get_runs(dg.RunsFilter(tags={UNIT: unit}))
    return sum(run.is_failure_or_canceled for run in runs) >= MAX_ATTEMPTS


def sensor_status() -> dg.DefaultSensorStatus:
    """Whether sensors run as soon as a daemon does."""
    if settings().sensors == "running":
        return dg.DefaultSensorStatus.RUNNING
    return dg.DefaultSensorStatus.STOPPED
