"""Trying again what may succeed later, and only that.

Which errors are transient is for ``errors`` to say.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from ml_assets.errors import TerminalError, TransientError

TRANSIENT = "transient"
"""Metadata of a failure that may pass by itself."""


def is_transient(event: dg.DagsterEvent) -> bool:
    """Whether a step failed for something that may pass by itself."""
    data = event.step_failure_data.user_failure_data
    return data is not None and TRANSIENT in data.metadata


@contextmanager
def retried(retry_number: int, waits: Sequence[int]) -> Iterator[None]:
    """Turn our errors into what Dagster understands: ask for a retry, or fail at once.

    Args:
        retry_number: how many retries this step has had.
        waits: seconds before each retry.

    Raises:
        dagster.RetryRequested: a transient error, and a retry is left.
        dagster.Failure: a terminal error, or no retry is left; never retried further.
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
