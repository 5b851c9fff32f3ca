"""The IO manager of model assets: stores files by fingerprint and days in the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from ml_assets import nouns
from ml_assets.errors import ConfigurationError, LakeMismatch, UnsafeModel, sentence
from ml_assets.lake.store import Lake
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel
from ml_assets.ledger.entries import Entry, Status, inputs_hash
from ml_assets.ledger.summary import by_reason, table_summary
from ml_assets.orchestration.assets.columns import log_columns
from ml_assets.orchestration.assets.day_metadata import inputs_summary, skipped_result, with_summary
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.assets.table_output import code_version_of
from ml_assets.orchestration.assets.table_storing import record_provenance
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.orchestration.runs.retries import attempt
from ml_assets.orchestration.storage.range_events import DayResult, materialize_days
from ml_assets.planning.plan import Plan
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.champion import champion_advice, newest
from ml_assets.release.history import releases
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class ModelOutput:
    """The output of a training step.

    Attributes:
        plan: trained, unchanged and skipped days, with their reads.
        models: day → its model.
        code_version: version of the code that trained them.
    """

    plan: Plan
    models: Mapping[str, FittedModel]
    code_version: str


class ModelIOManager(dg.IOManager):
    """Stores models; loading one requires its specification, see ``load_input``.

    Args:
        workspace: workspace of the models.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def load_input(self, context: dg.InputContext) -> object:
        """Refuse: a model is loaded with its specification, see ``Workspace.models``.

        Raises:
            dagster.Failure: always.
        """
        raise dg.Failure(
            f"{context.asset_key.to_user_string()} is a model, not a table. Depend on it with "
            "'deps' and load it with the resource 'workspace': models.load(name, fingerprint, "
            "specification).",
            allow_retries=False,
        )

    def handle_output(self, context: dg.OutputContext, obj: ModelOutput | FittedModel) -> None:
        """Store each day's model and log its fingerprint as the data version.

        A plain asset may return a single model for one day.
        """
        workspace = self._workspace
        with attempt(workspace, context.step_context.previous_attempt_count):
            if isinstance(obj, FittedModel):
                obj = _single_day_output(context, obj)
            table, lake = table_name(context.asset_key), workspace.lake
            for model in obj.models.values():
                workspace.models.save(table, model)
            entries = {day: _entry(table, day, obj, context.run_id) for day in obj.models}
            skipped = [
                Entry(
                    table,
                    day,
                    Status.SKIPPED,
                    reason=reason,
                    run_id=context.run_id,
                    reads=obj.plan.reads.get(day, ()),
                )
                for day, reason in obj.plan.skipped.items()
            ]
            record_provenance(lake, context.run_id, obj.code_version)
            lake.ledger.append([*entries.values(), *skipped])
            for day in entries:
                workspace.checkpoints(table, day).discard()
            for days, why in by_reason({entry.day: [entry.reason] for entry in skipped}):
                context.log.warning(f"{table} {days} is skipped: {why}")
            usable = {**obj.plan.unchanged, **entries}
            summary = table_summary(table, [*entries.values(), *skipped], len(obj.plan.unchanged))
            results = {
                day: DayResult(entry.content_hash, _metadata(workspace, entry, obj))
                for day, entry in usable.items()
            } | {entry.day: skipped_result(entry.reason) for entry in skipped}
            context.log.info(summary.counted)
            materialize_days(context, with_summary(results, summary))
            log_columns(context, lake, table)


def _single_day_output(context: dg.OutputContext, model: FittedModel) -> ModelOutput:
    days = list(context.asset_partition_keys)
    if len(days) != 1:
        raise ConfigurationError(
            f"{context.asset_key.to_user_string()} returned one model for {len(days)} days. Return "
            "a ModelOutput with one model per day, or materialize one day at a time."
        )
    [day] = days
    plan = Plan([day], {}, {}, {day: []}, {})
    return ModelOutput(plan, {day: model}, code_version_of(context))


def lost_models(workspace: Workspace, table: str, entries: Mapping[str, Entry]) -> list[str]:
    """Days whose model file is missing or altered, or whose entry was written outside a run."""
    by_hand, models = written_by_hand(workspace.lake, table, list(entries)), workspace.models
    return [
        day
        for day, entry in entries.items()
        if day in by_hand or not models.is_intact(table, entry.content_hash)
    ]


def model_check(table: str, specification: ModelSpecification) -> TableCheck:
    """The check of a model asset: its file is unaltered and can be loaded."""

    def verdict(stored: StoredDays, day: str) -> DayVerdict:
        fingerprint = stored.entries[day].content_hash
        try:
            stored.workspace.models.load(table, fingerprint, specification)
        except UnsafeModel as error:
            champions = f"{table.partition('/')[0]}/{nouns.CHAMPION}"
            advice = _advice(stored.lake, champions, fingerprint)
            return DayVerdict(False, f"{sentence(error)}{advice}")
        return DayVerdict(True)

    return TableCheck(
        "loads_as_trained",
        "The model file loads through the allow-list and is the model that was trained.",
        lambda stored: {day: verdict(stored, day) for day in stored.stored},
        reads_rows=False,
    )


def _advice(lake: Lake, champions: str, fingerprint: str) -> str:
    """The advice if the model is the champion; if that is unknown, the champion's own checks report it."""
    try:
        champion = newest(releases(lake, champions, max(lake.ledger.latest(champions), default="")))
    except LakeMismatch:
        return ""
    if champion is None or champion.fingerprint != fingerprint:
        return ""
    return f" {champion_advice(champion.as_of)}"


def _entry(table: str, day: str, output: ModelOutput, run_id: str) -> Entry:
    model = output.models[day]
    return Entry(
        table=table,
        day=day,
        status=Status.STORED,
        content_hash=model.fingerprint,
        rows=model.rows,
        code_version=output.code_version,
        inputs_hash=inputs_hash(output.code_version, output.plan.reads[day]),
        run_id=run_id,
        reads=output.plan.reads[day],
    )


def _metadata(
    workspace: Workspace, entry: Entry, output: ModelOutput
) -> dict[str, dg.MetadataValue]:
    folder = workspace.models.folder(entry.table, entry.content_hash)
    return {
        "fingerprint": dg.MetadataValue.text(entry.content_hash),
        "training rows": dg.MetadataValue.int(entry.rows),
        "path": dg.MetadataValue.path(workspace.below_data(folder)),
        "inputs": dg.MetadataValue.json(inputs_summary(output.plan.reads[entry.day])),
    }
