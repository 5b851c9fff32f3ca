"""Backtests: comparison of policies, each in a project of its own.

A backtest reads the project's sources and features and writes models and decisions to its own
folder, so that it never changes the serving champion. Each policy runs in a process of its own.
"""

import json
import multiprocessing
import os
import queue
import resource
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
from threadpoolctl import threadpool_limits

from ml_assets import nouns
from ml_assets.cadence import Span, shifted, steps
from ml_assets.configuration.files.policies import read_policy
from ml_assets.configuration.models import merged, pipeline
from ml_assets.content import SNAPSHOT, digest
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.entries import usable_hashes
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.checks.checks import CHECKS_STEP
from ml_assets.orchestration.runs.runs import project_instance
from ml_assets.settings import settings
from ml_assets.simulation.plans import BacktestPlan
from ml_assets.simulation.replay import replay
from ml_assets.simulation.results import BacktestResult, describe, save
from ml_assets.workspace import Workspace

RESULT = "result.json"
MEASURED = [nouns.PERFORMANCE, nouns.PERFORMANCE_REPORT, nouns.LIKELY_CAUSES]
NEVER_READ = [*MEASURED, nouns.EVALUATION, nouns.MEMBER_COMPARISON]
DRIFT = [nouns.FEATURE_REFERENCE, nouns.FEATURE_PROFILE, nouns.DRIFT_REPORT]

KIB_PER_MIB = 1024
PRELOADED = [
    "ml_assets.definitions",
    "ml_assets.components",
    "deltalake",
    "sklearn.ensemble",
    "skops.io",
]
"""Imported once, before the processes of the policies are forked."""


Progress = Callable[[str, int, int, str], None]
"""Called with the policy, steps done, total steps, and a description of the next step."""

Load = Callable[[], dg.Definitions]
"""Loads the definitions with the settings of the process; a module-level function, for pickling."""


def run(
    plans: Sequence[BacktestPlan], load: Load, progress: Progress, *, reuse: bool = False
) -> list[BacktestResult]:
    """Replay history for each plan, in as many processes as there are processors.

    Args:
        plans: one for each policy.
        load: loads the definitions, in this process and in that of each plan.
        progress: called before each step.
        reuse: whether to reuse an earlier result with the same data, code and policy.

    Raises:
        ConfigurationError: a policy does not exist, its file is not usable, or the pipeline is not
            daily.
    """
    for plan in plans:
        plan.refuse_other_cadences()
        read_policy(plan.policy_file)
    definitions = load()
    shared = shared_tables(definitions, plans[0].pipeline)
    workspace = Workspace.of_environment()
    inputs = {plan: _inputs(plan, definitions, workspace, shared) for plan in plans}
    reused = {
        plan: result
        for plan in plans
        if reuse
        and (result := _saved(plan, inputs[plan] + _own_state(plan, definitions, workspace)))
    }
    computed = _run_all([plan for plan in plans if plan not in reused], load, shared, progress)
    for plan, result in computed.items():
        result.inputs = inputs[plan] + _own_state(plan, definitions, workspace)
        save([result], plan.folder / RESULT)
    return [reused.get(plan) or computed[plan] for plan in plans]


def _inputs(
    plan: BacktestPlan, definitions: dg.Definitions, workspace: Workspace, shared: Sequence[str]
) -> str:
    """Hash of everything that a plan's result depends on."""
    graph = definitions.resolve_asset_graph()
    return digest(
        repr(plan),
        plan.policy_file.read_text("utf-8"),
        pipeline(plan.pipeline).model_dump_json(),
        *(
            f"{table} {graph.get(key).code_version}"
            for table, key in sorted(_own_tables(plan, definitions).items())
        ),
        _data_version(workspace, shared, plan.end),
    )


def _own_state(plan: BacktestPlan, definitions: dg.Definitions, workspace: Workspace) -> str:
    """Hash of the project's tables and registry, which are the result of a replay in the project."""
    if not plan.in_project:
        return ""
    registered = sorted(map(repr, workspace.registry.versions(plan.pipeline)))
    tables = _own_tables(plan, definitions)
    return digest(*registered, _data_version(workspace, tables, shifted(plan.end, 1)))


def _own_tables(plan: BacktestPlan, definitions: dg.Definitions) -> dict[str, dg.AssetKey]:
    """Table of the pipeline → its asset key."""
    keys = definitions.resolve_asset_graph().executable_asset_keys
    return {table_name(key): key for key in keys if key.path[0] == plan.pipeline}


def _data_version(workspace: Workspace, tables: Collection[str], last: str) -> str:
    """Hash of the stored content of tables until a day, without damaged rows and model files."""
    lake, models = workspace.lake, workspace.models
    found = []
    for table in sorted(tables):
        entries = lake.ledger.latest(table)
        hashes = {
            day: content
            for day, content in usable_hashes(entries).items()
            if day <= last or day == SNAPSHOT
        }
        intact = lake.intact_days({day: entries[day] for day in hashes})
        if table.endswith(f"/{nouns.MODEL}"):
            intact = {day for day in intact if models.is_intact(table, hashes[day])}
        found += [f"{table} {day} {hashes[day]}" for day in sorted(intact)]
    return digest(*found)


