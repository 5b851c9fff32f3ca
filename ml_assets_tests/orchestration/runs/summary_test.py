"""The summary of some runs: pure on entries and outcomes, and of real runs with what Dagster shows."""

import io

import dagster as dg
import pytest
from dagster import DagsterInstance
from rich.console import Console

from ml_assets.commands.printing.run import print_summary
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.runs import Decision, RunOutcome, materialize
from ml_assets.orchestration.runs.summary import RunSummary, summarize, summary_of
from ml_assets.workspace import Workspace
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.workload import BAD_DAY, DAYS, RAW, SPAN, TABLES

DAY = DAYS[0]


def outcome(**changed: object) -> RunOutcome:
    """A run that ended well."""
    return RunOutcome(**{"run_id": "r", "succeeded": True, "failed_steps": {}, **changed})  # type: ignore[arg-type]


def printed(summary: RunSummary) -> list[str]:
    """Lines on a console."""
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=150))
    return file.getvalue().splitlines()


def test_a_day_counts_with_its_last_state() -> None:
    entries = [
        Entry("a/b", DAY, Status.WRITING),
        Entry("a/b", DAY, Status.QUARANTINED, reason="empty"),
        Entry("a/b", DAY, Status.STORED, dead_letters=2),
        Entry("a/b_dead_letters", DAY, Status.STORED, rows=2),
    ]

    found = summarize(entries, [outcome(unchanged={"a/c": 3})])

    assert found.counts == {
        "stored": 1,
        "unchanged": 3,
        "skipped": 0,
        "quarantined": 0,
        "dead_letters": 2,
    }
    assert found.verdict == "complete"


@pytest.mark.parametrize(
    ("entries", "decisions", "command"),
    [
        pytest.param([], [], "ml-assets ui", id="all is well"),
        pytest.param(
            [Entry("a/b", DAY, Status.QUARANTINED, reason="empty")],
            [],
            f"ml-assets impact a/b --partition {DAY} --apply",
            id="quarantined",
        ),
        pytest.param(
            [Entry("a/planes", SNAPSHOT, Status.QUARANTINED, reason="empty")],
            [],
            "ml-assets impact a/planes --apply",
            id="quarantined snapshot",
        ),
        pytest.param(
            [Entry("a/b", DAY, Status.SKIPPED, reason="a/c is missing")],
            [],
            f"ml-assets checks --partition {DAY}",
            id="skipped",
        ),
        pytest.param(
            [],
            [Decision("p/release_decision", DAY, "awaiting_approval", "close")],
            f"ml-assets approve p {DAY} --by NAME --reason TEXT",
            id="waits for approval",
        ),
        pytest.param(
            [],
            [Decision("p/release_decision", DAY, "passed", "better")],
            "ml-assets ui",
            id="passed",
        ),
    ],
)
def test_the_next_command_follows_from_the_problem(
    entries: list[Entry], decisions: list[Decision], command: str
) -> None:
    found = summarize(entries, [outcome(decisions=decisions)])

    assert found.next_step[1] == command
    assert printed(found)[-1].endswith(command)


def test_verdict_and_decision_are_printed_first_and_every_bad_day_with_its_reason() -> None:
    entries = [Entry("a/b", DAY, Status.QUARANTINED, reason="no rows [source]", dead_letters=3)]
    decision = Decision("p/decision", DAY, "retrain", "the data has grown by 50 %")

    lines = printed(summarize(entries, [outcome(decisions=[decision])]))

    assert lines[:3] == [
        "incomplete: stored 0, unchanged 0, skipped 0, quarantined 1, dead letters 3",
        f"retrain: the data has grown by 50 % (p/decision {DAY})",
        f"quarantined a/b {DAY}: no rows [source]",
    ]


def test_a_run_is_summarized_and_a_rerun_reports_unchanged_days(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    first = materialize(definitions, instance, TABLES, SPAN)
    again = materialize(definitions, instance, {RAW}, SPAN)

    of_first, of_again = (
        summary_of(Workspace.of_environment().lake.ledger, [run]) for run in (first, again)
    )

    raw = next(table for table in of_first.tables if table.table == "shop/raw")
    assert (raw.stored, list(raw.quarantined), raw.dead_letters) == (9, [BAD_DAY], 4)
    assert of_first.next_step[1] == f"ml-assets impact shop/raw --partition {BAD_DAY} --apply"
    assert of_again.verdict == "incomplete"


def test_the_last_day_of_a_run_shows_verdict_and_reason_first(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    materialize(definitions, instance, {RAW}, SPAN)

    reported = dict(workload.materializations(instance, RAW))
    metadata = reported[DAYS[-1]].metadata
    assert list(metadata)[:7] == [
        "verdict",
        "reason",
        "run/stored",
        "run/unchanged",
        "run/skipped",
        "run/quarantined",
        "run/dead_letters",
    ]
    assert metadata["verdict"].value == "incomplete"
    assert f"{BAD_DAY} is quarantined" in str(metadata["reason"].value)
    assert metadata["run/stored"].value == 9
    assert "verdict" not in reported[DAYS[0]].metadata


def test_the_log_of_a_run_counts_the_days_of_each_table(
    instance: DagsterInstance, definitions: dg.Definitions
) -> None:
    run = materialize(definitions, instance, {RAW}, SPAN)

    logged = [log.user_message for log in instance.all_logs(run.run_id)]
    [counted] = [text for text in logged if text.startswith(f"{RAW.to_user_string()}: stored")]
    assert f"stored {len(DAYS) - 1}, unchanged 0, skipped 0, quarantined 1." in counted
    assert "Most frequent reason (1): " in counted
