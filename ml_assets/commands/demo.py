"""``make demo`` and ``make demo-year``: the reference pipeline with the loop closed.

Sources and features, then scoring, monitoring, retraining and releases from April on, decided once a
week. The year also replays what would have been with monthly and with no retraining.

This is the one module outside ``defs/`` that names the reference pipelines. The weather of the last
day is missing in the source, so that day is quarantined; any other failure is a failure.
"""

import json
import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import forkserver

import dagster as dg
from rich.console import Console

from ml_assets.cadence import Span, shifted
from ml_assets.commands.printing.backtest import backtest_progress, print_backtest
from ml_assets.commands.printing.demo import (
    Stage,
    Summary,
    describe,
    print_answer,
    print_demo,
    print_next,
)
from ml_assets.commands.printing.run import print_summary
from ml_assets.commands.shared import working
from ml_assets.definitions import project_definitions
from ml_assets.defs.sources.load import SourceSystems, advance, load
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.orchestration.checks.checks import CHECKS_STEP
from ml_assets.orchestration.checks.runner import CheckResult, results_of
from ml_assets.orchestration.runs.runs import (
    RunOutcome,
    materialize,
    project_instance,
    selected_assets,
)
from ml_assets.orchestration.runs.summary import summary_of
from ml_assets.simulation import backtest
from ml_assets.simulation.backtest import PRELOADED
from ml_assets.simulation.plans import BacktestPlan
from ml_assets.workspace import Workspace

PIPELINE = "flight_delays"
FIRST, START = "2013-01-01", "2013-04-01"
"""First day of the sources, and first day that is scored."""

DICTIONARIES = 'key:"sources/planes" or key:"sources/airports" or key:"sources/airlines"'
DAILY_SOURCES = 'key:"sources/flights" or key:"sources/weather"'
FEATURES = "group:flight_delays__features"
WEATHER, FEATURE_TABLE = "sources/weather", "flight_delays/flight_features"
ORIGIN_STATE = "flight_delays/origin_state"
TABLES = ["sources/flights", WEATHER, FEATURE_TABLE, "flight_delays/flight_outcomes"]

STAGE = "ml_assets/demo_stage"
"""Run tag that names the stage of the demo."""

KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Demo:
    """What a demo runs.

    Attributes:
        last: last day; its weather is missing in the source.
        policies: policies to compare with the pipeline's own, with decisions at the end of months.
    """

    last: str
    policies: Sequence[str]

    @property
    def plans(self) -> list[BacktestPlan]:
        """The project itself with weekly decisions, and the policies to compare it with."""
        own = BacktestPlan(PIPELINE, START, self.last, 7, "triggered", in_project=True)
        others = [BacktestPlan(PIPELINE, START, self.last, None, name) for name in self.policies]
        return [own, *others]

    @property
    def stages(self) -> list[tuple[str, str, Span | None]]:
        """Name, asset selection and days of each run before the first day is scored."""
        days = Span(FIRST, self.last)
        return [
            ("dictionaries", DICTIONARIES, None),
            (f"sources, {len(days.days())} days", DAILY_SOURCES, days),
            (f"features, {len(days.days())} days", FEATURES, days),
        ]

    @property
    def expected(self) -> set[tuple[str, str]]:
        """Table and day of what cannot be used in the reference data."""
        return {(table, self.last) for table in (WEATHER, FEATURE_TABLE, ORIGIN_STATE)}


SHORT = Demo("2013-05-31", [])
YEAR = Demo("2013-12-31", ["monthly", "never"])


