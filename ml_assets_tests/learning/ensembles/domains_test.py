"""The algebra of values against brute force over samples of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.learning.ensembles.domains import (
    ANY,
    Domain,
    Value,
    both,
    covers,
    empty_fields,
)

QUICK = settings(deadline=None, max_examples=300)
ENDS = (0, 1, 2, 3)
SAMPLES: tuple[Value | None, ...] = ("a", "b", "c", -1, *(n / 2 for n in range(8)), 9, None)
"""Texts, the ends of limits, numbers between and beyond them, and a missing value."""

VALUES = st.frozensets(st.sampled_from(["a", "b", *ENDS]), max_size=3)


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Any domain with whole numbers as ends."""
    return Domain(
        listed=draw(st.none() | VALUES),
        excluded=draw(VALUES),
        low=draw(st.sampled_from([float("-inf"), *ENDS])),
        is_above=draw(st.booleans()),
        high=draw(st.sampled_from([float("inf"), *ENDS])),
        is_below=draw(st.booleans()),
        missing=draw(st.booleans()),
    )


def sampled(domain: Domain) -> set[Value | None]:
    """The samples that are in a domain."""
    return {one for one in SAMPLES if (domain.missing if one is None else domain.has(one))}


@QUICK
@given(domains(), domains())
def test_both_have_what_each_has(one: Domain, other: Domain) -> None:
    assert sampled(one.and_(other)) == sampled(one) & sampled(other)
    assert one.and_(other) == other.and_(one)
    assert one.and_(ANY) == one


@QUICK
@given(domains())
def test_a_domain_is_empty_without_values(domain: Domain) -> None:
    assert domain.is_empty == (not sampled(domain))


@QUICK
@given(domains(), domains())
def test_a_domain_covers_what_it_has_all_values_of(one: Domain, other: Domain) -> None:
    if one.covers(other):
        assert sampled(other) <= sampled(one)
    assert one.covers(one)
    assert one.covers(one.and_(other))
    assert ANY.covers(other)


def test_cover_is_found_for_lists_limits_and_missing_values() -> None:
    small, open_end = Domain(low=1, high=2), Domain(low=1, is_above=True, high=2, is_below=True)

    assert small.covers(open_end)
    assert not open_end.covers(small)
    assert not Domain(missing=False).covers(small)
    assert small.covers(Domain(listed=frozenset([1, 2]), missing=False))
    assert not small.covers(Domain(listed=frozenset([1, 3]), missing=False))
    assert not Domain(excluded=frozenset([1])).covers(small)
    assert Domain(excluded=frozenset([3])).covers(small)
    assert Domain(listed=frozenset(["a", "b"])).covers(Domain(listed=frozenset(["a"])))
    assert not Domain(listed=frozenset([1, 2])).covers(small)


@QUICK
@given(
    st.dictionaries(st.sampled_from("fg"), domains()),
    st.dictionaries(st.sampled_from("fg"), domains()),
)
def test_rows_are_compared_field_by_field(one: dict[str, Domain], other: dict[str, Domain]) -> None:
    merged = both(one, other)

    for field in "fg":
        expected = sampled(one.get(field, ANY)) & sampled(other.get(field, ANY))
        assert sampled(merged.get(field, ANY)) == expected
        assert (field in empty_fields(merged)) == (field in merged and not expected)
        if covers(one, other):
            assert sampled(other.get(field, ANY)) <= sampled(one.get(field, ANY))
