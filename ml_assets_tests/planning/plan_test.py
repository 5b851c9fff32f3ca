"""Which days of a run are computed, left as they are, or cannot be computed, and why."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from ml_assets.content import SNAPSHOT, day_hashes
from ml_assets.errors import TerminalError
from ml_assets.lake.remedy import materialize_day_command
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status, inputs_hash
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import (
    Plan,
    each_day,
    merge,
    plan,
    with_kept,
    with_recomputed,
    with_skipped,
    with_unskipped,
)

FLIGHTS, PLANES, FEATURES = "a/flights", "a/planes", "b/features"
SUNDAY, MONDAY, TUESDAY = "2013-07-07", "2013-07-08", "2013-07-09"
INPUTS = {
    "flights": Input(FLIGHTS, first=-1, last=0),
    "planes": Input(PLANES, is_snapshot=True),
}
CODE = "code-1"


def store(lake: Lake, table: str, day: str, value: int, reads: list[Read] | None = None) -> str:
    """Store a day of one row and record it; returns its content hash."""
    rows = pd.DataFrame({"ds": [day], "value": [value]}).astype({"ds": "str"})
    content = day_hashes(rows, [day])[day]
    version = lake.write(table, rows, [day]).version
    lake.ledger.append(
        [
            Entry(
                table,
                day,
                Status.STORED,
                content_hash=content,
                version=version,
                inputs_hash=inputs_hash(CODE, reads or []),
                reads=reads or [],
            )
        ]
    )
    return content


def compute(lake: Lake, planned: Plan) -> None:
    """Store every day that a plan computes."""
    for day in planned.compute:
        store(lake, FEATURES, day, 1, [*planned.reads[day]])


def planned(lake: Lake, *days: str, code: str = CODE) -> Plan:
    """The plan of the feature table."""
    return plan(lake, FEATURES, days, INPUTS, code)


@pytest.fixture
def ready(lake: Lake) -> Lake:
    """A lake with all inputs of Monday and Tuesday, and those of Sunday except its look-back."""
    for number, day in enumerate([SUNDAY, MONDAY, TUESDAY]):
        store(lake, FLIGHTS, day, number)
    store(lake, PLANES, SNAPSHOT, 0)
    return lake


def test_days_with_their_inputs_are_computed(ready: Lake) -> None:
    found = planned(ready, MONDAY, TUESDAY)

    assert found.compute == [MONDAY, TUESDAY]
    assert (found.unchanged, found.skipped) == ({}, {})
    assert [(read.table, read.day) for read in found.reads[TUESDAY]] == [
        (FLIGHTS, MONDAY),
        (FLIGHTS, TUESDAY),
        (PLANES, SNAPSHOT),
    ]


def test_window_covers_the_input_days_of_all_days(ready: Lake) -> None:
    windows = planned(ready, MONDAY, TUESDAY).windows

    assert windows["flights"].days == (SUNDAY, MONDAY, TUESDAY)
    assert sorted(windows["flights"].read()["value"]) == [0, 1, 2]


def test_rows_of_an_input_are_those_that_the_computed_days_read(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))

    found = planned(ready, MONDAY, TUESDAY)
    rows = found.rows("flights", INPUTS["flights"], ["value"])

    assert rows is not None
    assert found.windows["flights"].days == (SUNDAY, MONDAY, TUESDAY)
    assert {name: [*values] for name, values in rows.items()} == {"value": [1, 2]}


def test_an_input_of_which_no_day_is_stored_has_no_rows(lake: Lake) -> None:
    item = Input(FLIGHTS, is_optional=True)

    found = plan(lake, FEATURES, [MONDAY], {"flights": item}, CODE)

    assert found.compute == [MONDAY]
    assert found.rows("flights", item) is None


def test_missing_look_back_is_recorded_and_does_not_block(ready: Lake) -> None:
    found = planned(ready, SUNDAY)

    assert found.compute == [SUNDAY]
    absent = [read.day for read in found.reads[SUNDAY] if not read.content_hash]
    assert absent == ["2013-07-06"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        pytest.param(
            Entry(FLIGHTS, MONDAY, Status.QUARANTINED, reason="no rows"),
            f"{FLIGHTS} {MONDAY} is quarantined: no rows",
            id="quarantined",
        ),
        pytest.param(
            Entry(FLIGHTS, MONDAY, Status.SKIPPED, reason="no source"),
            f"{FLIGHTS} {MONDAY} is skipped: no source",
            id="skipped",
        ),
        pytest.param(
            Entry(FLIGHTS, MONDAY, Status.WRITING),
            f"{FLIGHTS} {MONDAY} is half-written: its run is not finished or was interrupted. Then "
            f"run: {materialize_day_command(FLIGHTS, MONDAY)}",
            id="half-written",
        ),
    ],
)
def test_day_without_its_own_input_is_skipped_with_the_reason(
    ready: Lake, entry: Entry, reason: str
) -> None:
    ready.ledger.append([entry])

    found = planned(ready, MONDAY, TUESDAY)

    assert found.skipped == {MONDAY: reason}
    assert found.compute == [TUESDAY]


def test_day_whose_input_was_never_processed_is_skipped(ready: Lake) -> None:
    assert planned(ready, "2013-07-10").skipped == {
        "2013-07-10": f"{FLIGHTS} 2013-07-10 is not materialized"
    }


def test_every_day_is_skipped_without_the_snapshot(lake: Lake) -> None:
    store(lake, FLIGHTS, MONDAY, 1)

    assert planned(lake, MONDAY).skipped == {MONDAY: f"{PLANES} {SNAPSHOT} is not materialized"}


def test_day_is_not_computed_again_when_nothing_changed(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY, TUESDAY))

    found = planned(ready, MONDAY, TUESDAY)

    assert found.compute == []
    assert [*found.unchanged] == [MONDAY, TUESDAY]
    assert found.unchanged == ready.ledger.latest(FEATURES)


def test_input_written_again_with_the_same_rows_changes_nothing(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))

    store(ready, FLIGHTS, MONDAY, 1)

    assert planned(ready, MONDAY).compute == []


def test_changed_look_back_computes_the_days_that_read_it(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY, TUESDAY))

    store(ready, FLIGHTS, SUNDAY, 99)

    found = planned(ready, MONDAY, TUESDAY)
    assert found.compute == [MONDAY]
    assert [*found.unchanged] == [TUESDAY]


def test_arrival_of_a_missing_look_back_computes_the_day_again(ready: Lake) -> None:
    compute(ready, planned(ready, SUNDAY))

    store(ready, FLIGHTS, "2013-07-06", 6)

    assert planned(ready, SUNDAY).compute == [SUNDAY]


def test_changed_code_computes_all_days_again(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY, TUESDAY))

    assert planned(ready, MONDAY, TUESDAY, code="code-2").compute == [MONDAY, TUESDAY]


@pytest.mark.parametrize("status", [Status.WRITING, Status.QUARANTINED, Status.SKIPPED], ids=str)
def test_day_that_is_not_stored_is_computed_again(ready: Lake, status: Status) -> None:
    first = planned(ready, MONDAY)
    same_inputs = inputs_hash(CODE, first.reads[MONDAY])
    ready.ledger.append([Entry(FEATURES, MONDAY, status, inputs_hash=same_inputs)])

    assert planned(ready, MONDAY).compute == [MONDAY]


def test_day_is_skipped_while_its_input_is_stale(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))
    store(ready, FLIGHTS, MONDAY, 99)

    found = plan(ready, "c/dataset", [MONDAY], {"features": Input(FEATURES)}, CODE)

    assert found.compute == []
    reason = found.skipped[MONDAY]
    assert reason.startswith(f"{FEATURES} {MONDAY} is stale ({FLIGHTS} {MONDAY} was ")
    assert reason.endswith(f"run: ml-assets impact {FLIGHTS} --partition {MONDAY} --apply")


def test_the_command_for_an_indirectly_stale_input_names_what_changed(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))
    dataset = plan(ready, "c/dataset", [MONDAY], {"features": Input(FEATURES)}, CODE)
    reads = dataset.reads[MONDAY]
    entry = Entry("c/dataset", MONDAY, Status.STORED, content_hash="d", reads=reads)
    ready.ledger.append([entry])
    store(ready, FLIGHTS, MONDAY, 99)

    found = plan(ready, "d/model", [MONDAY], {"dataset": Input("c/dataset")}, CODE)

    reason = found.skipped[MONDAY]
    assert f"c/dataset {MONDAY} is stale ({FEATURES} {MONDAY} is itself stale: " in reason
    assert reason.endswith(f"run: ml-assets impact {FLIGHTS} --partition {MONDAY} --apply")


def test_skipped_day_reads_what_blocks_it_so_that_a_repair_reopens_it(ready: Lake) -> None:
    ready.ledger.append([Entry(FLIGHTS, SUNDAY, Status.QUARANTINED, reason="no rows")])

    found = planned(ready, SUNDAY)

    blocking = [(read.table, read.day, read.content_hash) for read in found.reads[SUNDAY]]
    assert blocking == [(FLIGHTS, SUNDAY, "")]
    assert found.missing == {}


def test_stale_input_blocks_as_one_that_is_not_usable(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))
    store(ready, FLIGHTS, MONDAY, 99)

    found = plan(ready, "c/dataset", [MONDAY], {"features": Input(FEATURES)}, CODE)

    assert [(read.day, read.content_hash) for read in found.reads[MONDAY]] == [(MONDAY, "")]


def test_computed_day_names_the_look_back_that_it_is_computed_without(ready: Lake) -> None:
    ready.ledger.append([Entry(FLIGHTS, SUNDAY, Status.QUARANTINED, reason="no rows")])

    found = planned(ready, MONDAY, TUESDAY)

    assert found.missing == {MONDAY: [f"{FLIGHTS} {SUNDAY} (quarantined: no rows)"], TUESDAY: []}


@pytest.mark.parametrize("is_evidence", [False, True], ids=["other input", "evidence"])
def test_altered_input_blocks_the_day_unless_it_is_evidence(ready: Lake, is_evidence: bool) -> None:
    [entry] = ready.ledger.latest(FLIGHTS, [MONDAY]).values()
    ready.ledger.append([replace(entry, content_hash="of other rows")])

    found = plan(
        ready, FEATURES, [MONDAY], {"flights": Input(FLIGHTS, is_evidence=is_evidence)}, CODE
    )

    assert found.compute == ([MONDAY] if is_evidence else [])
    if not is_evidence:
        reason = found.skipped[MONDAY]
        assert reason.startswith(f"{FLIGHTS} {MONDAY} was altered after it was stored")
        assert f"To compute it again, run: ml-assets recompute {FLIGHTS}" in reason
        assert [read.content_hash for read in found.reads[MONDAY]] == [""]


def test_altered_rejected_rows_without_a_day_are_written_again_with_a_day_of_their_table(
    ready: Lake,
) -> None:
    rejected = Input(f"{FLIGHTS}_dead_letters", picks={MONDAY: ["unknown"]})
    store(ready, rejected.table, "unknown", 0)
    [entry] = ready.ledger.latest(rejected.table).values()
    ready.ledger.append([replace(entry, content_hash="of other rows")])

    found = plan(ready, FEATURES, [MONDAY], {"rejected": rejected}, CODE)

    command = f"run: ml-assets recompute {rejected.table} --partition {TUESDAY}"
    assert found.skipped[MONDAY].endswith(command)


def test_days_of_merged_plans_are_those_of_the_parts(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))
    parts = [planned(ready, MONDAY), planned(ready, TUESDAY), planned(ready, "2013-07-10")]

    merged = merge(parts)

    assert merged.compute == [TUESDAY]
    assert [*merged.unchanged] == [MONDAY]
    assert [*merged.skipped] == ["2013-07-10"]
    assert [*merged.reads] == [MONDAY, TUESDAY, "2013-07-10"]


DECISIONS, FIRST, SECOND = "c/decisions", "2013-05-01", "2013-06-01"
PICKED = {MONDAY: [FIRST], TUESDAY: [SECOND]}


def planned_from(
    lake: Lake, item: Input, *days: str, further_reads: dict[str, list[Read]] | None = None
) -> Plan:
    """The plan of a table with one input."""
    return plan(lake, FEATURES, days, {"input": item}, CODE, further_reads=further_reads)


def make_decision_stale(lake: Lake) -> None:
    """Store a decision that was computed from a day that has changed since."""
    before = store(lake, FLIGHTS, MONDAY, 1)
    store(lake, DECISIONS, FIRST, 5, [Read(FLIGHTS, MONDAY, before, 0)])
    store(lake, FLIGHTS, MONDAY, 99)


def test_day_is_computed_without_an_optional_input_and_again_when_it_arrives(lake: Lake) -> None:
    item = Input(FLIGHTS, -1, 0, is_optional=True)
    first = planned_from(lake, item, MONDAY)
    compute(lake, first)
    unchanged = planned_from(lake, item, MONDAY)

    store(lake, FLIGHTS, MONDAY, 1)

    assert (first.compute, first.skipped) == ([MONDAY], {})
    assert [read.content_hash for read in first.reads[MONDAY]] == ["", ""]
    assert unchanged.compute == []
    assert planned_from(lake, item, MONDAY).compute == [MONDAY]


def test_stale_optional_input_blocks_the_day(ready: Lake) -> None:
    compute(ready, planned(ready, MONDAY))
    store(ready, FLIGHTS, MONDAY, 99)

    item = Input(FEATURES, is_optional=True)
    found = plan(ready, "c/dataset", [MONDAY], {"input": item}, CODE)

    assert [*found.skipped] == [MONDAY]


def test_each_day_reads_the_days_picked_for_it(lake: Lake) -> None:
    for value, day in enumerate([FIRST, SECOND]):
        store(lake, DECISIONS, day, value)

    found = planned_from(lake, Input(DECISIONS, picks=PICKED), MONDAY, TUESDAY)

    assert {day: [read.day for read in reads] for day, reads in found.reads.items()} == PICKED
    assert found.windows["input"].days == (FIRST, SECOND)
    assert found.compute == [MONDAY, TUESDAY]


def test_day_whose_picked_day_is_not_stored_is_skipped(lake: Lake) -> None:
    store(lake, DECISIONS, SECOND, 1)

    found = planned_from(lake, Input(DECISIONS, picks=PICKED), MONDAY, TUESDAY)

    assert found.skipped == {MONDAY: f"{DECISIONS} {FIRST} is not materialized"}
    assert found.compute == [TUESDAY]


def test_day_for_which_nothing_is_picked_reads_nothing(lake: Lake) -> None:
    found = planned_from(lake, Input(DECISIONS, picks={}), MONDAY)

    assert (found.compute, found.reads) == ([MONDAY], {MONDAY: []})


def test_changed_pick_computes_the_day_again(lake: Lake) -> None:
    for value, day in enumerate([FIRST, SECOND]):
        store(lake, DECISIONS, day, value)
    compute(lake, planned_from(lake, Input(DECISIONS, picks=PICKED), MONDAY, TUESDAY))

    other = Input(DECISIONS, picks={MONDAY: [SECOND], TUESDAY: [SECOND]})

    assert planned_from(lake, other, MONDAY, TUESDAY).compute == [MONDAY]


@pytest.mark.parametrize("is_pinned", [False, True], ids=["not pinned", "pinned"])
def test_day_waits_for_a_stale_input_unless_it_is_pinned(lake: Lake, is_pinned: bool) -> None:
    make_decision_stale(lake)
    item = Input(DECISIONS, is_pinned=is_pinned, picks={MONDAY: [FIRST]})

    found = planned_from(lake, item, MONDAY)

    assert (found.compute == [MONDAY], [*found.skipped] == [MONDAY]) == (is_pinned, not is_pinned)
    assert [read.is_pinned for read in found.reads[MONDAY]] == [is_pinned]


def test_pinned_input_with_changed_content_computes_the_day_again(lake: Lake) -> None:
    make_decision_stale(lake)
    item = Input(DECISIONS, is_pinned=True, picks={MONDAY: [FIRST]})
    compute(lake, planned_from(lake, item, MONDAY))
    unchanged = planned_from(lake, item, MONDAY)

    store(lake, DECISIONS, FIRST, 6)

    assert unchanged.compute == []
    assert planned_from(lake, item, MONDAY).compute == [MONDAY]


def test_pinned_input_has_to_be_stored(lake: Lake) -> None:
    item = Input(DECISIONS, is_pinned=True, picks={MONDAY: [FIRST]})

    assert [*planned_from(lake, item, MONDAY).skipped] == [MONDAY]


def extra_reads(content: str, day: str = SUNDAY) -> dict[str, list[Read]]:
    """Additional reads of Monday."""
    return {MONDAY: [Read("c/asked", day, content, None, is_pinned=True)]}


@pytest.mark.parametrize(
    ("now", "compute_again"),
    [
        pytest.param(extra_reads("x"), [], id="the same"),
        pytest.param(extra_reads("y"), [MONDAY], id="other content"),
        pytest.param(extra_reads("x", FIRST), [MONDAY], id="another day"),
        pytest.param({}, [MONDAY], id="no longer read"),
        pytest.param(None, [MONDAY], id="none at all"),
        pytest.param(
            {**extra_reads("x"), TUESDAY: extra_reads("y")[MONDAY]}, [], id="more of another day"
        ),
    ],
)
def test_further_reads_are_part_of_what_a_day_is_computed_from(
    ready: Lake, now: dict[str, list[Read]] | None, compute_again: list[str]
) -> None:
    first = planned_from(ready, Input(FLIGHTS), MONDAY, further_reads=extra_reads("x"))
    compute(ready, first)

    assert [read.table for read in first.reads[MONDAY]] == [FLIGHTS, "c/asked"]
    assert planned_from(ready, Input(FLIGHTS), MONDAY, further_reads=now).compute == compute_again


def test_merged_plan_names_what_each_day_is_computed_without_and_has_no_windows() -> None:
    parts = [
        Plan([day], {}, {}, {day: []}, {}, {day: [f"{FLIGHTS} {day} (skipped: why)"]})
        for day in (MONDAY, TUESDAY)
    ]

    merged = merge(parts)

    assert merged.missing == {**parts[0].missing, **parts[1].missing}
    assert merged.windows == {}


UNCHANGED = {SUNDAY: Entry(FEATURES, SUNDAY, Status.STORED, content_hash="s")}
MIXED = Plan([TUESDAY], UNCHANGED, {MONDAY: "no flights"}, {TUESDAY: []}, {}, {TUESDAY: ["x"]})
"""A plan that computes one day, leaves one as it is and skips one."""


@pytest.mark.parametrize(
    ("change", "compute", "unchanged", "skipped"),
    [
        pytest.param(
            lambda: with_recomputed(MIXED, [SUNDAY]),
            [TUESDAY, SUNDAY],
            [],
            {MONDAY: "no flights"},
            id="recomputed",
        ),
        pytest.param(
            lambda: with_recomputed(MIXED, []),
            [TUESDAY],
            [SUNDAY],
            {MONDAY: "no flights"},
            id="nothing recomputed",
        ),
        pytest.param(
            lambda: with_unskipped(MIXED, [MONDAY]), [MONDAY, TUESDAY], [SUNDAY], {}, id="unskipped"
        ),
        pytest.param(
            lambda: with_unskipped(MIXED, []),
            [TUESDAY],
            [SUNDAY],
            {MONDAY: "no flights"},
            id="nothing unskipped",
        ),
        pytest.param(
            lambda: with_skipped(MIXED, {TUESDAY: "no model"}),
            [],
            [SUNDAY],
            {MONDAY: "no flights", TUESDAY: "no model"},
            id="skipped",
        ),
        pytest.param(
            lambda: with_kept(MIXED, {TUESDAY: Entry(FEATURES, TUESDAY, Status.STORED)}),
            [],
            [SUNDAY, TUESDAY],
            {MONDAY: "no flights"},
            id="kept",
        ),
    ],
)
def test_days_of_a_changed_plan_are_computed_kept_or_skipped_once(
    change: Callable[[], Plan], compute: list[str], unchanged: list[str], skipped: dict[str, str]
) -> None:
    changed = change()

    assert changed.compute == compute
    assert [*changed.unchanged] == unchanged
    assert changed.skipped == skipped
    assert (changed.reads, changed.missing) == (MIXED.reads, MIXED.missing)


def test_kept_days_have_the_entries_of_their_stored_rows() -> None:
    entry = Entry(FEATURES, TUESDAY, Status.STORED, content_hash="t")

    assert with_kept(MIXED, {TUESDAY: entry}).unchanged == {**UNCHANGED, TUESDAY: entry}


def test_day_whose_computation_fails_for_good_is_skipped_and_the_others_have_results() -> None:
    def compute_day(day: str) -> str:
        if day == TUESDAY:
            raise TerminalError("no model")
        return f"rows of {day}"

    found, results = each_day(with_unskipped(MIXED, [MONDAY]), compute_day)

    assert results == {MONDAY: f"rows of {MONDAY}"}
    assert found.compute == [MONDAY]
    assert found.skipped == {TUESDAY: "no model"}
    assert found.unchanged == UNCHANGED


def test_days_skipped_before_stay_skipped_when_the_others_are_computed() -> None:
    found, results = each_day(MIXED, lambda day: day)

    assert (found.compute, results) == ([TUESDAY], {TUESDAY: TUESDAY})
    assert found.skipped == {MONDAY: "no flights"}
