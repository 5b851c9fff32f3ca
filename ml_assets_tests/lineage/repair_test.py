"""Which days a repair recomputes, and in which order."""

from collections.abc import Sequence
from datetime import date, timedelta

import hypothesis.strategies as st
from hypothesis import given

from ml_assets.content import SNAPSHOT
from ml_assets.lineage.graph import Graph, Node
from ml_assets.lineage.repair import AS_OF, Scope, Step, repair_steps, scope_of
from ml_assets_tests.lineage.graph_test import graph, stored

DAYS = [(date(2013, 1, 1) + timedelta(days=number)).isoformat() for number in range(8)]


def kind(table: str) -> str:
    """Partitions of a table: as-of days for models, days for others."""
    return AS_OF if table.startswith("m/") else "days"


def steps(of: Graph, nodes: Sequence[Node] | None = None) -> list[Step]:
    """The repair steps for some days, or all."""
    return repair_steps(of, nodes or list(of.entries), kind)


def test_tables_with_the_same_days_share_a_run() -> None:
    found = graph(
        *(stored("a/source", day) for day in DAYS[:3]),
        *(stored("a/features", day, ("a/source", day)) for day in DAYS[:3]),
    )

    assert steps(found) == [Step(("a/source", "a/features"), DAYS[0], DAYS[2])]


def test_a_gap_between_days_splits_steps() -> None:
    found = graph(*(stored("a/source", DAYS[number]) for number in (0, 1, 4, 6)))

    assert steps(found) == [
        Step(("a/source",), DAYS[0], DAYS[1]),
        Step(("a/source",), DAYS[4], DAYS[4]),
        Step(("a/source",), DAYS[6], DAYS[6]),
    ]


def test_models_are_trained_one_after_the_other_and_scores_after_all_of_them() -> None:
    found = graph(
        stored("a/features", DAYS[0]),
        stored("m/model", DAYS[2], ("a/features", DAYS[0])),
        stored("m/champion", DAYS[2], ("m/model", DAYS[2])),
        stored("m/model", DAYS[4], ("a/features", DAYS[0])),
        stored("m/champion", DAYS[4], ("m/model", DAYS[4]), ("m/champion", DAYS[2])),
        stored("a/scores", DAYS[3], ("m/champion", DAYS[2])),
        stored("a/scores", DAYS[4], ("m/champion", DAYS[4])),
    )

    assert steps(found) == [
        Step(("a/features",), DAYS[0], DAYS[0]),
        Step(("m/model", "m/champion"), DAYS[2], DAYS[2]),
        Step(("m/model", "m/champion"), DAYS[4], DAYS[4]),
        Step(("a/scores",), DAYS[3], DAYS[4]),
    ]


def test_tables_of_other_partitions_do_not_share_a_run() -> None:
    found = graph(stored("a/source", DAYS[0]), stored("m/model", DAYS[0], ("a/source", DAYS[0])))

    assert [step.tables for step in steps(found)] == [("a/source",), ("m/model",)]


def test_inputs_that_are_not_recomputed_are_not_waited_for() -> None:
    found = graph(stored("a/source", DAYS[0]), stored("a/features", DAYS[0], ("a/source", DAYS[0])))

    assert steps(found, [("a/features", DAYS[0])]) == [Step(("a/features",), DAYS[0], DAYS[0])]


def test_a_missing_input_is_computed_before_days_that_were_computed_without_it() -> None:
    found = graph(
        stored("a/source", DAYS[0]), stored("a/features", DAYS[1], ("a/source", DAYS[0]), hashed="")
    )

    assert [step.tables for step in steps(found)] == [("a/source",), ("a/features",)]


def test_commands_name_days_as_dagster_does() -> None:
    one, some = Step(("a/b", "a/c"), DAYS[0], DAYS[0]), Step(("a/b",), DAYS[0], DAYS[2])

    assert one.command == (
        'dg launch -m ml_assets.definitions --assets \'key:"a/b" or key:"a/c"\' --partition 2013-01-01'
    )
    assert some.command.endswith("--assets 'key:\"a/b\"' --partition-range 2013-01-01...2013-01-03")
    assert Step(("a/b",), SNAPSHOT, SNAPSHOT).command.endswith("--assets 'key:\"a/b\"'")


def scope(of: Graph, *kept: str, start: Node = ("a/source", DAYS[0])) -> Scope:
    """The scope of a repair of the source's first day when some tables are kept."""
    return scope_of(of, start, set(of.entries) - {start}, lambda node: node[0] in kept)


def test_dependents_of_kept_days_only_are_not_recomputed() -> None:
    found = graph(
        stored("a/source", DAYS[0]),
        stored("a/features", DAYS[0], ("a/source", DAYS[0])),
        stored("m/model", DAYS[2], ("a/features", DAYS[0])),
        stored("a/scores", DAYS[3], ("m/model", DAYS[2])),
    )

    assert scope(found, "m/model") == Scope(
        frozenset({("a/source", DAYS[0]), ("a/features", DAYS[0])}),
        frozenset({("m/model", DAYS[2])}),
    )
    assert scope(found).recomputed == set(found.entries)


def test_a_day_that_reads_a_kept_and_a_recomputed_day_is_recomputed() -> None:
    found = graph(
        stored("a/source", DAYS[0]),
        stored("a/outcomes", DAYS[0], ("a/source", DAYS[0])),
        stored("a/predictions", DAYS[0], ("a/source", DAYS[0])),
        stored("a/labels", DAYS[0], ("a/predictions", DAYS[0]), ("a/outcomes", DAYS[0])),
    )

    assert scope(found, "a/predictions").recomputed == set(found.entries) - {
        ("a/predictions", DAYS[0])
    }


def test_a_day_that_was_computed_without_a_missing_input_is_recomputed() -> None:
    found = graph(
        stored("a/source", DAYS[0]), stored("a/features", DAYS[1], ("a/source", DAYS[0]), hashed="")
    )

    assert ("a/features", DAYS[1]) in scope(found).recomputed


def test_a_kept_day_is_not_repaired() -> None:
    found = graph(stored("m/model", DAYS[0]), stored("a/scores", DAYS[1], ("m/model", DAYS[0])))

    assert scope(found, "m/model", start=("m/model", DAYS[0])).recomputed == frozenset()


@given(st.data())
def test_every_day_is_computed_once_and_after_its_inputs(data: st.DataObject) -> None:
    tables = ["a/one", "a/two", "m/three", "m/four", "b/five"]
    nodes = [(table, day) for table in tables for day in DAYS[:4]]
    chosen = data.draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True))
    ordered = data.draw(st.permutations(chosen))
    entries = [
        stored(*node, *data.draw(st.sets(st.sampled_from(ordered[:number]), max_size=3)))
        if number
        else stored(*node)
        for number, node in enumerate(ordered)
    ]
    found = graph(*entries)

    made: list[Node] = []
    for step in steps(found):
        days = DAYS[DAYS.index(step.first) : DAYS.index(step.last) + 1]
        assert len({kind(table) for table in step.tables}) == 1
        for table in step.tables:
            for day in days:
                inputs = {(read.table, read.day) for read in found.entries[table, day].reads}
                assert inputs <= set(made), (table, day)
            made += [(table, day) for day in days]

    assert sorted(made) == sorted(chosen)
