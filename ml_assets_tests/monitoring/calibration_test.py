"""Mean predictions against mean labels, and of classes the worst of them."""

import numpy as np
import pytest

from ml_assets.learning.metrics.resampling import Scored
from ml_assets.monitoring.calibration import calibration


def test_numbers_are_compared_by_their_means() -> None:
    found = calibration(Scored.of([0, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], [0] * 4, 0.5), ())

    assert (found.mean_prediction, found.mean_label) == pytest.approx((0.5, 0.75))
    assert found.error == pytest.approx(0.25)
    assert found.finding == "mean prediction 0.500 against mean label 0.750"


def test_of_classes_the_one_with_the_largest_difference_counts() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.7, 0.1, 0.2]])

    found = calibration(Scored.of_classes([0, 2], probabilities, [0, 0]), ("a", "b", "c"))

    assert found.error == pytest.approx(0.3)
    assert found.finding == "mean probability 0.200 of c against its share 0.500"
