"""Latency of a model, judged on a machine that may be slow or busy.

A fixed piece of work, the calibration, is timed before each request. Its 95th percentile, relative
to that of the reference machine, measures how much slower this machine is at the moment:

    slowdown = max(1, p95 of the calibration / REFERENCE_MS)
    allowed  = latency_ms × slowdown

A p95 of at most ``latency_ms`` passes on any machine; one of more than ``MAX_SLOWDOWN × allowed``
fails on any machine. In between, the test is not measured if the slowdown exceeds ``MAX_SLOWDOWN``;
otherwise a p95 of at most ``allowed`` passes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

REFERENCE_MS = 2.0
"""95th percentile of the calibration on the reference machine, milliseconds: twice that of an idle
core of an AMD EPYC server, so that ordinary jitter does not change the budget."""

MAX_SLOWDOWN = 4.0
"""Largest slowdown at which latency is measured."""

WARM_UP, TIMED = 5, 50
"""Number of requests before and during a measurement."""

ROUNDS = 3
"""Largest number of measurements."""

CALIBRATION_STEPS = 20_000

Clock = Callable[[], float]
"""Seconds since some moment."""


class IntegrationOutcome(StrEnum):
    """Outcome of an integration test."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Latency:
    """One measurement of the latency, milliseconds.

    Attributes:
        p50: median time for one request.
        p95: 95th percentile.
        calibration: 95th percentile of the calibration.
    """

    p50: float
    p95: float
    calibration: float

    @property
    def slowdown(self) -> float:
        """Slowdown relative to the reference machine, ≥ 1."""
        return max(1.0, self.calibration / REFERENCE_MS)


@dataclass(frozen=True)
class LatencyResult:
    """Outcome of the latency test, the measurement and the reason."""

    outcome: IntegrationOutcome
    latency: Latency
    reason: str = ""


def calibrate() -> None:
    """A fixed piece of interpreter work, similar to most of a single prediction."""
    total = 0
    for number in range(CALIBRATION_STEPS):
        total += number * number % 7


def measure(answer: Callable[[int], object], clock: Clock = time.perf_counter) -> Latency:
    """Time single requests, each after a calibration.

    Args:
        answer: answers the request with this number.
        clock: returns the time in seconds.
    """
    requests: list[float] = []
    calibrations: list[float] = []
    for number in range(WARM_UP + TIMED):
        calibrations.append(_timed(calibrate, clock))
        requests.append(_timed(lambda number=number: answer(number), clock))  # type: ignore[misc]
    p50, p95 = np.percentile(requests[WARM_UP:], [50, 95]) * 1000
    calibration = np.percentile(calibrations[WARM_UP:], 95) * 1000
    return Latency(float(p50), float(p95), float(calibration))


def within_budget(measure: Callable[[], Latency], latency_ms: float) -> LatencyResult:
    """Measure until a measurement is within the budget, at most ``ROUNDS`` times.

    Args:
        measure: measures once.
        latency_ms: largest 95th percentile on the reference machine, milliseconds.

    Returns:
        ``failed`` only if every measurement failed; ``not_measured`` if one could not be judged.
    """
    results: list[LatencyResult] = []
    for _ in range(ROUNDS):
        results.append(judge(measure(), latency_ms))
        if results[-1].outcome is IntegrationOutcome.PASSED:
            return results[-1]
    return _worst_known(results)


def judge(latency: Latency, latency_ms: float) -> LatencyResult:
    """Judge one measurement."""
    if latency.p95 <= latency_ms:
        return LatencyResult(IntegrationOutcome.PASSED, latency)
    slowdown = latency.slowdown
    allowed = latency_ms * slowdown
    reason = f"95th percentile {latency.p95:.2f} ms, allowed are {latency_ms:g} ms"
    if latency.p95 > allowed * MAX_SLOWDOWN:
        return LatencyResult(IntegrationOutcome.FAILED, latency, reason)
    if slowdown > MAX_SLOWDOWN:
        busy = f"the machine was {slowdown:.1f} times slower than the reference, too busy to judge"
        return LatencyResult(IntegrationOutcome.NOT_MEASURED, latency, f"{reason}; but {busy}")
    if latency.p95 <= allowed:
        return LatencyResult(IntegrationOutcome.PASSED, latency)
    scaled = f" × {slowdown:.2f} for the speed of this machine" if slowdown > 1 else ""
    return LatencyResult(IntegrationOutcome.FAILED, latency, f"{reason}{scaled}")


def _worst_known(results: Sequence[LatencyResult]) -> LatencyResult:
    """The fastest of the measurements that could not be judged, or else of all."""
    unknown = [result for result in results if result.outcome is IntegrationOutcome.NOT_MEASURED]
    return min(unknown or results, key=lambda result: result.latency.p95)


def _timed(work: Callable[[], object], clock: Clock) -> float:
    started = clock()
    work()
    return clock() - started
