"""Direct and indirect dependents and inputs of a day, from ledger entries."""

import pytest

from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.lineage.graph import Edge, Graph

DAY, NEXT, LATER = "2013-01-01", "2013-01-02", "2013-01-03"


def stored(table: str, day: str, *inputs: tuple[str, str], hashed: str = "aa") -> Entry:
    """A stored day and its reads."""
    reads = [Read(of, of_day, hashed, 1) for of, of_day in inputs]
    return Entry(table, day, Status.STORED, content_hash="aa", rows=10, reads=reads)


def graph(*entries: Entry) -> Graph:
    """The graph of some entries."""
    return Graph({(entry.table, entry.day): entry for entry in entries})


def everywhere(_: Edge) -> bool:
    """Follows every edge."""
    return True


@pytest.fixture
def chain() -> Graph:
    """A source, features that look back one day, and a model of two days."""
    return graph(
        stored("a/source", DAY),
        stored("a/source", NEXT),
        stored("a/features", DAY, ("a/source", DAY)),
        stored("a/features", NEXT, ("a/source", DAY), ("a/source", NEXT)),
        stored("a/model", LATER, ("a/features", DAY), ("a/features", NEXT)),
        stored("b/report", LATER, ("a/model", LATER)),
    )


def test_downstream_finds_all_dependents(chain: Graph) -> None:
    assert chain.downstream(("a/source", DAY), everywhere) == {
        ("a/features", DAY),
        ("a/features", NEXT),
        ("a/model", LATER),
        ("b/report", LATER),
    }


def test_days_that_do_not_depend_on_it_are_not_touched(chain: Graph) -> None:
    assert ("a/features", DAY) not in chain.downstream(("a/source", NEXT), everywhere)


def test_traversal_stops_at_edges_that_are_not_followed(chain: Graph) -> None:
    touched = chain.downstream(("a/source", DAY), lambda edge: edge != ("a/features", "a/model"))

    assert touched == {("a/features", DAY), ("a/features", NEXT)}


def test_upstream_finds_all_inputs(chain: Graph) -> None:
    assert chain.upstream(("a/features", NEXT)) == {("a/source", DAY), ("a/source", NEXT)}


def test_a_missing_day_was_not_used() -> None:
    found = graph(stored("a/source", DAY), stored("a/features", NEXT, ("a/source", DAY), hashed=""))

    assert found.downstream(("a/source", DAY), everywhere) == set()


@pytest.mark.parametrize("status", [Status.QUARANTINED, Status.SKIPPED, Status.WRITING])
def test_a_day_that_is_not_stored_used_nothing(status: Status) -> None:
    reads = [Read("a/source", DAY, "aa", 1)]
    found = graph(stored("a/source", DAY), Entry("a/features", DAY, status, reads=reads))

    assert found.downstream(("a/source", DAY), everywhere) == set()


def test_days_that_were_skipped_or_computed_without_a_missing_day_wait_for_it() -> None:
    absent = Read("a/source", DAY, "", None)
    found = graph(
        Entry("a/source", DAY, Status.QUARANTINED, reads=[Read("a/origin", DAY, "aa", None)]),
        stored("a/origin", DAY),
        Entry("a/features", DAY, Status.SKIPPED, reads=[absent, Read("a/other", DAY, "aa", 1)]),
        stored("a/other", DAY),
        stored("a/features", NEXT, ("a/source", DAY), hashed=""),
        stored("a/model", LATER, ("a/features", NEXT)),
        stored("a/report", LATER, ("a/other", DAY)),
    )
    waiting = {("a/features", DAY), ("a/features", NEXT), ("a/model", LATER)}

    assert found.waiting(("a/source", DAY)) == waiting
    assert found.waiting(("a/origin", DAY)) == {("a/source", DAY), *waiting}
    assert found.waiting(("a/other", DAY)) == set()


def test_tables_have_their_days_in_order(chain: Graph) -> None:
    assert chain.tables["a/source"] == [DAY, NEXT]
