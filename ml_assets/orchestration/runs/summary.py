"""What some runs of our commands did, in one summary: counts, days with reasons, decisions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ml_assets.lake.remedy import partition_option
from ml_assets.ledger.entries import Entry
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.summary import COMPLETE, INCOMPLETE, TableSummary, table_summary
from ml_assets.orchestration.assets.dead_letters import dead_letters_of
from ml_assets.orchestration.runs.runs import Decision, RunOutcome

AWAITING_APPROVAL = "awaiting_approval"
"""Verdict of a release decision that a person has to approve."""


@dataclass(frozen=True)
class RunSummary:
    """What some runs did.

    Attributes:
        tables: what they did to each table.
        decisions: the last decision of each table of decisions.
        failures: step → error of the steps that failed.
        as_of: tables whose days are repaired together with the models that are trained on them.
    """

    tables: Sequence[TableSummary]
    decisions: Sequence[Decision]
    failures: Mapping[str, str]
    as_of: Collection[str] = ()

    @property
    def verdict(self) -> str:
        """Whether everything that was asked for is stored."""
        is_complete = all(table.verdict == COMPLETE for table in self.tables)
        return COMPLETE if is_complete and not self.failures else INCOMPLETE

    @property
    def counts(self) -> dict[str, int]:
        """Days stored, unchanged, skipped and quarantined, and rows rejected, in all tables."""
        return {
            "stored": sum(table.stored for table in self.tables),
            "unchanged": sum(table.unchanged for table in self.tables),
            "skipped": sum(len(table.skipped) for table in self.tables),
            "quarantined": sum(len(table.quarantined) for table in self.tables),
            "dead_letters": sum(table.dead_letters for table in self.tables),
        }

    @property
    def next_command(self) -> str:
        """The command that goes on from here."""
        for table in self.tables:
            for day in sorted(table.quarantined):
                return repair_command(table.table, day, is_as_of=table.table in self.as_of)
        for decision in self.decisions:
            if decision.verdict == AWAITING_APPROVAL:
                pipeline = decision.table.partition("/")[0]
                return f"ml-assets approve {pipeline} {decision.day} --by NAME --reason TEXT"
        for table in self.tables:
            for day in sorted(table.skipped):
                return f"ml-assets checks{partition_option(day)}"
        return "make ui"

    @property
    def next_step(self) -> str:
        """What the next command is for."""
        if self.counts["quarantined"]:
            return "repair that day in its source, then"
        if self.next_command.startswith("ml-assets approve"):
            return "approve or reject the release"
        if self.counts["skipped"]:
            return "see what is missing"
        return "see why it failed" if self.failures else "look at the results"


def repair_command(table: str, day: str, *, is_as_of: bool) -> str:
    """The command that makes a day again, and what was made from it."""
    models = " --with-models" if is_as_of else ""
    return f"ml-assets impact {table}{partition_option(day)} --run{models}"


def summary_of(
    ledger: Ledger, outcomes: Sequence[RunOutcome], as_of: Collection[str] = ()
) -> RunSummary:
    """Summarize runs, the latest last: a day that several of them wrote counts as the last left it.

    Args:
        ledger: what the runs wrote to.
        outcomes: how they ended.
        as_of: tables whose partitions are as-of days.
    """
    entries = [entry for outcome in outcomes for entry in ledger.of_run(outcome.run_id)]
    return summarize(entries, outcomes, as_of)


def summarize(
    entries: Sequence[Entry], outcomes: Sequence[RunOutcome], as_of: Collection[str] = ()
) -> RunSummary:
    """The same from the entries that the runs wrote, in order."""
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
