"""Transient errors are tried again after growing waits, terminal ones never."""

from collections.abc import Callable

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterInstance

from ml_assets.errors import (
    CommitConflict,
    ConfigurationError,
    ContractViolation,
    SourceUnavailable,
    TerminalError,
    TransientError,
)
from ml_assets.orchestration.runs.retries import retried
from ml_assets.settings import Settings, settings
from ml_assets_tests.orchestration.conftest import Configure

LADDER = [30, 120, 600, 3600]


@pytest.mark.parametrize("retry_number", range(4), ids=lambda number: f"retry {number + 1}")
@pytest.mark.parametrize("error", [SourceUnavailable, CommitConflict], ids=lambda e: e.__name__)
def test_transient_error_requests_the_next_wait(
    error: type[TransientError], retry_number: int
) -> None:
    cause = error("the database is restarting.")
    with pytest.raises(dg.RetryRequested) as caught, retried(retry_number, LADDER):
        raise cause
    assert caught.value.seconds_to_wait == LADDER[retry_number]
    assert caught.value.max_retries == 4
    assert caught.value.__cause__ is cause


def test_transient_error_after_the_last_retry_is_a_failure() -> None:
    words = r"does not answer\. No retry is left after 4"
    with pytest.raises(dg.Failure, match=words) as caught, retried(4, LADDER):
        raise SourceUnavailable("The source does not answer.")
    assert caught.value.allow_retries is False


@pytest.mark.parametrize("error", [ConfigurationError, ContractViolation], ids=lambda e: e.__name__)
def test_terminal_error_fails_immediately_with_its_message(error: type[TerminalError]) -> None:
    with (
        pytest.raises(dg.Failure, match=r"^Column 'x' is missing\.$") as caught,
        retried(0, LADDER),
    ):
        raise error("Column 'x' is missing.")
    assert caught.value.allow_retries is False


def test_other_errors_are_not_converted() -> None:
    with pytest.raises(ZeroDivisionError), retried(0, LADDER):
        _ = 1 / 0


def test_no_waits_mean_no_retries() -> None:
    with pytest.raises(dg.Failure, match="No retry is left after 0"), retried(0, []):
        raise SourceUnavailable("The source does not answer.")


def test_negative_wait_is_refused_by_name(configure: Configure) -> None:
    configure(retry_waits="[30,-1]")
    with pytest.raises(ConfigurationError, match=r"ML_ASSETS_RETRY_WAITS: .*cannot be negative"):
        settings()


def test_default_waits_are_the_documented_ones() -> None:
    assert Settings.model_fields["retry_waits"].default == LADDER


# ------------------------------------------------------------------ in a run

Attempt = Callable[[], None]


def run(instance: DagsterInstance, attempt: Attempt) -> dg.ExecuteInProcessResult:
    """A run of one asset with controlled attempts."""

    @dg.asset
    def fragile(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        with retried(context.retry_number, [0, 0]):
            attempt()
        return dg.MaterializeResult()

    return dg.materialize([fragile], instance=instance, raise_on_error=False)


def failing(times: int, error: Exception) -> tuple[Attempt, list[int]]:
    """An attempt that fails so many times, and the list that counts attempts."""
    made: list[int] = []

    def attempt() -> None:
        made.append(len(made) + 1)
        if len(made) <= times:
            raise error

    return attempt, made


def kinds(result: dg.ExecuteInProcessResult) -> list[DagsterEventType]:
    wanted = {
        DagsterEventType.STEP_UP_FOR_RETRY,
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.STEP_SUCCESS,
    }
    return [event.event_type for event in result.all_events if event.event_type in wanted]


def test_run_step_that_recovers_succeeds(instance: DagsterInstance) -> None:
    attempt, made = failing(2, SourceUnavailable("restarting."))
    result = run(instance, attempt)
    assert result.success
    assert made == [1, 2, 3]
    assert kinds(result) == [DagsterEventType.STEP_UP_FOR_RETRY] * 2 + [
        DagsterEventType.STEP_SUCCESS
    ]


def test_run_step_that_never_recovers_fails_after_three_attempts(
    instance: DagsterInstance,
) -> None:
    attempt, made = failing(99, SourceUnavailable("The source does not answer."))
    result = run(instance, attempt)
    assert made == [1, 2, 3]
    assert kinds(result)[-1] is DagsterEventType.STEP_FAILURE
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "No retry is left after 2" in str(failure.step_failure_data.error)


def test_run_step_with_a_terminal_error_is_tried_once(instance: DagsterInstance) -> None:
    attempt, made = failing(99, ContractViolation("Column 'x' is missing."))
    result = run(instance, attempt)
    assert made == [1]
    assert kinds(result) == [DagsterEventType.STEP_FAILURE]
