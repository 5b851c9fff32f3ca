"""Whether a model answers fast enough, on a machine that may be slow or busy.

A fixed piece of work, the calibration, is timed before each request. Its 95th percentile, relative
to the time it takes on the reference machine, says how much slower this machine is at this moment:

    slowdown = max(1, p95 of the calibration / REFERENCE_MS)
    allowed  = latency_ms × slowdown

A p95 of at most ``latency_ms`` passes, however slow the machine is, and so does one of at most
``allowed``. On a machine that is slowed down more than ``MAX_SLOWDOWN`` times nothing else is judged,
but that a p95 more than ``MAX_SLOWDOWN`` times above ``allowed`` is too slow on any machine.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

REFERENCE_MS = 2.0
"""Longest 95th percentile of the calibration that counts as no slowdown, milliseconds: twice that of
an idle core of an AMD EPYC server, so that ordinary jitter does not move the budget."""

MAX_SLOWDOWN = 4.0
"""A machine that is slower than this, relative to the reference, is too busy to measure on."""

WARM_UP, TIMED = 5, 50
"""Requests before and during a measurement."""

ROUNDS = 3
"""Measurements before an answer is called too slow."""

CALIBRATION_STEPS = 20_000

Clock = Callable[[], float]
"""Seconds since some moment."""


class IntegrationOutcome(StrEnum):
    """What an integration test came to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Latency:
    """One measurement of the latency, milliseconds.

    Attributes:
        p50: median time for one request.
        p95: 95th percentile.
        calibration: 95th percentile of the calibration that was timed beside the requests.
    """

    p50: float
    p95: float
    calibration: float

    @property
    def slowdown(self) -> float:
        """How many times slower than the reference machine this one was."""
        return max(1.0, self.calibration / REFERENCE_MS)


@dataclass(frozen=True)
class Answer:
    """Whether requests are answered fast enough, the measurement that says so, and the reason."""

    outcome: IntegrationOutcome
    latency: Latency
    reason: str = ""


def calibrate() -> None:
    """A fixed piece of work in the interpreter, as most of a single prediction is."""
    total = 0
    for number in range(CALIBRATION_STEPS):
        total += number * number % 7


def measure(answer: Callable[[int], object], clock: Clock = time.perf_counter) -> Latency:
    """Time single requests, each after a calibration.

    Args:
        answer: answers the request of a number.
        clock: the time in seconds.
    """
    requests: list[float] = []
    calibrations: list[float] = []
    for number in range(WARM_UP + TIMED):
        calibrations.append(_timed(calibrate, clock))
        requests.append(_timed(lambda number=number: answer(number), clock))  # type: ignore[misc]
    p50, p95 = np.percentile(requests[WARM_UP:], [50, 95]) * 1000
    calibration = np.percentile(calibrations[WARM_UP:], 95) * 1000
    return Latency(float(p50), float(p95), float(calibration))


def within_budget(measure: Callable[[], Latency], latency_ms: float) -> Answer:
    """Measure until a measurement keeps the budget, ``ROUNDS`` times at most.

    Args:
        measure: measures once.
        latency_ms: allowed 95th percentile on the reference machine.

    Returns:
        ``failed`` only when no measurement kept the budget and each of them could be judged.
    """
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        answers.append(judge(measure(), latency_ms))
        if answers[-1].outcome is IntegrationOutcome.PASSED:
            return answers[-1]
    return _worst_known(answers)


def judge(latency: Latency, latency_ms: float) -> Answer:
    """What one measurement says."""
    if latency.p95 <= latency_ms:
        return Answer(IntegrationOutcome.PASSED, latency)
    slowdown = latency.slowdown
    allowed = latency_ms * slowdown
    reason = f"95th percentile {latency.p95:.2f} ms, allowed are {latency_ms:g} ms"
    if latency.p95 > allowed * MAX_SLOWDOWN:
        return Answer(IntegrationOutcome.FAILED, latency, reason)
    if slowdown > MAX_SLOWDOWN:
        busy = f"the machine was {slowdown:.1f} times slower than the reference, too busy to judge"
        return Answer(IntegrationOutcome.NOT_MEASURED, latency, f"{reason}; but {busy}")
    if latency.p95 <= allowed:
        return Answer(IntegrationOutcome.PASSED, latency)
    scaled = f" × {slowdown:.2f} for the speed of this machine" if slowdown > 1 else ""
    return Answer(IntegrationOutcome.FAILED, latency, f"{reason}{scaled}")


def _worst_known(answers: Sequence[Answer]) -> Answer:
    """The fastest measurement among those that could not be judged, or else among all."""
    unknown = [answer for answer in answers if answer.outcome is IntegrationOutcome.NOT_MEASURED]
    return min(unknown or answers, key=lambda answer: answer.latency.p95)


def _timed(work: Callable[[], object], clock: Clock) -> float:
    started = clock()
    work()
    return clock() - started
