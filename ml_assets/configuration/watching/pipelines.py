"""Reads the pipelines that alerts watch from their configuration."""

from collections.abc import Iterator
from pathlib import Path

from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.configuration.documents import of_template, unreadable_files
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.files.policies import read_policy
from ml_assets.configuration.models import MODELS, PARTS, pipeline, pipeline_of, pipelines_outside
from ml_assets.configuration.parts import (
    BatchPredictionsConfiguration,
    MonitoringConfiguration,
    is_logged,
)
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.watching.tables import watched_predictions
from ml_assets.errors import MLAssetsError
from ml_assets.monitoring.policy import NO_POLICY, Policy


def watched_pipelines() -> tuple[list[WatchedPipeline], dict[str, MLAssetsError]]:
    """The pipelines with a usable configuration, and the errors of the others by name.

    A file that cannot be read stands for the pipelines of its folder, which are unknown.
    """
    found: list[WatchedPipeline] = []
    broken: dict[str, MLAssetsError] = {**unreadable_files()}
    for name in pipelines_outside(()):
        try:
            found.append(_watched(name))
        except MLAssetsError as error:
            broken[name] = error
    return found, broken


def _watched(name: str) -> WatchedPipeline:
    config = pipeline(name)
    parts = [*_parts(name)]
    monitored = next(
        ((part, file) for part, file in parts if isinstance(part, MonitoringConfiguration)), None
    )
    predicting = next(
        (one for one, _ in parts if isinstance(one, BatchPredictionsConfiguration)), None
    )
    return WatchedPipeline(
        name=name,
        calendar=config.days.calendar,
        policy=_policy(*monitored) if monitored else NO_POLICY,
        rules=monitored[0].monitoring.alerts if monitored else (),
        segments=config.segments,
        has_classes=bool(config.estimator.classes),
        is_ensemble=isinstance(config, EnsembleConfiguration),
        is_logged=any(is_logged(part) for part, _ in parts),
        predictions=watched_predictions(predicting) if predicting else None,
    )


def _parts(name: str) -> Iterator[tuple[ModelConfiguration, Path]]:
    for template, kind in {**MODELS, **PARTS}.items():
        for file, document in of_template(template):
            if document.get("pipeline") == name:
                yield pipeline_of(document, file, kind), file


def _policy(config: MonitoringConfiguration, file: Path) -> Policy:
    named = config.monitoring.policy_file(file.parent)
    policy = read_policy(named) if named else NO_POLICY
    return policy.of_cadence(config.days.cadence)
