"""Counting days of values in the bins of a reference, and adding the counts up."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.errors import ContractViolation
from ml_assets.monitoring.bins import BINS, bins_of
from ml_assets.monitoring.contracts.profiles import FeatureProfile, FeatureReference
from ml_assets.monitoring.drift import reference_profile
from ml_assets.monitoring.profile import (
    Profile,
    daily_profiles,
    from_rows,
    merge,
    reference_from_rows,
    to_rows,
)

QUICK = settings(deadline=None, max_examples=60)
DAYS = ["2013-03-01", "2013-03-02", "2013-03-03"]
AS_OF = "2013-04-01"


def frame(*rows: tuple[str, float | None, str | None]) -> pd.DataFrame:
    """Rows of (day, speed, colour)."""
    return pd.DataFrame(list(rows), columns=[DAY, "speed", "colour"]).astype(
        {"speed": "float64", "colour": "str"}
    )


REFERENCE = frame(
    (DAYS[0], 1.0, "red"),
    (DAYS[0], 2.0, "blue"),
    (DAYS[1], 2.0, None),
    (DAYS[1], None, "red"),
    (DAYS[2], 4.0, "red"),
)


def counted(column: pd.Series, reference: list[float | None]) -> Profile:
    """One column of one day in the bins of a reference."""
    known = pd.DataFrame({"value": pd.Series(reference, dtype="float64")})
    rows = pd.DataFrame({DAY: DAYS[0], "value": column})
    return merge(daily_profiles(rows, bins_of(known, ["value"], []))[1])


def test_days_are_counted_one_by_one() -> None:
    days, (speed, colour) = daily_profiles(REFERENCE, bins_of(REFERENCE, ["speed"], ["colour"]))

    assert days == DAYS
    assert speed.bins.edges.tolist() == [1, 2, 4]
    assert speed.rows.tolist() == [2, 2, 1]
    assert speed.missing.tolist() == [0, 1, 0]
    assert speed.counts.tolist() == [[0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert speed.sums.tolist() == [[0, 1, 2, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 4, 0]]
    assert colour.bins.categories == ("blue", "red")
    assert colour.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert colour.missing.tolist() == [0, 1, 0]


def test_free_text_is_counted_by_its_length() -> None:
    """A text of another length than the reference is not missing; an empty one has the length 0."""
    reference = pd.DataFrame({"note": pd.Series(["", "late", "later"], dtype="str")})
    notes = pd.Series(["", None, "soon", "a text without an end"], dtype="str")
    bins = bins_of(reference, [], [], ["note"])

    [found] = daily_profiles(pd.DataFrame({DAY: DAYS[0], "note": notes}), bins)[1]

    assert (found.bins.kind, found.bins.edges.tolist()) == ("text", [0, 4, 5])
    assert found.counts.tolist() == [[0, 1, 1, 0, 1]]
    assert found.sums.tolist() == [[0, 0, 4, 0, 21]]
    assert (found.missing.tolist(), found.unseen.tolist()) == ([1], [0])
    [stored] = from_rows(to_rows([DAYS[0]], [found], AS_OF), bins)
    assert stored.sums.tolist() == found.sums.tolist()


@pytest.mark.parametrize(
    ("value", "place"),
    [
        pytest.param(-3.0, 0, id="below"),
        pytest.param(np.nextafter(7, 0), 0, id="just below"),
        pytest.param(7.0, 1, id="equal"),
        pytest.param(np.nextafter(7, 8), 2, id="just above"),
    ],
)
def test_values_around_a_constant_reference_have_their_own_bins(value: float, place: int) -> None:
    assert counted(pd.Series([value]), [7, 7, 7]).counts.tolist() == np.eye(3)[place].tolist()


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series([1, None, 2], dtype="Int64"), id="nullable integers"),
        pytest.param(pd.Series([1.0, np.inf, 2.0]), id="an infinite value"),
        pytest.param(pd.Series([1.0, -np.inf, 2.0]), id="a negative infinite value"),
        pytest.param(pd.Series(["1", "two", "2.0"], dtype="str"), id="text"),
        pytest.param(pd.Series([1, pd.NA, 2.0], dtype="object"), id="objects"),
        pytest.param(pd.Series([True, None, 2], dtype="object"), id="a boolean among objects"),
    ],
)
def test_what_is_no_finite_number_is_missing(column: pd.Series) -> None:
    found = counted(column, [1, 2])

    assert found.missing == 1
    assert found.counts.tolist() == [0, 1, 1, 0]
    assert found.sums.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series([1, 2, None], dtype="Int64"), id="nullable integers"),
        pytest.param(pd.Series([1, 2, None], dtype="float64"), id="integers with a null"),
        pytest.param(pd.Series(["1", "2", None], dtype="object"), id="objects"),
        pytest.param(pd.Series(["1", "2", None], dtype="str"), id="text"),
        pytest.param(pd.Series(["1", "2", None], dtype="category"), id="categories"),
    ],
)
def test_categories_are_names_whatever_their_type(column: pd.Series) -> None:
    bins = bins_of(pd.DataFrame({"gate": [1, 3]}), [], ["gate"])

    _, (found,) = daily_profiles(pd.DataFrame({DAY: DAYS[0], "gate": column}), bins)

    assert found.counts.tolist() == [[1, 0, 1]]
    assert found.unseen.tolist() == [1]
    assert found.missing.tolist() == [1]


def test_a_reference_without_values_has_one_bin() -> None:
    found = counted(pd.Series([1.0, None, -2.0]), [None, None])

    assert found.bins.edges.tolist() == []
    assert found.counts.tolist() == [2]
    assert found.missing == 1


def test_many_values_share_bins_of_similar_size() -> None:
    values = np.random.default_rng(0).normal(size=6200)

    found = counted(pd.Series(values), list(values))

    assert len(found.counts) == BINS
    assert found.counts[0] == found.counts[-1] == 0
    assert found.counts[1] == 1
    assert set(found.counts[2:-1]) <= {101, 102}


def test_no_rows_are_no_days() -> None:
    bins = bins_of(REFERENCE, ["speed"], ["colour"])

    days, profiles = daily_profiles(REFERENCE.head(0), bins)

    assert days == []
    assert to_rows(days, profiles, AS_OF).empty
    assert [merge([profile]).rows for profile in profiles] == [0, 0]


ROW = st.tuples(
    st.sampled_from(DAYS),
    st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6)),
    st.sampled_from([None, "red", "blue", "green"]),
    st.integers(0, 3),
)


@QUICK
@given(st.lists(ROW, max_size=30))
def test_profiles_of_parts_add_up_to_the_profile_of_all(drawn: list[tuple]) -> None:
    rows = frame(*(row[:3] for row in drawn))
    part = np.array([row[3] for row in drawn], dtype="int64")
    bins = bins_of(REFERENCE, ["speed"], ["colour"])

    parts = [daily_profiles(rows[part == each], bins)[1] for each in range(4)]
    _, whole = daily_profiles(rows, bins)

    for of_parts, expected in zip(zip(*parts, strict=True), whole, strict=True):
        found = merge(of_parts)
        union = merge([expected])
        assert found.rows == union.rows == len(rows)
        assert found.missing == union.missing
        assert found.counts.tolist() == union.counts.tolist()
        np.testing.assert_allclose(found.sums, union.sums, rtol=1e-9, atol=1e-6)
        assert found.counts.sum() + found.missing == found.rows


@QUICK
@given(st.lists(ROW, min_size=1, max_size=30))
def test_rows_give_back_the_profile(drawn: list[tuple]) -> None:
    rows = frame(*(row[:3] for row in drawn))
    bins = bins_of(REFERENCE, ["speed"], ["colour"])
    days, profiles = daily_profiles(rows, bins)

    stored = to_rows(days, profiles, AS_OF)

    for found, expected in zip(from_rows(stored, bins), profiles, strict=True):
        for part in ("rows", "missing", "counts", "sums", "unseen"):
            np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


def test_a_stored_reference_counts_as_the_reference_itself() -> None:
    stored = reference_profile(REFERENCE, ["speed"], ["colour"], 7)
    bins = bins_of(REFERENCE, ["speed"], ["colour"])

    found = reference_from_rows(stored)

    _, profiles = daily_profiles(REFERENCE, [each.bins for each in found])
    for each, expected, daily in zip(found, bins, profiles, strict=True):
        assert each.bins.edges.tolist() == expected.edges.tolist()
        assert each.bins.categories == expected.categories
        assert each.counts.tolist() == merge([daily]).counts.tolist()


def test_rows_keep_their_contracts() -> None:
    bins = bins_of(REFERENCE, ["speed"], ["colour"])
    profiles = to_rows(*daily_profiles(REFERENCE, bins), AS_OF)
    references = reference_profile(REFERENCE, ["speed"], ["colour"], 7).assign(**{DAY: AS_OF})

    of_days = validate(profiles, FeatureProfile, DAYS)
    of_model = validate(references, FeatureReference, [AS_OF])

    assert of_days.row_counts == dict.fromkeys(DAYS, 2)
    assert of_model.row_counts == {AS_OF: 2}
    assert of_days.quarantined == of_model.quarantined == {}


def test_lists_are_compact() -> None:
    stored = reference_profile(REFERENCE, ["speed"], ["colour"], 7).set_index("feature")

    assert stored.loc["colour", "categories"] == '["blue","red"]'
    assert stored.loc["colour", ["counts", "sums", "edges"]].tolist() == ["[1,3,0]", "[]", "[]"]
    assert json.loads(stored.loc["speed", "sums"]) == [0, 1, 4, 4, 0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        pytest.param(REFERENCE.head(2), "other bins|reference changed", id="other bins"),
        pytest.param(REFERENCE.rename(columns={"speed": "pace"}), "pace", id="other features"),
    ],
)
def test_profiles_against_another_reference_are_refused(
    reference: pd.DataFrame, message: str
) -> None:
    bins = bins_of(REFERENCE, ["speed"], ["colour"])
    stored = to_rows(*daily_profiles(REFERENCE, bins), AS_OF)
    numeric = [name for name in ("speed", "pace") if name in reference]

    with pytest.raises(ContractViolation, match=message):
        from_rows(stored, bins_of(reference, numeric, ["colour"]))