def run(demo: Demo, console: Console) -> bool:
    """Run a demo, and write and print its summary.

    Returns:
        Whether nothing failed but what is quarantined, with its reason, in the summary.
    """
    summary, outcomes = Summary(), list[RunOutcome]()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()  # imports libraries while this process loads definitions and sources
    with working(console, "source systems"):
        _fill_source(demo.last)
    _definitions()
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        for name, selection, span in demo.stages:
            started = time.perf_counter()
            with working(console, name):
                peak_mib, failures, outcome = pool.submit(
                    _run, demo, name, selection, span
                ).result()
            outcomes.append(outcome)
            summary.add(_stage(name, started, peak_mib), failures)
            console.print(f"  {summary.stages[-1]}")
    with backtest_progress(console) as progress:
        started = time.perf_counter()
        results = backtest.run(demo.plans, _definitions, progress, reuse=True)
    peak_mib = max(result.peak_mib for result in results)
    failures = {
        f"{result.policy}: {step}": message
        for result in results
        for step, message in result.failures.items()
    }
    name = f"{START} to {demo.last}, {len(results)} policies"
    summary.add(_stage(name, started, peak_mib), failures)
    summary.policies = [asdict(result) for result in results]
    workspace = Workspace.of_environment()
    of_runs = summary_of(workspace.lake.ledger, outcomes)
    summary.runs = of_runs.counts
    describe(summary, workspace.lake, TABLES)
    path = workspace.settings.data / "demo.json"
    path.write_text(json.dumps(asdict(summary), indent=2), encoding="utf-8")
    print_demo(summary, console)
    print_backtest(results, console)
    with ProcessPoolExecutor(1, mp_context=processes) as pool:
        print_answer(*pool.submit(_answer, demo.last).result(), console)
    print_next(summary, demo.last, console)
    console.print(f"The same as JSON: {path}", soft_wrap=True)
    print_summary(of_runs, console)
    return not summary.unexpected_failures


def _stage(name: str, started: float, peak_mib: int) -> Stage:
    return Stage(name, round(time.perf_counter() - started, 1), peak_mib)


def _answer(last: str) -> tuple[dict[str, str | int], LoggedPrediction]:
    """A request about a flight that is in no table, on the morning after the last day, and its answer."""
    from ml_assets.serving.requests import event_ids, typed
    from ml_assets.serving.served import ServedPipeline
    from ml_assets.serving.service import Service

    pipeline = ServedPipeline.of(PIPELINE)
    midnight = pipeline.calendar.bounds(last)[1].astimezone(UTC)
    request = extra_flight(midnight)
    workspace = Workspace.of_environment()
    service = Service(workspace, [pipeline], workspace.settings.serving, requires_key=False)
    service.start()
    try:
        [row] = typed(pipeline, [request], event_ids(None, 1), midnight)
        answered = service.submit(pipeline, [row], time.monotonic()).result()
    finally:
        service.close()
    return request, answered.entries[0]


def extra_flight(midnight: datetime) -> dict[str, str | int]:
    """A flight from Newark to Chicago that the timetable does not have, as a request names it.

    Args:
        midnight: start of its day in New York, in UTC.
    """
    departs_at = midnight + timedelta(hours=6, minutes=30)
    return {
        "time_hour": departs_at.replace(minute=0).isoformat(),
        "carrier": "UA",
        "flight": 9001,
        "origin": "EWR",
        "dest": "ORD",
        "departs_at": departs_at.isoformat(),
        "arrives_at": (departs_at + timedelta(hours=2, minutes=35)).isoformat(),
        "distance": 719,
        "departures_in_hour": 20,
    }


@cache
def _definitions() -> dg.Definitions:
    """The definitions, loaded once in each process."""
    return project_definitions()


def _fill_source(last: str) -> None:
    """Load the reference data until a day, but for its weather; source systems that have more stay as they are."""
    systems = SourceSystems.of(Workspace.of_environment().settings)
    day_before = shifted(last, -1)
    load(systems, lambda *_: None, day_before)
    advance(systems, day_before)
    advance(systems, last, ["flights"])


def _run(
    demo: Demo, name: str, selection: str, span: Span | None
) -> tuple[int, dict[str, str], RunOutcome]:
    """Run a stage in this process.

    Returns:
        Peak memory of the process in MiB, what failed and was not expected, and how the run ended.
    """
    definitions = _definitions()
    keys = selected_assets(definitions, selection)
    with project_instance() as instance:
        outcome = materialize(definitions, instance, keys, span, {STAGE: name})
        failures = _unexpected(outcome, results_of(instance, outcome), demo.expected)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KIB_PER_MIB
    return peak_mib, failures, outcome


def _unexpected(
    outcome: RunOutcome, results: Sequence[CheckResult], expected: set[tuple[str, str]]
) -> dict[str, str]:
    """Failures but those of tables and days that are expected to fail."""
    bad = [result for result in results if result.is_bad]
    reported = {result.asset.replace("/", "__") + CHECKS_STEP for result in bad}
    steps = {
        step: message for step, message in outcome.failed_steps.items() if step not in reported
    }
    checks = {
        f"{result.asset} {result.day} {result.check}": result.reason
        for result in bad
        if (result.asset, result.day) not in expected
    }
    return {**steps, **checks}
