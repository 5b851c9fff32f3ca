"""Contracts of registered and staged models: what a release puts into the registry."""

from ml_assets.contracts.contract import Contract, made
from ml_assets.release.champion import APPROVED


class RegisteredModel(Contract):
    """The version of the registry that a released model is; no row when it was not released."""

    fingerprint: str = made("What identifies the model.", ["model.prediction", *APPROVED])
    version: int = made("Its version in the registry.", ["model.prediction"], ge=1)

    class Config:
        """A model that was not released is not registered."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


class StagingModel(RegisteredModel):
    """The version that was staged for this as-of day; no row when there was none."""
