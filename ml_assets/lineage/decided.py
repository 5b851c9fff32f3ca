"""Changes between the release decisions of one as-of day: windows, features, hyperparameters."""

from collections.abc import Sequence
from dataclasses import replace

from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.lineage.difference import changed_parameters
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import model_of_fingerprint, recorded_model
from ml_assets.release.audit import DECIDED, Event


def with_changes(lake: Lake, pipeline: PipelineTables, events: Sequence[Event]) -> list[Event]:
    """The events of releases, with what changed since the decision before of the same as-of day.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        events: its events, by as-of day and time.
    """
    models: dict[str, str] = {}
    found = []
    for event in events:
        changes: tuple[str, ...] = ()
        if event.what.startswith(DECIDED) and event.model:
            before = models.get(event.as_of, event.model)
            changes = _changes(lake, pipeline, event, before) if before != event.model else ()
            models[event.as_of] = event.model
        found.append(replace(event, changes=changes))
    return found


def _changes(lake: Lake, pipeline: PipelineTables, event: Event, before: str) -> tuple[str, ...]:
    try:
        older, newer = (
            recorded_model(
                lake, pipeline, model_of_fingerprint(lake, pipeline, event.as_of, fingerprint)
            )
            for fingerprint in (before, event.model)
        )
    except LakeMismatch:
        return ("what the model before was made with is not recorded",)
    changed = changed_parameters(older, newer)
    if changed is None:
        return ("the parameters of one of the models are not recorded",)
    return tuple(change.described for change in changed) or ("its code or its rows",)
