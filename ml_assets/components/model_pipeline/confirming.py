"""The cross-check of a champion before it scores: of which lake, log and registry."""

from ml_assets.components.model_pipeline.shared import Pipeline
from ml_assets.lake.store import Lake
from ml_assets.orchestration.assets.model_io import project_registry
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.champion import Champion
from ml_assets.release.confirm import confirm_champion
from ml_assets.release.facts import release_facts


def confirm(pipeline: Pipeline, champion: Champion) -> None:
    """Refuse a champion that is not what its release says.

    Raises:
        RegistryMismatch: decision, approval, registration, tests and model do not agree.
        LakeMismatch: one of them was altered behind the ledger.
    """
    registry = project_registry() if pipeline.has_registry else None
    log = ApprovalLog.of_project()
    confirm_champion(release_facts(Lake.of_project(), log, registry, pipeline.name, champion.as_of))
