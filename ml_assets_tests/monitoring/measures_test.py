"""Distances of two profiles: by hand, and against scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from ml_assets.content import DAY
from ml_assets.monitoring.bins import bins_of
from ml_assets.monitoring.measures import js, ks, psi, wasserstein
from ml_assets.monitoring.profile import Profile, daily_profiles, merge

QUICK = settings(deadline=None, max_examples=60)
SEEDS = [pytest.param(seed, id=f"seed {seed}") for seed in (1, 2)]


def pair(reference: list[float], window: list[float]) -> tuple[Profile, Profile]:
    """Profiles of two lists of values in the bins of the first."""
    one, other = (pd.DataFrame({DAY: "a", "value": values}) for values in (reference, window))
    bins = bins_of(one, ["value"], [])
    return merge(daily_profiles(one, bins)[1]), merge(daily_profiles(other, bins)[1])


@pytest.mark.parametrize(
    ("reference", "window", "expected"),
    [
        pytest.param([2, 2], [1, 1], 0, id="same"),
        pytest.param([2, 2], [4, 0], 0.5, id="half moved"),
        pytest.param([1, 0, 1], [0, 1, 0], 0.5, id="to the middle"),
        pytest.param([3, 0], [0, 5], 1, id="all moved"),
        pytest.param([3, 1], [0, 0], np.nan, id="no values"),
    ],
)
def test_ks_by_hand(reference: list[int], window: list[int], expected: float) -> None:
    np.testing.assert_equal(float(ks(np.array(reference), np.array(window))), expected)


@pytest.mark.parametrize(
    ("reference", "window", "expected"),
    [
        pytest.param([2, 2], [1, 1], 0, id="same"),
        pytest.param([3, 0], [0, 5], 1, id="nothing in common"),
        pytest.param([1, 1], [1, 0], (1.5 - 0.75 * np.log2(3)) ** 0.5, id="one vanished"),
        pytest.param([0, 0], [0, 5], np.nan, id="no values"),
    ],
)
def test_js_by_hand(reference: list[int], window: list[int], expected: float) -> None:
    found = float(js(np.array(reference), np.array(window)))

    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("reference", "window", "expected"),
    [
        pytest.param([5, 5], [5, 5], 0, id="same"),
        pytest.param([5, 5], [3, 1], 0.25 * np.log(3), id="quarters"),
        pytest.param([1] * 20, [2, 0] * 10, 0, id="moved within groups"),
        pytest.param(
            [5, 5], [5, 0], 0.5 * np.log(2) + 0.4999 * np.log(5000), id="one taken for 1e-4"
        ),
        pytest.param([5, 5], [0, 0], np.nan, id="no values"),
    ],
)
def test_psi_by_hand(reference: list[int], window: list[int], expected: float) -> None:
    found = psi(np.array(reference), np.array(window))

    np.testing.assert_allclose(found, expected, atol=1e-12)


COUNTS = st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any)


@QUICK
@given(COUNTS, COUNTS)
def test_js_is_scipys(reference: list[int], window: list[int]) -> None:
    expected = jensenshannon(reference, window, base=2)

    found = float(js(np.array(reference), np.array(window)))
    np.testing.assert_allclose(found**2, np.nan_to_num(expected) ** 2, atol=1e-9)


VALUES = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=40)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:scipy")
@QUICK
@given(VALUES, VALUES)
def test_ks_of_few_different_values_is_scipys(reference: list[float], window: list[float]) -> None:
    window = [value for value in window if value in reference]
    one, other = pair(reference, window or reference)

    found = float(ks(one.counts, other.counts))

    assert found == pytest.approx(
        ks_2samp(reference, window or reference, method="asymp").statistic
    )


@QUICK
@given(VALUES.filter(lambda values: len(set(values)) > 1), VALUES)
def test_wasserstein_of_few_different_values_is_scipys(
    reference: list[float], window: list[float]
) -> None:
    window = [value for value in window if value in reference]

    found = wasserstein(*pair(reference, window or reference))

    expected = wasserstein_distance(reference, window or reference) / np.std(reference)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_many_different_values_are_nearly_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, window = random.normal(0, 2, 20_000), random.normal(0.5, 3, 2_000)

    one, other = pair(list(reference), list(window))

    exact = wasserstein_distance(reference, window) / reference.std()
    assert float(ks(one.counts, other.counts)) == pytest.approx(
        ks_2samp(reference, window).statistic, abs=0.016
    )
    assert wasserstein(one, other) == pytest.approx(exact, abs=0.02)
