"""Differences between two small projects, with and without a fault."""

import pytest

from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets_tests.soak.comparison import (
    Histories,
    Node,
    causes,
    differing,
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


def test_only_facts_are_explained_by_inputs_that_healed() -> None:
    """A prediction stays as it was made of the faulted rows; features do not."""
    undisturbed = histories(
        *days("s1", "f1"), entry("made", MONDAY, "p1", ("features", MONDAY, "f1"))
    )
    healed = [*days("bad", "f1 bad"), *days("s1", "f1")]

    def disturbed(*, is_final: bool) -> Histories:
        made = entry("made", MONDAY, "p bad", ("features", MONDAY, "f1 bad"), is_final=is_final)
        again = entry("made", MONDAY, "p bad", ("features", MONDAY, "f1"), is_final=is_final)
        return histories(*healed, made, again)

    node, fault = ("made", MONDAY), {("source", MONDAY)}
    assert causes(node, disturbed(is_final=True), undisturbed, fault) == fault
    assert causes(node, disturbed(is_final=False), undisturbed, fault) == set()


def test_a_day_that_missed_a_change_of_its_input_is_stale() -> None:
    late = histories(*days("s1", "f1"), entry("source", MONDAY, "s1 late"))
    assert stale_reads(UNDISTURBED) == []
    assert stale_reads(late) == [(("features", MONDAY), ("source", MONDAY))]
