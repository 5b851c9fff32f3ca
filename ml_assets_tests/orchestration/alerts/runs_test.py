"""Failed runs that open an alert, and those that have another alert or message."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.alerts.actions import resolve
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.log import AlertLog
from ml_assets.alerts.project import PROJECT
from ml_assets.alerts.state import Evaluation
from ml_assets.cadence import DAYS
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.alerts.runs import RECENT, failed_runs
from ml_assets.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
from ml_assets.orchestration.runs.attempts import INPUTS, UNIT
from ml_assets.orchestration.runs.requests import GIVEN_UP, MAX_ATTEMPTS
from ml_assets.orchestration.runs.runs import STARTED_BY

ORDERS, DAY = "shop/orders", "2013-02-01"
UNITED = {UNIT: "shop 2013-02-01", INPUTS: "one"}


@dg.asset(name="orders", key_prefix="shop", partitions_def=dg.DailyPartitionsDefinition(DAY))
def orders() -> None:
    """An asset whose run fails."""
    raise dg.Failure("a value is wrong", allow_retries=False)


@dg.asset(key_prefix="shop", partitions_def=dg.DailyPartitionsDefinition(DAY))
def others() -> None:
    """An asset that does not run, so that runs are of a part of the assets."""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run of a day that fails; returns its id."""
    whole = dg.Definitions([orders, others]).resolve_implicit_global_asset_job_def()
    done = whole.get_subset(asset_selection={orders.key}).execute_in_process(
        instance=instance, partition_key=DAY, tags=tags, raise_on_error=False
    )
    assert not done.success
    return done.run_id


def found(instance: dg.DagsterInstance, ledger: Ledger) -> list[Finding]:
    """What is found now."""
    return [*failed_runs(instance, ledger, {ORDERS: DAYS}, datetime.now(UTC))]


def test_a_run_that_nobody_repeats_is_a_finding(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    run_id = run(instance)

    (failed,) = found(instance, ledger)

    assert (failed.pipeline, failed.subject) == ("shop", "shop runs")
    assert failed.message == f"run {run_id[:8]} of {ORDERS} {DAY} failed: a value is wrong"
    assert failed.command == (
        f"dg launch -m ml_assets.definitions --assets 'key:\"{ORDERS}\"' --partition {DAY}"
    )


def test_failed_runs_of_a_pipeline_are_one_finding_about_the_newest(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    run(instance)
    newest = run(instance)

    (failed,) = found(instance, ledger)

    assert failed.message.startswith(f"run {newest[:8]} of")
    assert failed.message.endswith(", and 1 more")


def test_what_a_person_resolved_stays_resolved_until_another_run_fails(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    log, now = AlertLog(ledger.url), datetime.now(UTC)

    def events() -> list[str]:
        judged = Evaluation(found(instance, ledger), {"run_failed": None})
        return [change.event for change in log.update(judged, now)]

    run(instance)
    newest = run(instance)
    events()
    (alert,) = log.alerts()
    log.act(alert.id, lambda one: resolve(one, "Ann", now), now=now)
    instance.delete_run(newest)

    assert events() == []
    run(instance)
    assert events() == ["recovered", "opened"]


@pytest.mark.parametrize(
    ("status", "reason", "is_found"),
    [
        pytest.param(Status.STORED, "", False, id="stored since"),
        pytest.param(Status.QUARANTINED, "no rows", False, id="quarantined, which is told"),
        pytest.param(Status.SKIPPED, "its input is missing", False, id="skipped for its input"),
        pytest.param(Status.SKIPPED, f"{GIVEN_UP} (wrong)", True, id="given up"),
        pytest.param(Status.WRITING, "", True, id="interrupted"),
    ],
)
def test_a_run_counts_while_its_partitions_are_unfinished(
    instance: dg.DagsterInstance, ledger: Ledger, status: Status, reason: str, is_found: bool
) -> None:
    run(instance)
    ledger.append([Entry(ORDERS, DAY, status, reason)])

    assert bool(found(instance, ledger)) == is_found


@pytest.mark.parametrize("unknown", ["2013-02-01", "2013-02-02", "2013-02-03"])
def test_a_run_of_a_range_counts_while_one_of_its_partitions_is_unknown(
    instance: dg.DagsterInstance, ledger: Ledger, unknown: str
) -> None:
    days = ["2013-02-01", "2013-02-02", "2013-02-03"]
    whole = dg.Definitions([orders, others]).resolve_implicit_global_asset_job_def()
    whole.get_subset(asset_selection={orders.key}).execute_in_process(
        instance=instance, tags={RANGE_START: days[0], RANGE_END: days[-1]}, raise_on_error=False
    )
    ledger.append([Entry(ORDERS, day, Status.STORED) for day in days if day != unknown])

    (failed,) = found(instance, ledger)
    assert f"of {ORDERS} 2013-02-01 to 2013-02-03 failed" in failed.message
    assert failed.command.endswith("--partition-range 2013-02-01...2013-02-03")
    ledger.append([Entry(ORDERS, unknown, Status.STORED)])
    assert found(instance, ledger) == []


def test_a_run_that_left_stored_rows_as_they_were_counts_until_another_makes_them(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    ledger.append([Entry(ORDERS, DAY, Status.STORED)])
    run(instance)

    assert len(found(instance, ledger)) == 1
    instance.report_runless_asset_event(dg.AssetMaterialization(orders.key, partition=DAY))
    assert found(instance, ledger) == []


def test_a_command_tells_of_its_runs_itself(instance: dg.DagsterInstance, ledger: Ledger) -> None:
    run(instance, **{STARTED_BY: "ml-assets"})

    assert found(instance, ledger) == []


def test_the_runs_of_a_sensor_count_when_it_gave_up(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    counts = []
    for _ in range(MAX_ATTEMPTS):
        run(instance, **UNITED)
        counts.append(len(found(instance, ledger)))

    assert counts == [0] * (MAX_ATTEMPTS - 1) + [1]
    assert f"of {UNITED[UNIT]} failed: a value is wrong" in found(instance, ledger)[0].message


def test_a_unit_that_runs_again_does_not_count(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    for _ in range(MAX_ATTEMPTS):
        run(instance, **UNITED)

    instance.create_run_for_job(
        dg.define_asset_job("again", selection=[orders]).resolve(
            asset_graph=dg.Definitions([orders]).resolve_asset_graph()
        ),
        tags={**UNITED, PARTITION: DAY},
        status=dg.DagsterRunStatus.STARTED,
    )

    assert found(instance, ledger) == []


def test_old_runs_do_not_count(instance: dg.DagsterInstance, ledger: Ledger) -> None:
    run(instance)
    now = datetime.now(UTC)

    assert [*failed_runs(instance, ledger, {}, now + RECENT - timedelta(minutes=1))]
    assert [*failed_runs(instance, ledger, {}, now + RECENT + timedelta(minutes=1))] == []


def test_a_run_without_assets_belongs_to_the_project(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    @dg.op
    def fail() -> None:
        raise dg.Failure("no answer", allow_retries=False)

    @dg.job
    def other() -> None:
        fail()

    other.execute_in_process(instance=instance, raise_on_error=False)

    (failed,) = found(instance, ledger)
    assert (failed.pipeline, failed.message[-26:]) == (PROJECT, "of other failed: no answer")
