"""Trainings as MLflow's runs, so that its experiment page compares models."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY, digest
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.members import shown_parameters
from ml_assets.learning.evaluation import headline
from ml_assets.ledger.entries import Entry, Status
from ml_assets.registry.mlflow_runs import TrainingRun, run_id
from ml_assets.workspace import Workspace

GIT_COMMIT = "mlflow.source.git.commit"
"""Tag that MLflow shows as the version of a run's code."""


def record_trainings(
    workspace: Workspace, pipeline: PipelineContext, days: Sequence[str]
) -> list[str]:
    """Record the trainings of as-of days whose evaluation is stored, unless they are recorded.

    Args:
        workspace: the stores of the project.
        pipeline: the pipeline.
        days: as-of days.

    Returns:
        The as-of days that were recorded.

    Raises:
        RegistryUnavailable, RegistryMismatch: see ``ml_assets.errors``.
    """
    lake, registry = workspace.lake, workspace.registry
    evaluations = _stored(lake, pipeline.table(nouns.EVALUATION), days)
    models = _stored(lake, pipeline.table(nouns.MODEL), list(evaluations))
    names = {day: run_id(pipeline.name, day, model.content_hash) for day, model in models.items()}
    contents = {
        names[day]: digest(
            model.content_hash, model.code_version, model.run_id, evaluations[day].content_hash
        )
        for day, model in models.items()
    }
    missing = registry.missing_runs(pipeline.name, contents) if contents else []
    wanted = [day for day, identity in names.items() if identity in missing]
    if wanted:
        frames = lake.read(pipeline.table(nouns.EVALUATION), wanted)
        registry.record_runs(
            [
                (
                    _run(lake, pipeline, models[day], evaluations[day], frames[frames[DAY] == day]),
                    contents[names[day]],
                )
                for day in wanted
            ]
        )
    return wanted


def _run(
    lake: Lake, pipeline: PipelineContext, model: Entry, evaluation: Entry, rows: pd.DataFrame
) -> TrainingRun:
    begun = [
        entry.written_at
        for entry in lake.ledger.history(model.table, model.day)
        if entry.status is Status.WRITING and entry.written_at
    ]
    known = lake.provenance.run(model.run_id)
    table = pipeline.table(nouns.TRAINING_DATASET)
    datasets = lake.ledger.reads(model.table, [model.day])[model.day]
    ended = evaluation.written_at or datetime.now(UTC)
    measured = {name.replace(" ", "_"): value for name, value in headline(rows).items()}
    return TrainingRun(
        pipeline=pipeline.name,
        as_of=model.day,
        fingerprint=model.content_hash,
        parameters=_parameters(pipeline),
        metrics={**measured, "training_rows": float(model.rows)},
        tags={
            "dataset": f"{table} {model.day}",
            "dataset_version": next((r.content_hash for r in datasets if r.table == table), ""),
            "code_version": model.code_version,
            "dagster_run_id": model.run_id,
            GIT_COMMIT: known.environment.commit if known else "",
        },
        started=begun[-1] if begun else ended,
        ended=ended,
    )


def _parameters(pipeline: PipelineContext) -> dict[str, str]:
    specification = pipeline.specification
    own = {
        "estimator": specification.estimator,
        "task": specification.task,
        "label": specification.label,
        "numeric": ", ".join(specification.numeric),
        "categorical": ", ".join(specification.categorical),
        "text": ", ".join(specification.text),
        **asdict(pipeline.windows),
    }
    return {name: str(value) for name, value in {**shown_parameters(specification), **own}.items()}


def _stored(lake: Lake, table: str, days: Sequence[str]) -> dict[str, Entry]:
    entries = lake.ledger.latest(table, list(days))
    return {day: entry for day, entry in entries.items() if entry.status is Status.STORED}
