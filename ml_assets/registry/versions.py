"""A version of a model in the registry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets import nouns
from ml_assets.errors import RegistryMismatch

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

FINGERPRINT, AS_OF = "fingerprint", "as_of"
"""Tags of a version."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a model in the registry."""

    version: int
    fingerprint: str
    as_of: str


def known_version(version: "ModelVersion") -> RegisteredVersion:
    """A version from MLflow's record.

    Raises:
        RegistryMismatch: this project did not register it.
    """
    if FINGERPRINT not in version.tags:
        raise RegistryMismatch(
            f"Version {version.version} of {version.name} has no fingerprint: it was not "
            "registered by this project. Choose another version."
        )
    return RegisteredVersion(
        int(version.version), version.tags[FINGERPRINT], version.tags.get(AS_OF, "")
    )


def model_table(name: str) -> str:
    """Name of the table of a model; its files are stored under it."""
    return f"{name}/{nouns.MODEL}"


def registration_remedy(name: str, version: "ModelVersion") -> str:
    """End of a message with the command that rewrites MLflow's files of a version."""
    as_of = version.tags.get(AS_OF, "")
    return (
        f"register the model again: ml-assets recompute {name}/registered_model --partition {as_of}"
    )
