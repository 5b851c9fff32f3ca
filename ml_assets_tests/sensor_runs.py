"""Executing the runs that sensors request, as the daemon does, until they request no more."""

from ml_assets_tests.prepared import Tick, run, tick
from ml_assets_tests.project import Project

NEW_DAYS, DAYS, RETRAINING = (
    "flight_delays__new_days",
    "flight_delays__days",
    "flight_delays__retraining",
)
MOST_RUNS = 12


def run_requested(project: Project, *sensors: str) -> list[Tick]:
    """Execute requested runs until no sensor requests one; returns every tick.

    A run may fail: the sensors have to go on by themselves.
    """
    ticks: list[Tick] = []
    while True:
        results = [tick(project, sensor) for sensor in sensors or (NEW_DAYS,)]
        ticks += results
        requests = [request for one in results for request in one.requests]
        if not requests:
            return ticks
        assert len(ticks) < MOST_RUNS * len(results), [(one.reason, one.requests) for one in ticks]
        for request in requests:
            run(project, request)
