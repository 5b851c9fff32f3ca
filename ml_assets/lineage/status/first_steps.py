"""The run that a pipeline has not had yet: from its sources to its first monitoring report."""

from collections.abc import Mapping, Sequence

from ml_assets import nouns
from ml_assets.cadence import DAYS, Calendar, as_key
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.lineage.pipelines import SCORING
from ml_assets.lineage.status.state import ChampionState, PipelineState, ProjectState
from ml_assets.lineage.status.values import NextStep
from ml_assets.release.promotion import training_command
from ml_assets.scaffolding.as_of import first_as_of

AFTER_CHAMPION = [nouns.LOGGED_PREDICTIONS, *SCORING, nouns.RETRAINING_DECISION]
"""Tables that are computed for a day once there is a champion, of all kinds of pipelines."""

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
    if missing[0] not in {f"{pipeline.name}/{noun}" for noun in AFTER_CHAMPION}:
        return _first_partitions(state, processed, missing[0])
    features = pipeline.tables[0]
    calendar, last = state.calendars.get(features, DAYS), processed[features][-1]
    if pipeline.champion:
        return _first_predictions(pipeline.name, pipeline.champion, calendar, last)
    if pipeline.releases:
        return NextStep(
            f"see why no model of {pipeline.name} is champion", f"ml-assets audit {pipeline.name}"
        )
    return _first_model(state, pipeline, processed)


def _first_partitions(state: ProjectState, processed: Processed, table: str) -> NextStep | None:
    """Materialize a table for the time of the last table with partitions; None if it begins later."""
    before = [other for other, days in processed.items() if days][-1]
    calendar, other = (state.calendars.get(one, DAYS) for one in (table, before))
    start, end = other.start_of(processed[before][0]), other.bounds(processed[before][-1])[1]
    keys = [key for key in calendar.within(start, end) if key >= state.first.get(table, key)]
    if not keys:
        return None
    command = materialize_command(f'key:"{table}"') + partition_option(keys[0], keys[-1])
    return NextStep(f"materialize {table}, which has nothing yet", command)


def _first_model(state: ProjectState, pipeline: PipelineState, processed: Processed) -> NextStep:
    """Train a model that leaves some partitions of the features to predict, if there are enough."""
    features = processed[pipeline.tables[0]]
    calendar = state.calendars.get(pipeline.tables[0], DAYS)
    first = min(
        processed[table][0]
        for table in [*pipeline.sources, pipeline.tables[0]]
        if processed[table] and state.calendars.get(table, DAYS) == calendar
    )
    as_of = first_as_of(calendar, first, features[-1], pipeline.drift_partitions)
    moment = calendar.start_of(as_of) if as_of > features[0] else calendar.bounds(features[-1])[1]
    return NextStep(
        f"train and judge a first model of {pipeline.name}",
        training_command(pipeline.name, pipeline.as_ofs.key_of(moment)),
    )


def _first_predictions(
    name: str, champion: ChampionState, calendar: Calendar, last: str
) -> NextStep | None:
    """Predict and monitor from the day on which the champion serves; None if the features end before."""
    first = calendar.key_of(calendar.at_least_daily().start_of(champion.serves_from))
    if first > last:
        return None
    groups = f"group:{name}__predictions or group:{name}__monitoring"
    return NextStep(
        f"predict and monitor with the champion of {name}",
        materialize_command(groups) + partition_option(first, last),
    )
