"""Members of ensembles on request: each has a thread of its own and a time limit, and may fail.

A member that does not answer in time, or raises an error, has failed; the rest of the ensemble goes
on. Until a late member returns, it gets no further work and fails at once, so that a member that
hangs delays one call and occupies one thread.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import StrEnum

import numpy as np

from ml_assets.errors import ContractViolation
from ml_assets.learning.ensembles.combining import MemberFailed
from ml_assets.learning.ensembles.rules import Member
from ml_assets.learning.scorer.ensembles import Through, Work

log = logging.getLogger(__name__)


class Failure(StrEnum):
    """Why a member gave no answer."""

    TIMEOUT = "timeout"
    BUSY = "busy"
    ERROR = "error"


class Members:
    """The members of the ensembles that one thread asks.

    Args:
        failed: called with pipeline, member and reason when a member gives no answer.
    """

    def __init__(self, failed: Callable[[str, str, Failure], None]) -> None:
        self._failed = failed
        self._workers: dict[tuple[str, str], _Worker] = {}
        self._versions: dict[str, str] = {}

    def of(self, pipeline: str, version: str) -> Through:
        """Runs the work of the members of an ensemble.

        Args:
            pipeline: its pipeline.
            version: its fingerprint; another version gets new threads.
        """
        if self._versions.get(pipeline) != version:
            self._versions[pipeline] = version
            for name in [known for known in self._workers if known[0] == pipeline]:
                self._workers.pop(name).close()

        def through(name: str, member: Member, work: Work) -> np.ndarray:
            return self._run(pipeline, name, member, work)

        return through

    def close(self) -> None:
        """End the threads, each when it has done its work."""
        for worker in self._workers.values():
            worker.close()

    def _run(self, pipeline: str, name: str, member: Member, work: Work) -> np.ndarray:
        worker = self._workers.get((pipeline, name))
        if worker is None:
            worker = self._workers[pipeline, name] = _Worker(f"{pipeline}/{name}")
        if worker.is_busy:
            self._failed(pipeline, name, Failure.BUSY)
            raise MemberFailed("It has not returned from an earlier request yet.")
        given = worker.submit(work)
        try:
            error = given.exception(member.timeout_ms / 1000)
        except TimeoutError:
            self._failed(pipeline, name, Failure.TIMEOUT)
            log.warning("%s: member %s did not answer in time.", pipeline, name)
            reason = f"It did not answer within {member.timeout_ms:g} ms."
            raise MemberFailed(reason) from None
        if isinstance(error, ContractViolation):
            raise error  # the row is wrong, not the member
        if error is not None:
            self._failed(pipeline, name, Failure.ERROR)
            log.error("%s: member %s failed.", pipeline, name, exc_info=error)
            kind = type(error).__name__
            raise MemberFailed(f"It failed with {kind}.")
        return given.result()


class _Worker:
    """A thread that does one work after the other; one that hangs does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._works: queue.SimpleQueue[tuple[Work, Future[np.ndarray]] | None] = queue.SimpleQueue()
        self._last: Future[np.ndarray] | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def is_busy(self) -> bool:
        return self._last is not None and not self._last.done()

    def submit(self, work: Work) -> Future[np.ndarray]:
        self._last = Future()
        self._works.put((work, self._last))
        return self._last

    def close(self) -> None:
        self._works.put(None)

    def _run(self) -> None:
        while (given := self._works.get()) is not None:
            work, result = given
            try:
                result.set_result(work())
            except BaseException as error:  # the thread goes on
                result.set_exception(error)
