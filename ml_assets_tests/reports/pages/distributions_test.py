"""Distributions counted in the bins of a reference, compared with the rows themselves."""

import numpy as np
import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.monitoring.drift import reference_profile
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows
from ml_assets.reports.pages.charts.distributions import (
    NOW,
    OTHERS,
    REFERENCE,
    UNSEEN,
    Distribution,
    distributions,
)


def compared(reference: object, now: object, *, is_named: bool = False) -> Distribution:
    """The distribution of one feature, from its values in the reference and now."""
    names = ([], ["f"]) if is_named else (["f"], [])
    rows = pd.DataFrame({DAY: "2024-01-01", "f": reference})
    stored = reference_profile(rows, *names, 1)
    bins = [one.bins for one in reference_from_rows(stored)]
    newest = pd.DataFrame({DAY: "2024-02-01", "f": now})
    [found] = distributions(stored, to_rows(*daily_profiles(newest, bins), "2024-01-01"), ["f"])
    return found


def test_ranges_have_the_shares_of_the_rows() -> None:
    random = np.random.default_rng(0)
    reference, now = random.normal(0, 1, 20_000), random.normal(1, 1, 20_000)

    found = compared(reference, now)

    assert found.has_ranges
    assert found.labels[0].startswith("≤")
    borders = [float(label.split()[-1]) for label in found.labels[:-1]]
    for values, shares in ((reference, found.reference), (now, found.now)):
        counted = np.histogram(values, [-np.inf, *borders, np.inf])[0] / len(values)
        assert shares == pytest.approx(counted, abs=0.015)
    assert found.reference.sum() == pytest.approx(1)
    assert found.now.sum() == pytest.approx(1)


def test_values_beyond_the_reference_are_in_the_last_bar() -> None:
    found = compared(np.linspace(0, 1, 1000), np.full(100, 50.0))

    assert found.labels[-1].startswith(">")
    assert found.now[-1] == pytest.approx(1)


def test_few_values_have_a_bar_each() -> None:
    found = compared([1, 1, 2, 3], [2, 2, 9, 0])

    assert found.labels == ["< 1", "1", "2", "3", "> 3"]
    assert found.reference.tolist() == [0, 0.5, 0.25, 0.25, 0]
    assert found.now.tolist() == [0.25, 0, 0.5, 0, 0.25]


def test_categories_are_the_most_frequent_the_others_and_new_ones() -> None:
    many = [f"c{number:02}" for number in range(20)]

    found = compared(["a"] * 60 + many, ["b"] * 30 + ["a"] * 10 + many, is_named=True)

    assert found.labels[0] == "a"
    assert found.labels[-2:] == [OTHERS, UNSEEN]
    assert found.now[-1] == pytest.approx(0.5)
    assert found.reference[-1] == 0


def test_missing_values_are_told_and_not_counted() -> None:
    found = compared([1, 2, None, None], [1, 1, 1, None])

    assert (found.reference_missing, found.now_missing) == (0.5, 0.25)
    assert found.now.tolist() == [1, 0]


def test_a_feature_without_values_has_no_distribution() -> None:
    reference = reference_profile(pd.DataFrame({DAY: "2024-01-01", "f": [1.0, 2.0]}), ["f"], [], 1)
    bins = [one.bins for one in reference_from_rows(reference)]
    nothing = pd.DataFrame({DAY: "2024-02-01", "f": [np.nan]})

    assert distributions(reference, to_rows(*daily_profiles(nothing, bins), "a"), ["f"]) == []


def test_rows_are_those_of_the_chart() -> None:
    rows = compared([1, 2], [2, 2]).rows()

    assert rows.to_dict("list") == {
        "value": ["1", "2"] * 2,
        "of": [REFERENCE] * 2 + [NOW] * 2,
        "share": [0.5, 0.5, 0.0, 1.0],
    }
