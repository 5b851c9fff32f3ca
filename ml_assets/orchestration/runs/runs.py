"""Runs parts of the asset graph in this process, on the project's Dagster instance.

Runs started here are ordinary Dagster runs, which the UI shows.
"""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from ml_assets.cadence import Span
from ml_assets.content import SNAPSHOT
from ml_assets.environment import remedy
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.summary import COMPLETE, INCOMPLETE
from ml_assets.orchestration.assets.day_metadata import REASON, RUN_UNCHANGED, VERDICT
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.assets.tables import AS_OF_KEY, BROKEN_KEY
from ml_assets.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
from ml_assets.orchestration.storage.processes import ComputeLogManager, execute_in_process

STARTED_BY = "ml_assets/started_by"
"""Run tag of runs that were started by ``ml-assets`` commands."""

QUIET_CONSOLE = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps Dagster's log off the console; the instance stores all of it."""


@dataclass(frozen=True)
class Decision:
    """A decision that a run stored.

    Attributes:
        table: table of decisions.
        day: day of the decision.
        verdict: the decision.
        reason: its reason.
    """

    table: str
    day: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class RunOutcome:
    """The result of a run.

    Attributes:
        run_id: Dagster's id of the run.
        succeeded: whether every step succeeded.
        failed_steps: step key → error message of the failed steps.
        unchanged: table → number of days that the run left unchanged.
        decisions: the last decision of each table of decisions.
    """

    run_id: str
    succeeded: bool
    failed_steps: dict[str, str]
    unchanged: Mapping[str, int] = field(default_factory=dict)
    decisions: Sequence[Decision] = ()


def silence_notices() -> None:
    """Suppress Dagster's warnings about its own beta and deprecated parts."""
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="dagster.*")
    for notice in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning):
        warnings.filterwarnings("ignore", category=notice)


def tags_of(span: Span | None) -> dict[str, str]:
    """Run tags that make a run cover a span; none for tables without days."""
    if span is None:
        return {}
    if span.first == span.last:
        return {PARTITION: span.first}
    return {RANGE_START: span.first, RANGE_END: span.last}


