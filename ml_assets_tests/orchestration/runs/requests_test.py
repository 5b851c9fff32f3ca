"""Requests for a unit of work: which runs count as attempts, retries, giving up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.cadence import Span
from ml_assets.definitions import project_definitions
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.runs.attempts import INPUTS, UNIT
from ml_assets.orchestration.runs.requests import (
    MAX_ATTEMPTS,
    Effect,
    Unit,
    effect_of,
    give_up,
    request,
    unit_of,
)
from ml_assets.orchestration.runs.retries import TRANSIENT
from ml_assets.planning.progress import unfinished

TABLE, INPUT, DAY = "shop/orders", "shop/source", "2013-02-01"
WAITS = [30, 120]
NOW = 4_000_000_000.0
"""A moment after every run of these tests."""


@dg.op(config_schema={"error": dg.Field(str, default_value="wrong")})
def fail(context: dg.OpExecutionContext) -> None:
    """Fail as a step with a transient or a permanent error."""
    if context.op_config["error"] == "unavailable":
        raise dg.Failure("no answer", metadata={TRANSIENT: True}, allow_retries=False)
    raise dg.Failure("a value is wrong", allow_retries=False)


@dg.op
def succeed() -> None:
    """Succeed."""


@dg.job
def succeeding() -> None:
    """One step that succeeds."""
    succeed()


@dg.job
def failing() -> None:
    """One step that fails."""
    fail()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with an input that is stored."""
    found = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    found.append([Entry(INPUT, DAY, Status.STORED, content_hash="one")])
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def unit() -> Unit:
    """A day of one table that reads one input."""
    return Unit("shop 2013-02-01", [TABLE], Span(DAY, DAY), [DAY], {(TABLE, DAY): [(INPUT, DAY)]})


def asked(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit) -> dg.RunRequest:
    """The requested run."""
    found = request(instance, ledger, unit, WAITS, now=NOW)
    assert isinstance(found, dg.RunRequest), found
    return found


def reported(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit, now: float = NOW) -> str:
    """Why no run is requested."""
    found = request(instance, ledger, unit, WAITS, now=now)
    assert isinstance(found, dg.SkipReason), found
    return str(found.skip_message)


def fails(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit, error: str = "wrong") -> None:
    """Run the requested run, which fails."""
    run_request = asked(instance, ledger, unit)
    failing.execute_in_process(
        instance=instance,
        tags=dict(run_request.tags),
        run_config={"ops": {"fail": {"config": {"error": error}}}},
        raise_on_error=False,
    )


