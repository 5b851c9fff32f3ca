"""Scoring of requests in a thread, those that wait at the same time together.

The queue is bounded: a request that finds it full is refused at once, so waiting times do not grow.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.serving.problems import Problem, unavailable
from ml_assets.serving.scoring import Asked, Predicted

SESSION_SECONDS = 1.0
"""Time after which the thread leaves its session and enters a new one."""


@dataclass(frozen=True)
class Answered:
    """The predictions of one request.

    Attributes:
        entries: an entry for each row.
        is_logged: whether they are in the prediction log.
    """

    entries: Sequence[LoggedPrediction]
    is_logged: bool


@dataclass(frozen=True)
class Work:
    """A request that waits.

    Attributes:
        asked: the request.
        deadline: monotonic time after which nobody waits for the answer.
        result: its predictions, or the problem as an exception.
    """

    asked: Asked
    deadline: float
    result: Future[Answered] = field(default_factory=Future)


class Lane:
    """A queue of requests, and the thread that scores them.

    Args:
        name: name of the thread.
        score: the predictions of requests.
        log: takes the entries of one request and sets its result when they are logged.
        session: the context in which the thread scores, such as an open connection.
        capacity: number of requests that may wait.
        rows_at_once: number of rows up to which waiting requests are scored together.
    """

    def __init__(
        self,
        name: str,
        score: Callable[[Sequence[Asked]], Sequence[Predicted]],
        log: Callable[[Work, Sequence[LoggedPrediction]], None],
        session: Callable[[], AbstractContextManager[None]],
        *,
        capacity: int,
        rows_at_once: int,
    ) -> None:
        self._score, self._log, self._session = score, log, session
        self._rows_at_once = rows_at_once
        self._waiting: queue.Queue[Work | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Score what waits, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, work: Work) -> None:
        """Add a request to the queue.

        Raises:
            Problem: the queue is full.
        """
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            raise Problem(
                429,
                f"{self._waiting.maxsize} requests wait already. Expected fewer at the same time; send it "
                "again later.",
                retry_after=1,
            ) from None

    def _run(self) -> None:
        works, is_open = self._next()
        while works or is_open:
            ends = time.monotonic() + SESSION_SECONDS
            with self._session():
                while works or is_open:
                    self._answer([work for work in works if _is_wanted(work)])
                    works, is_open = self._next() if is_open else ([], False)
                    if time.monotonic() >= ends:
                        break

    def _next(self) -> tuple[list[Work], bool]:
        """The requests to score together, and whether more may follow."""
        work = self._waiting.get()
        works, rows = [], 0
        while work is not None:
            works.append(work)
            rows += len(work.asked.rows)
            if rows >= self._rows_at_once:
                return works, True
            try:
                work = self._waiting.get_nowait()
            except queue.Empty:
                return works, True
        return works, False

    def _answer(self, works: Sequence[Work]) -> None:
        if not works:
            return
        try:
            results = self._score([work.asked for work in works])
        except Exception as error:  # a defect must not end the thread: its requests are told
            for work in works:
                work.result.set_exception(error)
            return
        for work, found in zip(works, results, strict=True):
            if isinstance(found, Problem):
                work.result.set_exception(found)
            else:
                self._log(work, found)


def _is_wanted(work: Work) -> bool:
    """Whether a client still waits for the answer; a request that waited too long gets an error."""
    if not work.result.set_running_or_notify_cancel():
        return False
    if work.deadline > time.monotonic():
        return True
    work.result.set_exception(unavailable("The request waited longer than its time limit."))
    return False
