"""Runs started by our commands, as Dagster records them."""

import dagster as dg
from dagster import DagsterInstance

from ml_assets.cadence import Span
from ml_assets.orchestration.runs.runs import (
    PARTITION,
    RANGE_END,
    RANGE_START,
    STARTED_BY,
    materialize,
    run_checks,
)
from ml_assets_tests.orchestration.workload import DAYS, RAW

TWO = Span(DAYS[0], DAYS[1])


def newest(instance: DagsterInstance) -> dg.DagsterRun:
    """The last run."""
    return instance.get_runs(limit=1)[0]


def test_a_run_names_its_assets_days_tags_and_code_location(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    outcome = materialize(definitions, instance, {RAW}, TWO, {"ml_assets/stage": "sources"})

    run = newest(instance)
    assert run.run_id == outcome.run_id
    assert run.asset_selection == {RAW}
    assert run.asset_check_selection is None, "None stands for all checks of the assets"
    assert (run.tags[RANGE_START], run.tags[RANGE_END]) == (TWO.first, TWO.last)
    assert run.tags[STARTED_BY] == "ml-assets"
    assert run.tags["ml_assets/stage"] == "sources"
    assert run.tags["dagster/code_location"] == "ml_assets.definitions"
    assert run.remote_job_origin is not None
    label = run.remote_job_origin.repository_origin.get_label()
    assert label == "__repository__@ml_assets.definitions"


def test_a_run_of_checks_names_the_checks_and_no_asset(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    keys = sorted(definitions.resolve_asset_graph().get(RAW).check_keys)
    materialize(definitions, instance, {RAW}, TWO)

    run_checks(definitions, instance, keys, TWO)

    run = newest(instance)
    assert run.asset_selection == set()
    assert run.asset_check_selection == set(keys)
    assert run.tags[RANGE_END] == TWO.last


def test_a_run_of_a_single_day_has_its_partition_tag(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    materialize(definitions, instance, {RAW}, Span(DAYS[0], DAYS[0]))

    assert newest(instance).tags[PARTITION] == DAYS[0]
