"""Differences between two small projects, with and without a fault."""

import pytest

from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets_tests.soak.comparison import (
    Histories,
    Node,
    causes,
    differing,
    equal_though_inputs_differ,
    stale_reads,
    state,
)

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


def entry(
    table: str, day: str, content: str, *reads: tuple[str, str, str], **said: object
) -> Entry:
    found = [Read(*read, None) for read in reads]
    return Entry(table, day, Status.STORED, content_hash=content, reads=found, **said)


def histories(*entries: Entry) -> dict[Node, list[Entry]]:
    found: dict[Node, list[Entry]] = {}
    for one in entries:
        found.setdefault((one.table, one.day), []).append(one)
    return found


def days(source: str, made: str, day: str = MONDAY) -> list[Entry]:
    return [
        entry("source", day, source),
        entry("features", day, made, ("source", day, source)),
        entry("labels", day, made, ("features", day, made)),
    ]


UNDISTURBED = histories(*days("s1", "f1"), *days("s2", "f2", TUESDAY))


def test_equal_projects_do_not_differ() -> None:
    assert differing(UNDISTURBED, UNDISTURBED) == []


def test_a_quarantined_or_absent_day_differs() -> None:
    bad = Entry("source", MONDAY, Status.QUARANTINED, content_hash="s1")
    found = differing(histories(bad), histories(*days("s1", "f1")))
    assert found == [("features", MONDAY), ("labels", MONDAY), ("source", MONDAY)]
    assert state(histories(bad), ("source", MONDAY)) == ("quarantined", "")
    assert state({}, ("source", MONDAY)) == ("absent", "")


def test_what_was_made_of_a_faulted_day_is_explained() -> None:
    disturbed = histories(*days("bad", "f1 bad"), *days("s2", "f2", TUESDAY))
    found = differing(disturbed, UNDISTURBED)
    assert found == [("features", MONDAY), ("labels", MONDAY), ("source", MONDAY)]
    fault = {("source", MONDAY)}
    assert all(causes(node, disturbed, UNDISTURBED, fault) == fault for node in found)


@pytest.mark.parametrize("fault", [set(), {("source", TUESDAY)}], ids=["no fault", "another day"])
def test_what_does_not_read_a_fault_is_not_explained(fault: set[Node]) -> None:
    disturbed = histories(*days("bad", "f1 bad"))
    assert causes(("features", MONDAY), disturbed, UNDISTURBED, fault) == set()
    assert causes(("labels", MONDAY), disturbed, UNDISTURBED, fault) == set()


def test_a_read_of_equal_content_explains_nothing() -> None:
    disturbed = histories(*days("s1", "another"))
    fault = {("source", MONDAY)}
    assert causes(("features", MONDAY), disturbed, UNDISTURBED, fault) == set()


def predicted(*, is_final: bool = True) -> Histories:
    """A source that was bad and healed; what was made of it meanwhile, and labels that read that."""
    made = [
        entry("made", MONDAY, "p bad", ("features", MONDAY, content), is_final=is_final)
        for content in ("f1 bad", "f1")
    ]
    of_labels = entry("joined", MONDAY, "j bad", ("made", MONDAY, "p bad"))
    return histories(*days("bad", "f1 bad"), *days("s1", "f1"), *made, of_labels)


def test_a_fault_that_healed_explains_only_facts_and_what_reads_them() -> None:
    """A prediction stays as it was made of the faulted rows, and its labels follow it."""
    undisturbed = histories(
        *days("s1", "f1"),
        entry("made", MONDAY, "p1", ("features", MONDAY, "f1")),
        entry("joined", MONDAY, "j1", ("made", MONDAY, "p1")),
    )
    fault = {("source", MONDAY)}
    for node in (("made", MONDAY), ("joined", MONDAY)):
        assert causes(node, predicted(), undisturbed, set(), fault) == fault
        assert causes(node, predicted(is_final=False), undisturbed, set(), fault) == set()
        assert causes(node, predicted(is_final=False), undisturbed, fault) == set()


@pytest.mark.parametrize("table", ["source", "features", "labels"])
def test_a_day_that_is_computed_again_is_not_explained_by_a_fault_that_healed(table: str) -> None:
    disturbed = histories(*days("bad", "f1 bad"))
    fault = {("source", MONDAY)}

    assert causes((table, MONDAY), disturbed, UNDISTURBED, fault) == fault
    assert causes((table, MONDAY), disturbed, UNDISTURBED, set(), fault) == set()


def test_a_day_that_differs_needs_an_input_that_differs() -> None:
    disturbed = histories(*days("bad", "f1 bad"), *days("s2", "another", TUESDAY))
    fault = {("source", MONDAY)}
    assert differing(disturbed, UNDISTURBED)[1] == ("features", TUESDAY)
    assert causes(("features", TUESDAY), disturbed, UNDISTURBED, fault, fault) == set()


SOURCE = ("source", MONDAY)


@pytest.mark.parametrize(
    ("reads", "inputs"),
    [
        pytest.param([("source", MONDAY, "s1")], [], id="the same input"),
        pytest.param([("source", MONDAY, "bad")], [SOURCE], id="other content"),
        pytest.param([("source", MONDAY, "")], [SOURCE], id="an input that was not usable"),
        pytest.param([], [SOURCE], id="an input that was not read"),
        pytest.param(
            [("source", MONDAY, "s1"), ("source", TUESDAY, "s2")],
            [("source", TUESDAY)],
            id="an input more",
        ),
        pytest.param(
            [("source", MONDAY, "s1"), ("source", TUESDAY, "")], [], id="an absent input more"
        ),
    ],
)
def test_a_day_that_is_equal_is_listed_with_the_inputs_that_differ(
    reads: list[tuple[str, str, str]], inputs: list[Node]
) -> None:
    disturbed = histories(*days("bad", "f1"), entry("features", MONDAY, "f1", *reads))

    found = equal_though_inputs_differ(disturbed, UNDISTURBED)

    assert found == ({("features", MONDAY): inputs} if inputs else {})


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(entry("features", MONDAY, "another"), id="it differs"),
        pytest.param(entry("features", MONDAY, "f1", is_final=True), id="a fact"),
        pytest.param(Entry("features", MONDAY, Status.SKIPPED), id="without rows"),
    ],
)
def test_other_days_are_not_listed(last: Entry) -> None:
    assert equal_though_inputs_differ(histories(last), UNDISTURBED) == {}


def test_only_the_latest_inputs_of_an_equal_day_count() -> None:
    disturbed = histories(*days("bad", "f1 bad"), *days("s1", "f1"))
    assert equal_though_inputs_differ(disturbed, UNDISTURBED) == {}


def test_a_day_that_missed_a_change_of_its_input_is_stale() -> None:
    late = histories(*days("s1", "f1"), entry("source", MONDAY, "s1 late"))
    assert stale_reads(UNDISTURBED) == []
    assert stale_reads(late) == [(("features", MONDAY), ("source", MONDAY))]
