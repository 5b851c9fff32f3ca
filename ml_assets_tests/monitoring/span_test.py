"""Intervals of few days, and of several tests together."""

import pytest

from ml_assets.monitoring.span import simultaneous, widened


def test_an_interval_of_few_days_is_wider() -> None:
    assert widened(10, 9, 12, days=14, confidence=0.95) == pytest.approx((8.856, 12.288), abs=1e-3)


def test_an_interval_for_several_tests_is_wider() -> None:
    assert simultaneous(28, 1, 0.95) == pytest.approx(1)
    assert simultaneous(28, 5, 0.95) == pytest.approx(2.7707 / 2.0518, abs=1e-3)
