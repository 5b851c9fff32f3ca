"""A version of a model in the registry."""

from dataclasses import dataclass

from ml_assets import nouns
from ml_assets.errors import RegistryMismatch
from ml_assets.registry.mlflow_tables import Row

FINGERPRINT, AS_OF = "fingerprint", "as_of"
"""Tags of a version."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a model in the registry."""

    version: int
    fingerprint: str
    as_of: str


def known_version(row: Row) -> RegisteredVersion:
    """A version from MLflow's record.

    Raises:
        RegistryMismatch: this project did not register it.
    """
    if FINGERPRINT not in row.tags:
        raise RegistryMismatch(
            f"Version {row.version} of {row.name} has no fingerprint: it was not registered by this "
            "project. Choose another version."
        )
    return RegisteredVersion(row.version, row.tags[FINGERPRINT], row.tags.get(AS_OF, ""))


def model_table(name: str) -> str:
    """Name of the table of a model; its files are stored under it."""
    return f"{name}/{nouns.MODEL}"


def registration_remedy(name: str, version: RegisteredVersion) -> str:
    """End of a message with the command that rewrites MLflow's files of a version."""
    table = f"{name}/{nouns.REGISTERED_MODEL}"
    return f"register the model again: ml-assets recompute {table} --partition {version.as_of}"
