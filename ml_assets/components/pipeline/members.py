"""The pipelines of an ensemble's members."""

from pathlib import Path

from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.models import pipeline
from ml_assets.configuration.pipeline import ModelConfiguration


def member_pipelines(config: ModelConfiguration, folder: Path) -> dict[str, PipelineContext]:
    """Member of an ensemble → its pipeline; empty for any other model.

    Args:
        config: configuration of the ensemble.
        folder: folder of its ``defs.yaml``, which may define members, too.
    """
    if not isinstance(config, EnsembleConfiguration):
        return {}
    file = folder / "defs.yaml"
    return {
        name: PipelineContext.of(pipeline(member.pipeline, file))
        for name, member in config.ensemble.members.items()
    }
