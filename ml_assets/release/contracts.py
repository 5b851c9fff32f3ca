"""Contracts of the tables of registered and staged models."""

from ml_assets.contracts.contract import Contract, computed
from ml_assets.release.champion import APPROVED


class RegisteredModel(Contract):
    """A released model's version in the registry; no row if the model is not released."""

    fingerprint: str = computed("Fingerprint of the model.", ["model.prediction", *APPROVED])
    version: int = computed("Version in the registry.", ["model.prediction"], ge=1)

    class Config:
        """Empty if the model is not released."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


class StagingModel(Contract):
    """The version that is staged for this as-of day; no row if there is none."""

    fingerprint: str = computed("Fingerprint of the model.", ["registered_model.fingerprint"])
    version: int = computed("Version in the registry.", ["registered_model.version"], ge=1)

    class Config:
        """Empty if no version is staged."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}
