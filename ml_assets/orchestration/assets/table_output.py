"""The output of a template for the days of a run, and the ledger entries derived from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.validation import Validated
from ml_assets.lake.writing import DAYS_AT_ONCE, WrittenDays
from ml_assets.ledger.entries import Entry, Status, inputs_hash
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.planning.plan import Plan


@dataclass(frozen=True)
class TableOutput:
    """The output of a template for the days of a run.

    Attributes:
        plan: computed, unchanged and skipped days, with their reads.
        validated: rows of the computed days, separated into valid and rejected ones.
        code_version: version of the code that computed them.
        keeps_dead_letters: whether rejected rows are kept in ``<table>_dead_letters``.
        day_metadata: day → additional metadata for Dagster.
        publish: writes the rows of the days that are stored elsewhere, after their commit. The days
            count as being written until it returns, so that the next run repeats what was killed.
        after_commit: called in the same step after the rows are stored.
        keeps_rows: stored days that cannot be computed again keep their rows, and the run fails.
        is_final: rows record facts: stored days that cannot be computed again keep them, and never
            become stale.
        may_skip_days: skipped days do not end the run, so that downstream tables record why they
            have no rows; otherwise a run that stores no day fails.
        has_all_unplaced_rows: the dead letters contain all rows of the source without a day.
        unreadable: unchanged day → why it could not be read; a run that could read none fails.
        following: computes the output of the next days of the run, when these are stored; None for
            the last.
    """

    plan: Plan
    validated: Validated
    code_version: str
    keeps_dead_letters: bool = True
    day_metadata: Mapping[str, ExtraMetadata] = field(default_factory=dict)
    publish: Callable[[pd.DataFrame], object] | None = None
    after_commit: Callable[[], object] | None = None
    keeps_rows: bool = False
    is_final: bool = False
    may_skip_days: bool = False
    has_all_unplaced_rows: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)
    following: Callable[[], "TableOutput"] | None = None


def in_parts(days: Sequence[str], compute: Callable[[Sequence[str]], TableOutput]) -> TableOutput:
    """The output of a run whose days are computed and stored part by part, which limits memory use.

    Args:
        days: the days of the run, in order.
        compute: computes the output of some of them.
    """
    output, later = compute(days[:DAYS_AT_ONCE]), days[DAYS_AT_ONCE:]
    return replace(output, following=lambda: in_parts(later, compute)) if later else output


@dataclass(frozen=True)
class RunEntries:
    """Ledger entries of one run over one table."""

    table: str
    output: TableOutput
    run_id: str

    def writing(self) -> Iterator[Entry]:
        """Entries that mark the computed days as being written."""
        for day in self.output.plan.compute:
            yield Entry(self.table, day, Status.WRITING, run_id=self.run_id)

    def finished(self, written: WrittenDays | None) -> dict[str, Entry]:
        """Day → its final entry."""
        plan, validated = self.output.plan, self.output.validated
        entries = {
            day: Entry(
                self.table,
                day,
                Status.SKIPPED,
                reason=reason,
                run_id=self.run_id,
                reads=plan.reads.get(day, ()),
            )
            for day, reason in plan.skipped.items()
        }
        row_counts = validated.row_counts or validated.rows[DAY].value_counts().to_dict()
        for day in plan.compute:
            reason = validated.quarantined.get(day, "")
            entry = Entry(
                table=self.table,
                day=day,
                status=Status.QUARANTINED if reason else Status.STORED,
                reason=reason,
                rows=0 if reason else int(row_counts.get(day, 0)),
                dead_letters=validated.dead_letter_counts.get(day, 0),
                version=written.version if written else None,
                code_version=self.output.code_version,
                inputs_hash=inputs_hash(self.output.code_version, plan.reads[day]),
                run_id=self.run_id,
                is_final=self.output.is_final,
                reads=plan.reads[day],
            )
            entries[day] = entry if reason or not written else written.complete(entry)
        return entries


def code_version_of(context: dg.OutputContext) -> str:
    """The code version that an asset declares; empty without one."""
    layer = context.step_context.job_def.asset_layer
    return layer.get(context.asset_key).code_version or ""
