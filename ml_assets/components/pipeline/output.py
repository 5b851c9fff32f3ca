"""Plans and outputs of the stages of a pipeline, whose rows are computed day by day."""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import pandas as pd

from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, plan


def plan_same_day(
    pipeline: PipelineContext,
    lake: Lake,
    noun: str,
    days: Sequence[str],
    version: str,
    *,
    reads: Sequence[str],
) -> Plan:
    """Plan as-of days of an asset that reads the same days of others, named by their nouns."""
    inputs = {name: pipeline.input(name) for name in reads}
    return plan(lake, pipeline.table(noun), days, inputs, version)


def plan_as_of(
    pipeline: PipelineContext,
    lake: Lake,
    noun: str,
    days: Sequence[str],
    version: str,
    **inputs: Input,
) -> Plan:
    """Plan as-of days and record in the ledger that they were requested, for the checks."""
    table = pipeline.table(noun)
    return recorded(lake, table, plan(lake, table, days, inputs, version))


def recorded(lake: Lake, table: str, planned: Plan) -> Plan:
    """A plan of as-of days, after the ledger has recorded that they were requested."""
    lake.ledger.append([Entry(table, day, Status.WRITING) for day in planned.compute])
    return planned


def concatenated(frames: Mapping[str, pd.DataFrame], contract: type[Contract]) -> pd.DataFrame:
    """Concatenate the frames of several days; an empty frame with the contract's columns if none."""
    present = [frame for frame in frames.values() if len(frame)]
    return pd.concat(present, ignore_index=True) if present else no_rows(contract)


def output(
    planned: Plan,
    frames: Mapping[str, pd.DataFrame],
    contract: type[Contract],
    version: str,
    *,
    day_metadata: Mapping[str, ExtraMetadata] | None = None,
    keeps_dead_letters: bool = False,
    after_commit: Callable[[], object] | None = None,
    keeps_rows: bool = False,
    is_final: bool = False,
) -> TableOutput:
    """The output of a stage for frames that were computed day by day.

    Skipped days do not end the run: every later stage records why it has no rows either.
    """
    validated = validate(concatenated(frames, contract), contract, planned.compute)
    return TableOutput(
        planned,
        validated,
        version,
        keeps_dead_letters=keeps_dead_letters,
        day_metadata=day_metadata or {},
        after_commit=after_commit,
        keeps_rows=keeps_rows,
        is_final=is_final,
        may_skip_days=True,
    )


def markdown_table(rows: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """A table as Markdown metadata, with rounded numbers."""
    escaped = rows.map(lambda value: value.replace("|", "\\|") if isinstance(value, str) else value)
    return dg.MetadataValue.md(escaped.to_markdown(index=False, floatfmt=".4f"))
