"""Confirms a champion by the records of its release, before its model is used."""

from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.release.champion import Champion
from ml_assets.release.confirm import confirm_champion
from ml_assets.release.facts import release_facts
from ml_assets.workspace import Workspace


def confirm(pipeline: PipelineContext, workspace: Workspace, champion: Champion) -> None:
    """Refuse a champion that does not match the records of its release.

    Args:
        pipeline: its pipeline.
        workspace: the stores of the project.
        champion: the champion.

    Raises:
        RegistryMismatch: decision, approval, registration, tests and model contradict each other.
        LakeMismatch: one of them was altered outside a run.
    """
    registry = workspace.registry if pipeline.has_registry else None
    log, as_of = workspace.approvals, champion.as_of
    confirm_champion(release_facts(workspace.lake, log, registry, pipeline.name, as_of))