def never_starts(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit) -> float:
    """A run that fails before its first step; returns when it ended."""
    run = instance.create_run_for_job(failing, tags=dict(asked(instance, ledger, unit).tags))
    instance.report_run_failed(run)
    [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    return record.end_time or 0.0


def test_a5_a_run_has_tags_for_its_unit_and_inputs(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    found = asked(instance, ledger, unit)

    assert found.tags[UNIT] == unit.name
    assert found.tags[INPUTS] == unit.inputs(ledger)
    assert asked(instance, ledger, unit).run_key == found.run_key


def test_a_running_unit_is_not_requested_again(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    tags = dict(asked(instance, ledger, unit).tags)
    instance.create_run_for_job(failing, tags=tags)

    assert reported(instance, ledger, unit) == "shop 2013-02-01 is running."


def test_a5_a_unit_that_failed_too_often_is_closed_with_the_command_that_resumes_it(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for _ in range(MAX_ATTEMPTS):
        fails(instance, ledger, unit)

    reason = reported(instance, ledger, unit)

    assert "failed 3 times (a value is wrong)" in reason
    assert "--assets 'key:\"shop/orders\"' --partition 2013-02-01" in reason
    entry = ledger.latest(TABLE, [DAY])[DAY]
    assert entry.status is Status.SKIPPED
    assert entry.reason in reason


def test_another_run_has_an_effect_unless_the_newest_succeeded(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for content in ("two", "one", "two", "one"):
        ledger.append([Entry(INPUT, DAY, Status.STORED, content_hash=content)])
        assert effect_of(instance, ledger, unit) is Effect.WANTED

        tags = dict(asked(instance, ledger, unit).tags)
        succeeding.execute_in_process(instance=instance, tags=tags)

        assert effect_of(instance, ledger, unit) is Effect.DONE


def test_a_unit_that_was_given_up_and_closed_has_no_effect(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for _ in range(MAX_ATTEMPTS):
        fails(instance, ledger, unit)
    assert effect_of(instance, ledger, unit) is Effect.WANTED
    reported(instance, ledger, unit)

    assert effect_of(instance, ledger, unit) is Effect.GIVEN_UP


def test_a5_a_repair_of_the_input_reopens_a_unit_that_was_given_up(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for _ in range(MAX_ATTEMPTS):
        fails(instance, ledger, unit)
    assert "failed 3 times" in reported(instance, ledger, unit)

    ledger.append([Entry(INPUT, DAY, Status.STORED, content_hash="repaired")])

    assert asked(instance, ledger, unit).tags[INPUTS] == unit.inputs(ledger)


def test_a5_a_repair_of_an_input_that_the_unit_makes_gives_it_new_attempts(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    made = "shop/cleaned"
    reads = {(made, DAY): [(INPUT, DAY)], (TABLE, DAY): [(made, DAY)]}
    unit = Unit("shop 2013-02-01", [made, TABLE], Span(DAY, DAY), [DAY], reads)
    for _ in range(MAX_ATTEMPTS):
        fails(instance, ledger, unit)
    assert "failed 3 times" in reported(instance, ledger, unit)
    assert not unfinished(ledger, TABLE, [DAY])
    earlier = {run.tags[INPUTS] for run in instance.get_runs()}

    ledger.append([Entry(made, DAY, Status.STORED, content_hash="repaired")])

    assert unfinished(ledger, TABLE, [DAY])
    run_keys = set()
    for _ in range(MAX_ATTEMPTS):
        run_keys.add(asked(instance, ledger, unit).run_key)
        fails(instance, ledger, unit)
    assert len(run_keys) == MAX_ATTEMPTS
    assert {run.tags[INPUTS] for run in instance.get_runs()} == earlier
    assert "failed 3 times" in reported(instance, ledger, unit)
    assert not unfinished(ledger, TABLE, [DAY])


def test_a5_runs_that_never_started_do_not_count_as_attempts(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for _ in range(MAX_ATTEMPTS + 2):
        never_starts(instance, ledger, unit)

    assert asked(instance, ledger, unit)


def test_a5_outages_do_not_count_as_attempts(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        fails(instance, ledger, unit, "unavailable")

    assert asked(instance, ledger, unit)


def test_a5_waits_after_failed_launches_grow(
    instance: dg.DagsterInstance, ledger: Ledger, unit: Unit
) -> None:
    first = never_starts(instance, ledger, unit)
    assert "next attempt at" in reported(instance, ledger, unit, now=first + WAITS[0] - 1)

    second = never_starts(instance, ledger, unit)

    assert "next attempt at" in reported(instance, ledger, unit, now=second + WAITS[1] - 1)
    assert isinstance(
        request(instance, ledger, unit, WAITS, now=second + WAITS[1] + 1), dg.RunRequest
    )


@pytest.mark.parametrize(
    ("keeps", "status"),
    [
        pytest.param([TABLE], Status.STORED, id="a table of releases"),
        pytest.param([], Status.SKIPPED, id="a table that is recomputed"),
    ],
)
def test_giving_up_closes_stored_days_only_of_tables_that_are_recomputed(
    ledger: Ledger, unit: Unit, keeps: list[str], status: Status
) -> None:
    ledger.append(
        [Entry(TABLE, DAY, Status.STORED, content_hash="c", reads=[Read(INPUT, DAY, "old", 1)])]
    )

    give_up(ledger, replace(unit, keeps=keeps), "a value is wrong")

    assert ledger.latest(TABLE, [DAY])[DAY].status is status


def test_a_day_that_was_given_up_with_a_stale_input_stays_closed(
    ledger: Ledger, unit: Unit
) -> None:
    ledger.append([Entry("shop/raw", DAY, Status.STORED, content_hash="new")])
    older = [Read("shop/raw", DAY, "old", 1)]
    ledger.append([Entry(INPUT, DAY, Status.STORED, content_hash="c", reads=older)])

    give_up(ledger, unit, "a value is wrong")

    assert unfinished(ledger, TABLE, [DAY]) == {}
    ledger.append([Entry(INPUT, DAY, Status.STORED, content_hash="c")])
    assert list(unfinished(ledger, TABLE, [DAY])) == [DAY]


@pytest.mark.parametrize(
    "noun", ["champion", "registered_model", "release_decision", "model", "approvals"]
)
def test_trained_and_released_days_are_kept(noun: str) -> None:
    table = f"flight_delays/{noun}"
    graph = project_definitions().resolve_asset_graph()

    found = unit_of(graph, "release", [table, "flight_delays/labels"], Span(DAY, DAY))

    assert found.keeps == [table]
