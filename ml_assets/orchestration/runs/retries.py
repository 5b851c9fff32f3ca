"""Retries of transient errors, and only of those.

``errors`` defines which errors are transient.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from ml_assets.errors import TerminalError, TransientError
from ml_assets.workspace import Workspace

TRANSIENT = "transient"
"""Metadata key of a transient failure."""


def is_transient(event: dg.DagsterEvent) -> bool:
    """Whether a step failed with a transient error."""
    data = event.step_failure_data.user_failure_data
    return data is not None and TRANSIENT in data.metadata


@contextmanager
def attempt(workspace: Workspace, retry_number: int) -> Iterator[None]:
    """One attempt of a step: errors as in ``retried``, and one connection to the ledger's database.

    Args:
        workspace: workspace of the step.
        retry_number: number of retries of this step so far.
    """
    with retried(retry_number, workspace.settings.retry_waits), workspace.one_connection():
        yield


@contextmanager
def retried(retry_number: int, waits: Sequence[int]) -> Iterator[None]:
    """Convert our errors for Dagster: request a retry, or fail immediately.

    Args:
        retry_number: number of retries of this step so far.
        waits: seconds before each retry.

    Raises:
        dagster.RetryRequested: a transient error, with retries left.
        dagster.Failure: a terminal error, or no retry left; not retried.
    """
    try:
        yield
    except TransientError as error:
        if retry_number < len(waits):
            raise dg.RetryRequested(
                max_retries=len(waits), seconds_to_wait=waits[retry_number]
            ) from error
        raise dg.Failure(
            f"{error} No retry is left after {len(waits)}.",
            metadata={TRANSIENT: True},
            allow_retries=False,
        ) from error
    except TerminalError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