@contextmanager
def project_instance() -> Iterator[dg.DagsterInstance]:
    """The instance at ``DAGSTER_HOME``, with Dagster's notices suppressed.

    Raises:
        ConfigurationError: ``DAGSTER_HOME`` is not set or no folder, or its ``dagster.yaml`` is invalid.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not home or not Path(home).is_dir():
        raise ConfigurationError(
            f"DAGSTER_HOME is {home or 'not set'}, expected an existing folder. "
            f"{remedy('DAGSTER_HOME')} Start from the folder of that .env."
        )
    silence_notices()
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(dg.DagsterInstance.get())
            logs = instance.compute_log_manager
        except dg.DagsterInvalidConfigError as error:
            problem = " ".join(str(error).partition("Stack Trace")[0].split())
            raise ConfigurationError(
                f"{home}/dagster.yaml is not usable: {problem} If a variable is not set: {remedy()}"
            ) from error
        if isinstance(logs, ComputeLogManager):
            logs.mirrors_to_console = False
        yield instance


def selected_assets(definitions: dg.Definitions, selection: str) -> set[dg.AssetKey]:
    """Asset keys of a Dagster asset selection.

    Raises:
        ConfigurationError: the selection is invalid or empty.
    """
    graph = definitions.resolve_asset_graph()
    try:
        keys = dg.AssetSelection.from_string(selection).resolve(graph)
    except Exception as error:  # Dagster's parser raises several unrelated types
        raise ConfigurationError(
            f"Selection '{selection}' cannot be used: {str(error).splitlines()[0]} Expected "
            "Dagster's asset selection syntax, for example 'key:\"sources/*\"'."
        ) from None
    if not keys:
        known = ", ".join(sorted(key.to_user_string() for key in graph.get_all_asset_keys())[:8])
        broken = "".join(f" {problem}" for problem in broken_assets(graph).values())
        raise ConfigurationError(
            f"Selection '{selection}' matches no asset. Known assets are {known}, ….{broken}"
        )
    return set(keys)


def complete_graph(definitions: dg.Definitions) -> Any:
    """The asset graph, for work that must not leave out any table.

    Raises:
        ConfigurationError: a part of ``defs/`` is broken, so its tables are not in the graph.
    """
    graph = definitions.resolve_asset_graph()
    if broken := broken_assets(graph):
        listed = "; ".join(f"{table} is broken: {problem}" for table, problem in broken.items())
        raise ConfigurationError(
            f"Nothing was done, because tables are missing from the definitions. {listed} Correct "
            "it, then run the same command again."
        )
    return graph


def broken_assets(graph: Any) -> dict[str, str]:
    """Broken asset → the error in its ``defs.yaml``."""
    return {
        table_name(key): str(problem)
        for key in graph.get_all_asset_keys()
        if (problem := graph.get(key).metadata.get(BROKEN_KEY))
    }


def as_of_tables(definitions: dg.Definitions) -> list[str]:
    """Tables whose partitions are as-of days: training datasets, models, evaluations, releases."""
    graph = definitions.resolve_asset_graph()
    return sorted(
        table_name(key)
        for key in graph.get_all_asset_keys()
        if graph.get(key).metadata.get(AS_OF_KEY)
    )


def materialize(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: set[dg.AssetKey],
    span: Span | None,
    tags: Mapping[str, str] | None = None,
) -> RunOutcome:
    """Materialize assets, with their checks, in one run.

    Args:
        definitions: the project's definitions.
        instance: where the run is recorded.
        keys: assets; those that cannot be executed are ignored.
        span: the days; None for assets without days.
        tags: additional tags of the run.
    """
    graph = definitions.resolve_asset_graph()
    executable = {key for key in keys if graph.get(key).is_executable}
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(asset_selection=executable)
    return _execute(job, instance, span, tags)


def run_checks(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetCheckKey],
    span: Span | None,
) -> RunOutcome:
    """Run checks of stored days in one run without materializations."""
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=set(keys)
    )
    return _execute(job, instance, span)


def _execute(
    job: Any,
    instance: dg.DagsterInstance,
    span: Span | None,
    tags: Mapping[str, str] | None = None,
) -> RunOutcome:
    executed = execute_in_process(
        job,
        instance,
        tags={STARTED_BY: "ml-assets", **(tags or {}), **tags_of(span)},
        run_config=QUIET_CONSOLE,
    )
    failures = {
        event.step_key: failure_message(event)
        for event in executed.events
        if event.is_step_failure and event.step_key
    }
    materializations = [
        event.step_materialization_data.materialization
        for event in executed.events
        if event.is_step_materialization
    ]
    return RunOutcome(
        executed.run_id,
        executed.succeeded,
        failures,
        {
            table_name(item.asset_key): int(str(item.metadata[RUN_UNCHANGED].value))
            for item in materializations
            if RUN_UNCHANGED in item.metadata
        },
        [found for item in materializations if (found := _decision(item))],
    )


def _decision(materialization: dg.AssetMaterialization) -> Decision | None:
    """The decision in a materialization's metadata; None if it has none."""
    verdict, reason = (materialization.metadata.get(name) for name in (VERDICT, REASON))
    if verdict is None or reason is None or verdict.value in (COMPLETE, INCOMPLETE):
        return None
    return Decision(
        table_name(materialization.asset_key),
        materialization.partition or SNAPSHOT,
        str(verdict.value),
        str(reason.value),
    )


def failure_message(event: dg.DagsterEvent) -> str:
    """The message of a step's error, without Dagster's wrapping."""
    error = event.step_failure_data.error
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error.message.partition(": ")[2].strip() if error else "failed without a message"
