"""Events of a run over many days, and a test of the private parts of Dagster that they use.

When a newer Dagster changes one of them, these tests fail first.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from ml_assets.orchestration.runs.runs import RunOutcome, materialize, run_checks
from ml_assets.workspace import Workspace
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.conftest import configuring
from ml_assets_tests.orchestration.workload import (
    BAD_DAY,
    DAYS,
    DOUBLED,
    GOOD_DAYS,
    LETTER_DAY,
    RAW,
    SPAN,
    TABLES,
)

BOTH = pytest.mark.parametrize("key", [RAW, DOUBLED], ids=["upstream", "downstream"])


@dataclass(frozen=True)
class Ranged:
    """A run over ten days, one of them bad.

    Attributes:
        run: the run.
        instance: the instance that has it.
    """

    run: RunOutcome
    instance: DagsterInstance


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranged]:
    """The run in a project that no test changes."""
    with configuring() as configure:
        folder = configure(tmp_path_factory.mktemp("ranged"))
        with workload.instance(folder, workload.OURS) as instance:
            definitions = workload.definitions(workload.Source())
            yield Ranged(materialize(definitions, instance, TABLES, SPAN), instance)


@pytest.fixture
def run(definitions: dg.Definitions, instance: DagsterInstance) -> RunOutcome:
    """The same run in a project of one test."""
    return materialize(definitions, instance, TABLES, SPAN)


def test_range_run_with_a_bad_day_fails_in_the_check_steps_only(ranged: Ranged) -> None:
    stored = ranged.instance.get_run_by_id(ranged.run.run_id)
    assert stored is not None
    assert stored.status is DagsterRunStatus.FAILURE
    assert ranged.run.failed_steps.keys() == {"shop__raw__checks", "shop__doubled__checks"}
    assert BAD_DAY in ranged.run.failed_steps["shop__raw__checks"]


@BOTH
def test_range_run_materializes_each_good_day_once_and_the_bad_day_never(
    ranged: Ranged, key: dg.AssetKey
) -> None:
    days = Counter(
        day for day, _ in workload.materializations(ranged.instance, key, ranged.run.run_id)
    )
    assert days == Counter(GOOD_DAYS)
    assert ranged.instance.get_materialized_partitions(key) == set(GOOD_DAYS)


@BOTH
def test_range_run_gives_each_day_its_own_data_version_and_metadata(
    ranged: Ranged, key: dg.AssetKey
) -> None:
    events = dict(workload.materializations(ranged.instance, key))
    versions = {day: event.tags["dagster/data_version"] for day, event in events.items()}
    assert len(set(versions.values())) == len(GOOD_DAYS)
    entries = Workspace.of_environment().lake.ledger.latest("/".join(key.path), DAYS)
    assert versions == {day: entries[day].content_hash for day in GOOD_DAYS}
    rows = {day: event.metadata["dagster/row_count"].value for day, event in events.items()}
    assert rows == {day: 2 if day == LETTER_DAY else 3 for day in GOOD_DAYS}
    assert {event.metadata["table_version"].value for event in events.values()} == {1}


@BOTH
def test_range_run_tags_each_day_with_the_code_version(ranged: Ranged, key: dg.AssetKey) -> None:
    codes = {
        event.tags["dagster/code_version"]
        for _, event in workload.materializations(ranged.instance, key)
    }
    assert codes == {"7" if key == RAW else "8"}


def test_range_run_tags_each_day_with_the_provenance_of_its_input(ranged: Ranged) -> None:
    pointers = set()
    for _, event in workload.materializations(ranged.instance, DOUBLED):
        assert event.tags["dagster/input_data_version/shop/raw"]
        assert event.tags["dagster/data_version_is_user_provided"] == "true"
        pointers.add(int(event.tags["dagster/input_event_pointer/shop/raw"]))
    upstream = ranged.instance.fetch_materializations(RAW, limit=100).records
    assert pointers <= {record.storage_id for record in upstream}


def test_range_run_records_the_reads_of_each_day(ranged: Ranged) -> None:
    upstream = dict(workload.materializations(ranged.instance, RAW))
    for day, event in workload.materializations(ranged.instance, DOUBLED):
        read = event.metadata["inputs"].value["shop/raw"]
        assert read["days"] == day
        assert read["content_hash"] == upstream[day].tags["dagster/data_version"]


@BOTH
def test_range_run_has_a_verdict_for_every_day_and_no_planned_rows(
    ranged: Ranged, key: dg.AssetKey
) -> None:
    history = ranged.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(key, "meets_contract"), limit=100
    )
    verdicts = [(record.partition, record.status.value) for record in history]
    expected = {day: "FAILED" if day == BAD_DAY else "SUCCEEDED" for day in DAYS}
    assert sorted(verdicts) == sorted(expected.items())


def test_range_run_materializes_dead_letters_of_the_days_that_have_some(ranged: Ranged) -> None:
    letters = dict(
        workload.materializations(ranged.instance, dg.AssetKey(["shop", "raw_dead_letters"]))
    )
    rows = {day: event.metadata["dagster/row_count"].value for day, event in letters.items()}
    assert rows == {BAD_DAY: 3, LETTER_DAY: 1}


def test_single_day_run_of_a_bad_day_fails_and_gives_its_verdict(
    definitions: dg.Definitions, instance: DagsterInstance
) -> None:
    outcome = materialize(definitions, instance, TABLES, type(SPAN)(BAD_DAY, BAD_DAY))
    assert "3 of 3 rows break the contract" in outcome.failed_steps["shop__raw"]
    assert not list(workload.materializations(instance, RAW))
    (verdict,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(RAW, "meets_contract"), limit=10
    )
    assert (verdict.partition, verdict.status.value) == (BAD_DAY, "FAILED")


def test_check_executed_alone_gives_a_result_for_each_day_and_materializes_nothing(
    run: RunOutcome, definitions: dg.Definitions, instance: DagsterInstance
) -> None:
    before = len(list(workload.materializations(instance, RAW)))
    key = dg.AssetCheckKey(RAW, "meets_contract")
    alone = run_checks(definitions, instance, [key], SPAN)
    logs = instance.all_logs(alone.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [log.get_dagster_event().asset_check_evaluation_data for log in logs]
    assert {evaluation.asset_check_key for evaluation in found} == {key}
    assert {evaluation.partition: evaluation.passed for evaluation in found} == {
        day: day != BAD_DAY for day in DAYS
    }
    assert len(found) == len(DAYS)
    assert not alone.succeeded
    assert len(list(workload.materializations(instance, RAW))) == before


# ------------------------------------------------------------------ staleness


def stale_days(definitions: dg.Definitions, instance: DagsterInstance) -> set[str]:
    """Downstream days that Dagster calls stale; every other good day has to be fresh."""
    resolver = CachingStaleStatusResolver(
        instance, definitions.resolve_asset_graph(), LoadingContextForTest(instance)
    )
    found = {day: resolver.get_status(DOUBLED, day) for day in GOOD_DAYS}
    assert set(found.values()) <= {StaleStatus.FRESH, StaleStatus.STALE}
    return {day for day, status in found.items() if status is StaleStatus.STALE}


def test_staleness_rerun_without_change_leaves_downstream_fresh(
    run: RunOutcome, definitions: dg.Definitions, instance: DagsterInstance
) -> None:
    assert stale_days(definitions, instance) == set()
    materialize(definitions, instance, {RAW}, SPAN)
    assert len(list(workload.materializations(instance, RAW))) == 2 * len(GOOD_DAYS)
    assert stale_days(definitions, instance) == set()


def test_staleness_changed_day_makes_its_own_downstream_day_stale_and_no_other(
    run: RunOutcome,
    definitions: dg.Definitions,
    instance: DagsterInstance,
    source: workload.Source,
) -> None:
    source.values[DAYS[2]] = [41.0, 42.0, 43.0]
    materialize(definitions, instance, {RAW}, SPAN)
    assert stale_days(definitions, instance) == {DAYS[2]}
    materialize(definitions, instance, {DOUBLED}, SPAN)
    assert stale_days(definitions, instance) == set()
