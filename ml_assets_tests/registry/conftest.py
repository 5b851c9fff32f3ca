"""An empty database of MLflow, which takes seconds to make."""

from pathlib import Path

import pytest

from ml_assets.learning.artifacts import ModelStore
from ml_assets.registry.store import Registry


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry's database; copy it, as making it takes seconds."""
    folder = tmp_path_factory.mktemp("registry")
    file = folder / "mlflow.db"
    assert Registry(f"sqlite:///{file}", ModelStore(folder / "models")).relocate() == 0
    return file