def _saved(plan: BacktestPlan, inputs: str) -> BacktestResult | None:
    """The result of an earlier backtest with the same inputs."""
    file = plan.folder / RESULT
    if not file.is_file():
        return None
    [found] = json.loads(file.read_text("utf-8"))
    is_current = found["inputs"] == inputs and not found["failures"]
    return BacktestResult(**found) if is_current else None


def _run_all(
    plans: Sequence[BacktestPlan], load: Load, shared: Sequence[str], progress: Progress
) -> dict[BacktestPlan, BacktestResult]:
    if not plans:
        return {}
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    workers = min(len(plans), os.cpu_count() or 1)
    with (
        processes.Manager() as manager,
        ProcessPoolExecutor(
            workers,
            mp_context=processes,
            max_tasks_per_child=1,
            initializer=_set_environment,
            initargs=(dict(os.environ),),
        ) as pool,
    ):
        events = manager.Queue()
        futures = [
            pool.submit(
                _run_plan, plan, load, _environment(plan, shared), events, _threads(plan, workers)
            )
            for plan in plans
        ]
        while not all(future.done() for future in futures):
            _report(events, progress)
        _report(events, progress)
        return {plan: future.result() for plan, future in zip(plans, futures, strict=True)}


def _set_environment(environment: Mapping[str, str]) -> None:
    """Give a process the variables of the process that started it.

    A process of the fork server has those of the time at which the server started.
    """
    os.environ.clear()
    os.environ.update(environment)
    settings.cache_clear()


def _threads(plan: BacktestPlan, workers: int) -> int:
    """Threads of a fit: all for the project itself, which takes longest, and a share for others."""
    processors = os.cpu_count() or 1
    return processors if plan.in_project else max(1, processors // workers)


def shared_tables(definitions: dg.Definitions, pipeline: str) -> list[str]:
    """Tables that a backtest only reads: all upstream tables of a training dataset."""
    graph = definitions.resolve_asset_graph()
    found: set[dg.AssetKey] = set()
    waiting = [dg.AssetKey([pipeline, nouns.TRAINING_DATASET])]
    if not graph.has(waiting[0]):
        raise ConfigurationError(f"There is no pipeline '{pipeline}' that trains a model.")
    while waiting:
        parents = graph.get(waiting.pop()).parent_keys - found
        found |= parents
        waiting += parents
    return sorted(table_name(key) for key in found)


def _report(events: Any, progress: Progress) -> None:
    """Report the progress events of the processes, and wait shortly for more."""
    try:
        while True:
            progress(*events.get(timeout=0.5))
    except queue.Empty:
        return


def _environment(plan: BacktestPlan, shared: Sequence[str]) -> dict[str, str]:
    """Environment that writes to the backtest's folder and reads the project's tables."""
    if plan.in_project:
        return {}
    own = settings()
    changes: dict[str, Any] = {
        "registry": False,
        "serving": {"predictions": "batch"},
        "monitoring": {"policy": str(plan.policy_file.absolute())},
    }
    if plan.label_delay_days is not None:
        changes["labels"] = {"delay": f"{plan.label_delay_days}d"}
    changed = merged(own.pipelines.get(plan.pipeline, {}), changes)
    return {
        "DAGSTER_HOME": str(plan.folder),
        "ML_ASSETS_DATA": str(plan.folder),
        "ML_ASSETS_COMPUTE_LOGS": str(plan.folder / "compute_logs"),
        "ML_ASSETS_LAKE": "",
        "ML_ASSETS_POSTGRES_URL": "",
        "ML_ASSETS_REGISTRY_URL": "",
        "ML_ASSETS_SHARED": json.dumps(
            {"lake": own.lake_uri, "ledger_url": own.ledger_url, "tables": list(shared)}
        ),
        "ML_ASSETS_PIPELINES": json.dumps({plan.pipeline: changed}),
    }


def _run_plan(
    plan: BacktestPlan, load: Load, environment: Mapping[str, str], events: Any, threads: int
) -> BacktestResult:
    """Replay history in this process, with the given number of threads."""
    started = time.perf_counter()
    if not plan.in_project:
        _empty(plan.folder)
    os.environ.update(environment)
    settings.cache_clear()
    definitions = load()
    spans = steps(Span(plan.start, plan.end), plan.step_days)
    done = 0

    def report(what: str) -> None:
        nonlocal done
        events.put((plan.name, done, len(spans) + 1, what))
        done += 1

    with project_instance() as instance, threadpool_limits(threads):
        outcomes = replay(
            definitions, instance, plan.pipeline, spans, report, left_out=_unused_assets(plan)
        )
    report("done")
    result = describe(Workspace.of_environment().lake, plan)
    result.failures = {
        step: message
        for outcome in outcomes
        for step, message in outcome.failed_steps.items()
        if not step.endswith(CHECKS_STEP)
    }
    result.seconds = round(time.perf_counter() - started, 1)
    result.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // KIB_PER_MIB
    return result


def _unused_assets(plan: BacktestPlan) -> list[str]:
    """Assets that no decision of a backtest's policy reads."""
    if plan.in_project:
        return []
    reads_drift = read_policy(plan.policy_file).reads_drift
    return NEVER_READ if reads_drift else [*NEVER_READ, *DRIFT]


def _empty(folder: Path) -> None:
    """Empty a backtest's folder, so that an earlier one does not affect the result."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml", folder / "dagster.yaml")
