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
    where = f"Policy file {path.name}"
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        has = f"its folder has {', '.join(known)}" if known else "its folder has none"
        raise ConfigurationError(
            f"Policy file {path} cannot be read (there is no such file; {has}).{suggestion(path.stem, known)} "
            "Expected a YAML file, or one of the pipeline's own policies."
        )
    try:
        documents = [one for one in read_yaml(path) if one is not None]
    except ConfigurationError as error:
        raise ConfigurationError(f"{where} is not usable: {error}") from None
    if len(documents) != 1:
        raise ConfigurationError(
            f"{where} has {len(documents)} documents, expected one: 'name: …' and the signals of the policy."
        )
    return read(Policy, documents[0], where, lambda keys: line_of_key(path, keys))
