"""The latency budget follows the speed of the machine, and a busy machine is no failed test."""

from collections.abc import Callable, Iterator

import pytest

from ml_assets.registry.latency import (
    MAX_SLOWDOWN,
    REFERENCE_MS,
    ROUNDS,
    TIMED,
    WARM_UP,
    IntegrationOutcome,
    Latency,
    judge,
    measure,
    within_budget,
)

BUDGET = 100


def latency(p95: float, slowdown: float) -> Latency:
    """A measurement on a machine of some speed."""
    return Latency(p50=p95 / 2, p95=p95, calibration=REFERENCE_MS * slowdown)


@pytest.mark.parametrize(
    ("p95", "slowdown", "outcome"),
    [
        pytest.param(99, 1, IntegrationOutcome.PASSED, id="within the budget"),
        pytest.param(99, 50, IntegrationOutcome.PASSED, id="within the budget on a busy machine"),
        pytest.param(
            107, 1, IntegrationOutcome.FAILED, id="over the budget on the reference machine"
        ),
        pytest.param(
            107, 0.3, IntegrationOutcome.FAILED, id="a fast machine makes no budget smaller"
        ),
        pytest.param(99, 0.3, IntegrationOutcome.PASSED, id="within it on a fast machine"),
        pytest.param(
            107, 1.5, IntegrationOutcome.PASSED, id="107 ms on a machine half as fast again"
        ),
        pytest.param(151, 1.5, IntegrationOutcome.FAILED, id="over what that machine may take"),
        pytest.param(399, MAX_SLOWDOWN, IntegrationOutcome.PASSED, id="at the highest slowdown"),
        pytest.param(107, 4.1, IntegrationOutcome.NOT_MEASURED, id="too busy to judge"),
        pytest.param(1600, 4.1, IntegrationOutcome.NOT_MEASURED, id="too busy, and may be slow"),
        pytest.param(1700, 4.1, IntegrationOutcome.FAILED, id="too slow on any machine"),
    ],
)
def test_g4_budget_is_relative_to_the_machine(
    p95: float, slowdown: float, outcome: IntegrationOutcome
) -> None:
    answer = judge(latency(p95, slowdown), BUDGET)

    assert answer.outcome is outcome
    assert bool(answer.reason) is (outcome is not IntegrationOutcome.PASSED)


def measured(*latencies: Latency) -> Callable[[], Latency]:
    """Measurements in this order."""
    remaining: Iterator[Latency] = iter(latencies)
    return lambda: next(remaining)


SLOW, FAST, BUSY = latency(150, 1), latency(50, 1), latency(300, 6)


@pytest.mark.parametrize(
    ("latencies", "outcome"),
    [
        pytest.param([FAST], IntegrationOutcome.PASSED, id="at once"),
        pytest.param([SLOW, BUSY, FAST], IntegrationOutcome.PASSED, id="at last"),
        pytest.param([SLOW] * ROUNDS, IntegrationOutcome.FAILED, id="never"),
        pytest.param(
            [SLOW, BUSY, SLOW], IntegrationOutcome.NOT_MEASURED, id="once it was too busy"
        ),
        pytest.param([BUSY] * ROUNDS, IntegrationOutcome.NOT_MEASURED, id="always too busy"),
    ],
)
def test_g4_measurements_are_bounded_and_fail_only_when_all_of_them_can_be_judged(
    latencies: list[Latency], outcome: IntegrationOutcome
) -> None:
    assert within_budget(measured(*latencies), BUDGET).outcome is outcome


def test_g4_the_reason_contains_the_budget_of_this_machine() -> None:
    assert judge(latency(151, 1.5), BUDGET).reason == (
        "95th percentile 151.00 ms, allowed are 100 ms × 1.50 for the speed of this machine"
    )
    assert "6.0 times slower than the reference, too busy" in judge(BUSY, BUDGET).reason


def test_g4_each_request_is_timed_beside_a_calibration() -> None:
    """A clock that gives calibrations 4 ms and requests 30 ms, but for those of the warm-up."""
    count = WARM_UP + TIMED
    seconds = [9.0] * 2 * WARM_UP + [0.004, 0.030] * TIMED
    moments = [moment for taken in seconds for moment in (0.0, taken)]
    ticks = iter(moments)
    answered: list[int] = []

    found = measure(answered.append, lambda: next(ticks))

    assert answered == list(range(count))
    assert (found.p50, found.p95, found.calibration) == pytest.approx((30, 30, 4))
    assert found.slowdown == pytest.approx(4 / REFERENCE_MS)
