"""What a template hands over for the days of a run, and the ledger entries that follow from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg

from ml_assets.content import DAY
from ml_assets.contracts.validation import Validated
from ml_assets.lake.writing import WrittenDays
from ml_assets.ledger.entries import Entry, Status, inputs_hash
from ml_assets.orchestration.assets.day_metadata import (
    ExtraMetadata,
)
from ml_assets.planning.plan import Plan


@dataclass(frozen=True)
class TableOutput:
    """What a template hands over for the days of a run.

    Attributes:
        plan: which days were computed, left as they are, or skipped, and what was read.
        validated: the computed days' rows, sorted by their contract.
        code_version: version of what computed them.
        keeps_dead_letters: whether rejected rows are kept in ``<table>_dead_letters``.
        day_metadata: day → further metadata for Dagster.
        after_commit: what follows from the stored rows, done in the same step.
        is_fact: a stored day that cannot be made again stays as it is: it happened.
        is_final: the rows record what happened; besides, they never become stale.
        goes_on: the run goes on past a skipped day, so that what reads the table records why it
            has none either; otherwise a run that stores no day fails here.
        places_every_row: the dead letters hold all rows of the source that belong to no day.
    """

    plan: Plan
    validated: Validated
    code_version: str
    keeps_dead_letters: bool = True
    day_metadata: Mapping[str, ExtraMetadata] = field(default_factory=dict)
    after_commit: Callable[[], None] | None = None
    is_fact: bool = False
    is_final: bool = False
    goes_on: bool = False
    places_every_row: bool = False


@dataclass(frozen=True)
class _Drafts:
    """Ledger entries of one run over one table."""

    table: str
    output: TableOutput
    run_id: str

    def writing(self) -> Iterator[Entry]:
        for day in self.output.plan.compute:
            yield Entry(self.table, day, Status.WRITING, run_id=self.run_id)

    def finished(self, written: WrittenDays | None) -> dict[str, Entry]:
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
