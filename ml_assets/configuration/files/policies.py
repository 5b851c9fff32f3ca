"""Reads the file of a retraining policy."""

from pathlib import Path

from ml_assets.configuration.files.lines import line_of_key
from ml_assets.configuration.files.yaml_files import read_yaml
from ml_assets.errors import ConfigurationError
from ml_assets.monitoring.policy import Policy
from ml_assets.names import suggestion
from ml_assets.reading import read


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ConfigurationError: it does not exist, is not YAML, or contains an unknown or invalid key.
    """
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        has = f"{path.parent.name}/ has {', '.join(known)}" if known else "its folder has none"
        raise ConfigurationError(
            f"There is no policy file {path}: {has}.{suggestion(path.stem, known)} Expected a YAML file, or "
            "the name of one in the folder policies/ beside the defs.yaml."
        )
    documents = [one for one in read_yaml(path) if one is not None]
    where = f"Policy file {path.parent.parent.name}/{path.parent.name}/{path.name}"
    if len(documents) != 1:
        raise ConfigurationError(
            f"{where} has {len(documents)} documents, expected one: 'name: …' and the signals of the policy."
        )
    return read(Policy, documents[0], where, lambda keys: line_of_key(path, keys))
