"""Which results of checks count as failed: the latest of a partition, on both databases."""

from collections.abc import Iterator

import dagster as dg
import pytest

from ml_assets.content import SNAPSHOT
from ml_assets.orchestration.runs.runs import materialize
from ml_assets.orchestration.storage.check_results import FailedCheck, failed_checks
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.conftest import Configure
from ml_assets_tests.orchestration.workload import BAD_DAY, RAW, SPAN, TABLES


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def instance(request: pytest.FixtureRequest, configure: Configure) -> Iterator[dg.DagsterInstance]:
    """The project's own instance, once for each kind of database."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    folder = configure(postgres_url=url)
    with workload.instance(folder, workload.OURS) as opened:
        yield opened


def report(instance: dg.DagsterInstance, *, passed: bool, name: str = "other") -> None:
    """Store a result of a check of a table without partitions."""
    result = dg.AssetCheckEvaluation(asset_key=RAW, check_name=name, passed=passed)
    instance.report_runless_asset_event(result)


def test_the_latest_result_of_each_partition_counts(
    instance: dg.DagsterInstance, source: workload.Source
) -> None:
    definitions = workload.definitions(source)
    broken, found = source.values[BAD_DAY], []
    for values in (broken, [1.0], broken):
        source.values[BAD_DAY] = values
        materialize(definitions, instance, TABLES, SPAN)
        found.append(failed_checks(instance))

    first, repaired, again = found
    assert {one.day for one in first} == {BAD_DAY}  # the day with a warning is none of them
    assert {one.key.asset_key for one in first} == TABLES
    assert {one.reason for one in first if one.key.asset_key == RAW} == {
        "quarantined: 3 of 3 rows break the contract (100.0%), more than the 50.0% allowed"
    }
    assert repaired == []
    assert again == first


def test_results_without_partitions_count(instance: dg.DagsterInstance) -> None:
    report(instance, passed=False)
    report(instance, passed=True, name="another")
    failed = failed_checks(instance)
    report(instance, passed=True)

    assert failed == [FailedCheck(dg.AssetCheckKey(RAW, "other"), SNAPSHOT, "failed")]
    assert failed_checks(instance) == []
