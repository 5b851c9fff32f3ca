"""Summary of the runs of a command: counts, days with reasons, decisions, next command."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ml_assets.lake.remedy import impact_command, partition_option
from ml_assets.ledger.entries import Entry
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.summary import COMPLETE, INCOMPLETE, TableSummary, table_summary
from ml_assets.orchestration.assets.dead_letters import dead_letters_of
from ml_assets.orchestration.runs.runs import Decision, RunOutcome
from ml_assets.release.decision import AWAITING
from ml_assets.release.waiting import approve_command


@dataclass(frozen=True)
class RunSummary:
    """Summary of some runs.

    Attributes:
        tables: summary of each table.
        decisions: the last decision of each table of decisions.
        failures: step → error of the steps that failed.
        as_of: tables whose partitions are as-of days; repairing one includes its models.
    """

    tables: Sequence[TableSummary]
    decisions: Sequence[Decision]
    failures: Mapping[str, str]
    as_of: Collection[str] = ()

    @property
    def verdict(self) -> str:
        """Whether all requested days are stored."""
        is_complete = all(table.verdict == COMPLETE for table in self.tables)
        return COMPLETE if is_complete and not self.failures else INCOMPLETE

    @property
    def counts(self) -> dict[str, int]:
        """Stored, unchanged, skipped and quarantined days, and rejected rows, of all tables."""
        return {
            "stored": sum(table.stored for table in self.tables),
            "unchanged": sum(table.unchanged for table in self.tables),
            "skipped": sum(len(table.skipped) for table in self.tables),
            "quarantined": sum(len(table.quarantined) for table in self.tables),
            "dead_letters": sum(table.dead_letters for table in self.tables),
        }

    @property
    def next_step(self) -> tuple[str, str]:
        """What to do next, and the command for it."""
        for table in self.tables:
            for day in sorted(table.quarantined):
                command = repair_command(table.table, day, is_as_of=table.table in self.as_of)
                return "repair that day in its source, then", command
        for decision in self.decisions:
            if decision.verdict == AWAITING:
                pipeline = decision.table.partition("/")[0]
                return "approve or reject the release", approve_command(pipeline, decision.day)
        for table in self.tables:
            for day in sorted(table.skipped):
                return "list missing days", f"ml-assets checks{partition_option(day)}"
        return (
            "find the cause of the failure" if self.failures else "view the results",
            "ml-assets ui",
        )


def repair_command(table: str, day: str, *, is_as_of: bool) -> str:
    """The command that computes a day and everything downstream of it again."""
    models = " --with-models" if is_as_of else ""
    return impact_command(table, day) + models


def summary_of(
    ledger: Ledger, outcomes: Sequence[RunOutcome], as_of: Collection[str] = ()
) -> RunSummary:
    """Summarize runs; a day that several runs wrote counts with its last state.

    Args:
        ledger: ledger with the entries of the runs.
        outcomes: results of the runs, oldest first.
        as_of: tables whose partitions are as-of days.
    """
    entries = [entry for outcome in outcomes for entry in ledger.of_run(outcome.run_id)]
    return summarize(entries, outcomes, as_of)


def summarize(
    entries: Sequence[Entry], outcomes: Sequence[RunOutcome], as_of: Collection[str] = ()
) -> RunSummary:
    """Summarize runs from their ledger entries, oldest first."""
    latest = {(entry.table, entry.day): entry for entry in entries}
    unchanged: dict[str, int] = {}
    decisions: dict[str, Decision] = {}
    failures: dict[str, str] = {}
    for outcome in outcomes:
        for table, days in outcome.unchanged.items():
            unchanged[table] = unchanged.get(table, 0) + days
        decisions |= {decision.table: decision for decision in outcome.decisions}
        failures |= outcome.failed_steps
    tables = dict.fromkeys([*(table for table, _ in latest), *unchanged])
    letters = {dead_letters_of(table) for table in tables}
    return RunSummary(
        [
            table_summary(table, latest.values(), unchanged.get(table, 0))
            for table in tables
            if table not in letters
        ],
        list(decisions.values()),
        failures,
        as_of,
    )
