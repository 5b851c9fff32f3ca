"""The run that a pipeline has not had yet: from its sources to its first monitoring report."""

from collections.abc import Mapping, Sequence

from ml_assets.cadence import DAYS, as_key
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.lineage.pipelines import DECISION, SCORING
from ml_assets.lineage.status.state import PipelineState, ProjectState
from ml_assets.lineage.status.values import NextStep
from ml_assets.release.promotion import training_command

Processed = Mapping[str, Sequence[str]]
"""Table of a pipeline → its processed partitions, in order; tables in the order of computation."""


def first_step(state: ProjectState, pipeline: PipelineState) -> NextStep | None:
    """The next run of a pipeline, some of whose tables have no partition yet.

    Args:
        state: the project.
        pipeline: one of its pipelines.

    Returns:
        The step; None if nothing of the pipeline was processed, or all of its tables have
        partitions, or its champion predicts later ones than those that have features.
    """
    processed = {
        table: sorted(day for day in state.entries.get(table, {}) if as_key(day))
        for table in [*pipeline.sources, *pipeline.tables]
    }
    missing = [table for table, days in processed.items() if not days]
    if len(missing) in {0, len(processed)}:
        return None
    if missing[0] not in {f"{pipeline.name}/{noun}" for noun in [*SCORING, DECISION]}:
        return _first_partitions(state, processed, missing[0])
    return _first_model(state, pipeline, processed) or _first_predictions(
        state, pipeline, processed
    )


def _first_partitions(state: ProjectState, processed: Processed, table: str) -> NextStep:
    """Materialize a table for the time that the table before it has."""
    before = [other for other, days in processed.items() if days][-1]
    calendar, other = (state.calendars.get(one, DAYS) for one in (table, before))
    start, end = other.start_of(processed[before][0]), other.bounds(processed[before][-1])[1]
    keys = calendar.within(start, end)
    command = materialize_command(f'key:"{table}"') + partition_option(keys[0], keys[-1])
    return NextStep(f"materialize {table}, which has nothing yet", command)


def _first_model(
    state: ProjectState, pipeline: PipelineState, processed: Processed
) -> NextStep | None:
    """Train a model as of the end of the features; None if there is a champion."""
    if pipeline.champion:
        return None
    if pipeline.releases:
        return NextStep(
            f"see why no model of {pipeline.name} is champion", f"ml-assets audit {pipeline.name}"
        )
    features = pipeline.tables[0]
    calendar = state.calendars.get(features, DAYS)
    as_of = calendar.at_least_daily().key_of(calendar.bounds(processed[features][-1])[1])
    return NextStep(
        f"train and judge a first model of {pipeline.name}",
        training_command(pipeline.name, as_of),
    )


def _first_predictions(
    state: ProjectState, pipeline: PipelineState, processed: Processed
) -> NextStep | None:
    """Predict and monitor from the day on which the champion serves."""
    assert pipeline.champion
    features = pipeline.tables[0]
    calendar = state.calendars.get(features, DAYS)
    first = calendar.key_of(calendar.at_least_daily().start_of(pipeline.champion.serves_from))
    last = processed[features][-1]
    if first > last:
        return None
    groups = f"group:{pipeline.name}__predictions or group:{pipeline.name}__monitoring"
    return NextStep(
        f"predict and monitor with the champion of {pipeline.name}",
        materialize_command(groups) + partition_option(first, last),
    )
