"""What a status report says, on plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml_assets.cadence import Cadence, Calendar, shifted
from ml_assets.content import SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.entries import ALTERED, Entry, Status
from ml_assets.lineage.status.loading import nothing_stored
from ml_assets.lineage.status.report import report
from ml_assets.lineage.status.state import (
    ChampionState,
    PipelineState,
    ProjectState,
    SourceState,
    StoredDecision,
)
from ml_assets.lineage.status.values import NextStep, ProjectStatus, StageProgress
from ml_assets.release.approvals.approvals import Action, Record

NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
RAW, FEATURES, PREDICTIONS, CHAMPION = "s/raw", "p/features", "p/predictions", "p/champion"
DECISION = "p/retraining_decision"
LAST = "2024-02-05"
MODEL = ChampionState(2, "2024-02-01", "2024-02-01", "gates", "auc", 0.7)
WAITING = StoredDecision("2024-02-03", "awaiting_approval", "auc is uncertain", "e1")
PASSED = StoredDecision("2024-02-01", "passed", "all gates passed", "e0")
RETRAIN = StoredDecision(
    "2024-02-03", "retrain", "auc fell", as_of="2024-02-04", champion_as_of=MODEL.as_of
)
KEEP = StoredDecision("2024-02-04", "keep", "all is well")


def days(table: str, first: str, count: int, status: Status = Status.STORED) -> list[Entry]:
    """Entries of some days in a row."""
    return [Entry(table, shifted(first, number), status, rows=1) for number in range(count)]


def project(
    *entries: Entry, pipeline: PipelineState | None = None, until: str = LAST
) -> ProjectState:
    """A project with one pipeline; every table of it has all days unless entries say otherwise."""
    known: dict[str, dict[str, Entry]] = {}
    for table in (RAW, FEATURES, PREDICTIONS):
        for entry in days(table, "2024-02-01", 5):
            known.setdefault(table, {})[entry.day] = entry
    for entry in entries:
        known.setdefault(entry.table, {})[entry.day] = entry
    state = pipeline or PipelineState("p", [FEATURES, PREDICTIONS], [RAW], MODEL, [PASSED])
    return ProjectState(known, [state], {RAW: SourceState(until)}, {}, NOW)


def with_pipeline(**changes: object) -> PipelineState:
    """The usual pipeline with other values."""
    usual = PipelineState("p", [FEATURES, PREDICTIONS], [RAW], MODEL, [PASSED])
    return replace(usual, **changes)  # type: ignore[arg-type]


def record(action: Action, evidence: str = "e1", expires: datetime | None = None) -> Record:
    """What Ann said to the release that waits."""
    return Record("p", "2024-02-03", action, "Ann", "why", evidence, "", NOW, expires, 1)


def behind(found: ProjectStatus) -> dict[str, tuple[int | None, str]]:
    """Table → number of days behind, and the next day."""
    return {stage.table: (stage.behind, stage.next_day) for stage in found.pipelines[0].stages}


def test_when_nothing_is_open_the_report_names_no_work() -> None:
    found = report(project())

    [pipeline] = found.pipelines
    assert (pipeline.champion, pipeline.last_release) == (MODEL, PASSED)
    assert (pipeline.waiting, pipeline.retraining, found.problems) == ([], None, [])
    assert behind(found) == dict.fromkeys((RAW, FEATURES, PREDICTIONS), (0, ""))
    assert found.next.command == "ml-assets ui"


def test_without_any_data_the_next_command_builds_the_project() -> None:
    assert report(ProjectState({}, [], {}, {}, NOW)).next.command == "make demo"


@pytest.mark.parametrize(
    ("records", "champion", "state", "command"),
    [
        pytest.param([], MODEL, "waiting", "ml-assets approve p 2024-02-03 --by NAME", id="waits"),
        pytest.param([record(Action.REJECT)], MODEL, None, "ml-assets ui", id="rejected"),
        pytest.param(
            [record(Action.APPROVE)],
            MODEL,
            "approved",
            "dg launch -m ml_assets.definitions --assets group:p__release --partition 2024-02-03",
            id="approved",
        ),
        pytest.param(
            [record(Action.APPROVE, "e0")], MODEL, "waiting", "approve", id="of other evidence"
        ),
        pytest.param(
            [record(Action.APPROVE, expires=NOW - timedelta(days=1))],
            MODEL,
            "waiting",
            "approve",
            id="expired",
        ),
        pytest.param(
            [], replace(MODEL, as_of="2024-02-04"), None, "ml-assets ui", id="champion newer"
        ),
        pytest.param(
            [], replace(MODEL, as_of="2024-02-03"), None, "ml-assets ui", id="champion itself"
        ),
    ],
)
def test_a_release_waits_as_long_as_an_approval_can_make_it_champion(
    records: list[Record], champion: ChampionState, state: str | None, command: str
) -> None:
    pipeline = with_pipeline(releases=[PASSED, WAITING], records=records, champion=champion)

    found = report(project(pipeline=pipeline))

    assert [one.state for one in found.pipelines[0].waiting] == ([state] if state else [])
    assert command in found.next.command


@pytest.mark.parametrize(
    ("records", "champion", "verdict"),
    [
        pytest.param([], MODEL, "awaiting_approval", id="nobody decided"),
        pytest.param([record(Action.REJECT)], MODEL, "rejected", id="rejected"),
        pytest.param([record(Action.APPROVE)], MODEL, "approved", id="approved"),
        pytest.param(
            [record(Action.APPROVE, expires=NOW - timedelta(days=1))],
            replace(MODEL, as_of="2024-02-03"),
            "approved",
            id="champion by an approval that expired",
        ),
        pytest.param(
            [record(Action.APPROVE, "e0")], MODEL, "awaiting_approval", id="of other evidence"
        ),
    ],
)
def test_the_last_release_says_what_a_person_decided(
    records: list[Record], champion: ChampionState, verdict: str
) -> None:
    pipeline = with_pipeline(releases=[PASSED, WAITING], records=records, champion=champion)
    assert report(project(pipeline=pipeline)).pipelines[0].last_release == replace(
        WAITING, verdict=verdict
    )


def test_a_changed_configuration_names_the_run_that_uses_it() -> None:
    found = report(project(pipeline=with_pipeline(champion=MODEL, changed=["rules now has x"])))
    changed = found.pipelines[0].changed
    assert changed is not None
    assert changed.changes == ["rules now has x"]
    assert changed.command.startswith("dg launch -m ml_assets.definitions --assets")
    assert changed.command.endswith("--partition 2024-02-06")


@pytest.mark.parametrize(
    ("champion", "is_pending"),
    [
        pytest.param([], True, id="not begun"),
        pytest.param(days(CHAMPION, "2024-02-04", 1, Status.WRITING), True, id="is running"),
        pytest.param(days(CHAMPION, "2024-02-04", 1), False, id="decided"),
        pytest.param(days(CHAMPION, "2024-02-04", 1, Status.SKIPPED), False, id="skipped"),
    ],
)
def test_a_retraining_is_pending_until_its_release_has_ended(
    champion: list[Entry], is_pending: bool
) -> None:
    found = report(project(*champion, pipeline=with_pipeline(retrainings=[RETRAIN, KEEP])))

    retraining = found.pipelines[0].retraining
    assert (retraining is not None) == is_pending
    assert found.pipelines[0].last_retraining_decision == KEEP
    if retraining:
        assert (retraining.as_of, retraining.decided_on) == ("2024-02-04", "2024-02-03")
        assert found.next.command == "ml-assets ui"
        assert "p__training" in retraining.command


@pytest.mark.parametrize(
    ("serves_from", "is_pending"),
    [("2024-02-01", False), ("2024-02-03", False), ("2024-02-04", True)],
)
def test_a_request_without_champion_is_settled_by_one_that_served_then(
    serves_from: str, is_pending: bool
) -> None:
    requested = replace(RETRAIN, reason="there is no champion yet", champion_as_of="")
    champion = replace(MODEL, serves_from=serves_from)

    found = report(project(pipeline=with_pipeline(champion=champion, retrainings=[requested])))

    assert (found.pipelines[0].retraining is not None) == is_pending


def test_days_that_the_source_has_and_a_stage_does_not_are_behind() -> None:
    interrupted = Entry(PREDICTIONS, "2024-02-02", Status.WRITING)
    skipped = Entry(FEATURES, "2024-02-06", Status.SKIPPED, "no weather")

    found = report(project(interrupted, skipped, until="2024-02-07"))

    assert behind(found) == {
        RAW: (2, "2024-02-06"),
        FEATURES: (1, "2024-02-07"),
        PREDICTIONS: (3, "2024-02-02"),
    }


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.QUARANTINED])
def test_a_last_day_without_rows_is_told_beside_the_last_one_with_rows(status: Status) -> None:
    last = Entry(PREDICTIONS, "2024-02-06", status, "no weather")

    found = report(project(last)).pipelines[0].stages

    assert [(one.last_day, one.last_state, one.stored_day) for one in found] == [
        (LAST, "stored", LAST),
        (LAST, "stored", LAST),
        ("2024-02-06", status.value, LAST),
    ]
    assert [one.is_last_stored for one in found] == [True, True, False]


def test_what_is_behind_or_stale_is_counted_in_the_partitions_of_its_table() -> None:
    hours = Calendar(Cadence.HOURLY)
    stale = {
        RAW: {"2024-02-05-23:00": "its code changed"},
        "s/lookup": {SNAPSHOT: "its code changed"},
    }
    hour = Entry(RAW, "2024-02-05-22:00", Status.STORED)
    state = replace(
        project(until="2024-02-05-23:00"),
        entries={RAW: {hour.day: hour}},
        calendars={RAW: hours},
        stale=stale,
    )

    found = report(state)

    assert found.pipelines[0].stages[0] == StageProgress(
        RAW, hour.day, 1, "2024-02-05-23:00", "hour", "stored", hour.day
    )
    assert [one.unit for one in found.stale] == ["hour", "snapshot"]


def test_a_stage_without_days_and_an_unknown_source_have_no_number() -> None:
    pipeline = with_pipeline(tables=[FEATURES, "p/labels"])

    assert behind(report(project(pipeline=pipeline)))["p/labels"] == (None, "")
    assert {number for number, _ in behind(report(project(until=""))).values()} == {None}


def test_decisions_are_behind_after_the_newest_only() -> None:
    weekly = [Entry(DECISION, day, Status.STORED) for day in ("2024-02-01", "2024-02-04")]

    found = report(project(*weekly, pipeline=with_pipeline(tables=[DECISION])))

    assert behind(found)[DECISION] == (1, "2024-02-05")


def test_days_without_rows_are_reported_with_their_cause_first() -> None:
    found = report(
        project(
            Entry(FEATURES, LAST, Status.SKIPPED, f"{RAW} {LAST} is quarantined: no rows"),
            Entry(RAW, LAST, Status.QUARANTINED, "no rows"),
            Entry(f"{RAW}_dead_letters", LAST, Status.QUARANTINED, "not counted"),
            Entry(RAW, "2023-06-01", Status.QUARANTINED, "long ago"),
        )
    )

    assert [(one.table, one.is_consequence) for one in found.problems] == [
        (RAW, False),
        (FEATURES, True),
    ]
    assert found.older_problems == 1
    assert found.next.command == f"ml-assets impact {RAW} --partition {LAST} --plan"


def test_damage_comes_before_what_a_person_may_decide() -> None:
    damaged = Entry(RAW, LAST, Status.QUARANTINED, f"{ALTERED}: 3 rows differ")

    found = report(project(damaged, pipeline=with_pipeline(releases=[WAITING])))

    assert found.problems[0].is_damaged
    assert found.next.command == f"ml-assets checks --partition {LAST}"
    assert behind(found)[RAW] == (1, LAST)


STALE = {
    RAW: {},
    FEATURES: {"2024-02-04": "s/raw 2024-02-04 changed", "2024-02-02": "its code changed"},
    PREDICTIONS: {"2024-02-03": "its code changed"},
}


def test_stale_days_have_the_command_that_computes_them_and_are_the_last_next_step() -> None:
    found = report(replace(project(), stale=STALE))

    assert [(one.table, one.days, one.reason) for one in found.stale] == [
        (FEATURES, ["2024-02-02", "2024-02-04"], "its code changed"),
        (PREDICTIONS, ["2024-02-03"], "its code changed"),
    ]
    assert found.stale[0].command.endswith("--partition-range 2024-02-02...2024-02-04")
    assert found.next.command == found.stale[0].command
    behind = report(replace(project(until="2024-02-07"), stale=STALE))
    assert behind.next.command == "ml-assets ui"


def test_the_state_of_a_pipeline_has_its_tables_and_sources_alone() -> None:
    other = PipelineState("q", ["q/features"], ["s/other"], inputs=["s/other", "q/features"])
    mine = with_pipeline(inputs=[RAW, "f/joined", FEATURES])
    entries = {
        table: {LAST: Entry(table, LAST, Status.SKIPPED, reason="no rows")}
        for table in (RAW, "s/raw_dead_letters", "f/joined", PREDICTIONS, "s/other", "q/features")
    }
    stale = {table: {LAST: "its code changed"} for table in ("f/joined", "s/other")}
    sources = {RAW: SourceState(LAST), "s/other": SourceState(LAST)}
    state = ProjectState(entries, [mine, other], sources, {}, NOW, stale)

    found = state.of_pipeline("p")

    assert [one.name for one in found.pipelines] == ["p"]
    assert found.entries.keys() == {RAW, "s/raw_dead_letters", "f/joined", PREDICTIONS}
    assert found.sources.keys() == {RAW}
    assert found.stale.keys() == {"f/joined"}
    with pytest.raises(ConfigurationError, match=r"There is no pipeline 'P'\. Known: p, q"):
        state.of_pipeline("P")


BEGIN = NextStep("extract s/raw", "dg launch s/raw")


def test_a_project_without_data_begins_with_a_pipeline_of_its_own() -> None:
    assert report(nothing_stored(), {"p": BEGIN}).next == BEGIN
    assert report(nothing_stored()).next.command == "make demo"


@pytest.mark.parametrize(
    ("name", "is_next"),
    [pytest.param("q", True, id="not begun"), pytest.param("p", False, id="begun")],
)
def test_a_pipeline_that_is_not_begun_is_next_when_nothing_else_is_open(
    name: str, is_next: bool
) -> None:
    found = report(project(), {name: BEGIN})

    assert (found.next == BEGIN) == is_next


def test_a_pipeline_on_the_features_of_another_one_begins_with_a_table_of_its_own() -> None:
    predictions = "q/predictions"
    other = PipelineState("q", [FEATURES, predictions], [RAW])
    usual = project()
    state = replace(usual, pipelines=[*usual.pipelines, other])
    [entry] = days(predictions, "2024-02-01", 1)

    found = report(state)
    begun = report(replace(state, entries={**state.entries, predictions: {entry.day: entry}}))

    assert {one.pipeline: one.is_begun for one in found.pipelines} == {"p": True, "q": False}
    assert found.next == report(usual).next
    assert all(one.is_begun for one in begun.pipelines)


def test_a_pipeline_on_its_own_tables_begins_with_its_sources() -> None:
    state = replace(
        project(pipeline=with_pipeline(releases=[])), entries={RAW: project().entries[RAW]}
    )

    assert report(state).pipelines[0].is_begun
    assert not report(replace(state, entries={})).pipelines[0].is_begun
