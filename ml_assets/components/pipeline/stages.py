"""The assets of a model pipeline by stage, in the order of computation, for the sensors."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from ml_assets import nouns
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.lineage import pipelines
from ml_assets.release.promotion import days_with_unmeasured_tests

TRAINING = [
    nouns.TRAINING_DATASET,
    nouns.MODEL,
    nouns.EVALUATION,
    nouns.FEATURE_REFERENCE,
    nouns.COMPARISON,
    nouns.FAIRNESS,
    nouns.RELEASE_DECISION,
]
"""From the data to the decision on a model."""

REGISTRATION = [
    nouns.REGISTERED_MODEL,
    nouns.STAGING_MODEL,
    nouns.INTEGRATION_TESTS,
    nouns.MODEL_CARD,
]
"""From registration to model card; only with a registry."""

DAILY = [nouns.LOGGED_PREDICTIONS, *pipelines.SCORING]
"""What is computed for each partition once there is a champion, in order."""


def until_release_decision(pipeline: PipelineContext) -> list[str]:
    """The assets from the data to the release decision; an ensemble is compared with its members."""
    return [*TRAINING, *([nouns.MEMBER_COMPARISON] if pipeline.specification.members else [])]


def after_release_decision(pipeline: PipelineContext) -> list[str]:
    """The assets after a release decision."""
    stages = REGISTRATION if pipeline.has_registry else []
    return [nouns.APPROVALS, *stages, nouns.CHAMPION]


def tables_of(pipeline: PipelineContext, graph: Any, stages: Sequence[str]) -> list[str]:
    """Names of the tables that a graph computes, as a pipeline may define some parts only.

    Args:
        pipeline: the pipeline.
        graph: Dagster's asset graph.
        stages: second parts of their keys.
    """
    computed = graph.executable_asset_keys
    return [
        table for table in map(pipeline.table, stages) if dg.AssetKey(table.split("/")) in computed
    ]


def target(pipeline: PipelineContext, *stages: str) -> dg.AssetSelection:
    """The assets of some stages, as the target of a sensor.

    Args:
        pipeline: the pipeline.
        stages: second parts of their groups.
    """
    return dg.AssetSelection.groups(*(f"{pipeline.name}__{stage}" for stage in stages))


def waiting_for_tests(pipeline: PipelineContext, lake: Lake, as_ofs: Sequence[str]) -> list[str]:
    """As-of days whose model is not champion because integration tests could not be measured."""
    champions = lake.ledger.latest(pipeline.table(nouns.CHAMPION), as_ofs)
    skipped = [day for day, entry in champions.items() if entry.status is Status.SKIPPED]
    return days_with_unmeasured_tests(lake, pipeline.name, skipped)
