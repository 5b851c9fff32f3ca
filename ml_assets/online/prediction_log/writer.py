"""Group commit: many requests wait for one transaction of the prediction log.

A request waits for a future that is resolved after the commit. What arrives during a commit is
committed together by the next one, so the disk is waited for once for all of them.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from ml_assets.errors import LogBusy, MLAssetsError, PredictionLogUnavailable, TransientError
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog

ENTRIES_AT_ONCE = 1_000
"""Entries of one transaction; a submission that alone has more is not divided."""

SESSION_SECONDS = 1.0
"""Time after which a new connection is opened, so that a file that was replaced or restored is noticed."""

Known = dict[str, LoggedPrediction]
"""Event id → its logged entry, where that is another one than the submitted."""


@dataclass(frozen=True)
class _Submission:
    entries: Sequence[LoggedPrediction]
    future: Future[Known] = field(default_factory=Future)


class LogWriter:
    """Writes to a prediction log in a thread of its own.

    Args:
        log: the log.
        capacity: number of entries that may wait.
    """

    def __init__(self, log: PredictionLog, capacity: int) -> None:
        self._log = log
        self._capacity = capacity
        self._waiting: deque[_Submission] = deque()
        self._entries_waiting = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[LoggedPrediction]) -> Future[Known]:
        """Hand over entries, all or none of which are logged.

        Args:
            entries: entries of one request.

        Returns:
            A future that is resolved after their commit, with the logged entries of events that
            had been logged before; or fails with the error, and then none is logged by this
            submission. One that is cancelled before its turn is not logged.

        Raises:
            LogBusy: too many entries wait.
            PredictionLogUnavailable: the writer is closed.
        """
        submission = _Submission(entries)
        with self._changed:
            if self._is_closed:
                raise PredictionLogUnavailable(
                    "The prediction log is closed: the service is being stopped."
                )
            total = self._entries_waiting + len(entries)
            if self._waiting and total > self._capacity:
                raise LogBusy(
                    f"{self._entries_waiting} predictions wait to be logged, expected at most "
                    f"{self._capacity} with these {len(entries)}. Try again later."
                )
            self._waiting.append(submission)
            self._entries_waiting = total
            self._changed.notify()
        return submission.future

    def problem(self) -> str:
        """Why the log cannot be written; empty if it can.

        It is asked only after a write that failed, so that it costs nothing while all is well.
        """
        if not self._has_failed:
            return ""
        try:
            self._log.refuse_read_only()
        except MLAssetsError as error:
            return str(error)
        self._has_failed = False
        return ""

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        batch = self._next_batch()
        while batch:
            try:
                ends = time.monotonic() + SESSION_SECONDS
                with self._log.one_connection():
                    is_usable = True
                    while batch and is_usable:
                        is_written = self._commit(batch)
                        batch = self._next_batch()
                        is_usable = is_written and time.monotonic() < ends
            except Exception as error:
                self._has_failed = True
                _fail(batch, error)
                batch = self._next_batch()

    def _next_batch(self) -> list[_Submission]:
        """The next waiting entries, up to a maximum, as soon as there are any; empty when closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                batch = self._taken()
                if batch or self._is_closed:
                    return batch

    def _taken(self) -> list[_Submission]:
        batch: list[_Submission] = []
        size = 0
        while self._waiting and (
            not batch or size + len(self._waiting[0].entries) <= ENTRIES_AT_ONCE
        ):
            submission = self._waiting.popleft()
            self._entries_waiting -= len(submission.entries)
            if submission.future.set_running_or_notify_cancel():
                size += len(submission.entries)
                batch.append(submission)
        return batch

    def _commit(self, batch: Sequence[_Submission]) -> bool:
        """Log submissions in one transaction; each in its own if one of them cannot be stored.

        Returns:
            Whether all of them are logged.
        """
        try:
            logged = self._append([entry for submission in batch for entry in submission.entries])
        except TransientError as error:
            self._has_failed = True
            _fail(batch, error)
            return False
        except Exception as error:
            if len(batch) > 1:
                each = [self._commit([submission]) for submission in batch]
                return all(each)
            _fail(batch, error)
            return False
        self._has_failed = False
        for submission in batch:
            submission.future.set_result(_others(submission.entries, logged))
        return True

    def _append(self, entries: Sequence[LoggedPrediction]) -> Known:
        """Event id → what is logged now, of all entries."""
        first = {entry.event_id: entry for entry in reversed(entries)}
        return first | self._log.append(entries)


def _others(entries: Sequence[LoggedPrediction], logged: Known) -> Known:
    return {
        entry.event_id: logged[entry.event_id]
        for entry in entries
        if logged[entry.event_id] is not entry
    }


def _fail(batch: Sequence[_Submission], error: Exception) -> None:
    for submission in batch:
        submission.future.set_exception(error)
