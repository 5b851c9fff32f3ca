"""The model registry: MLflow as a library, on the project's database and model folder.

Versions are addressed by fingerprint, so registering a model twice changes nothing. A model is
stored once, in the ``ModelStore``, which alone loads it; ``files`` writes the registry's files
beside it. MLflow, whose import takes seconds, only writes versions; its tables are read directly, and
runs are written so. ``database`` creates and locks the database.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ml_assets.database_url import parsed
from ml_assets.errors import RegistryMismatch
from ml_assets.learning.artifacts import ModelStore
from ml_assets.registry import mlflow_runs, mlflow_tables
from ml_assets.registry.database import (
    RegistryDatabase,
    translated_database_errors,
    translated_errors,
)
from ml_assets.registry.files import (
    has_signature,
    read_signature,
    write_description,
    write_texts,
)
from ml_assets.registry.mlflow_runs import TrainingRun
from ml_assets.registry.numbers import VersionNumbers
from ml_assets.registry.versions import (
    AS_OF,
    FINGERPRINT,
    RegisteredVersion,
    known_version,
    model_table,
    registration_remedy,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sklearn.pipeline import Pipeline

CHAMPION = "champion"
"""Alias of the version in production."""

STAGING = "staging"
"""Alias of the version that is tested before it may become champion."""

DESCRIPTION_LENGTH = 5000
"""Largest number of characters of MLflow's column."""


class Registry:
    """Versions of models and their aliases. A model has the name of its pipeline.

    Args:
        url: SQLAlchemy URL of MLflow's database, a SQLite file or Postgres. It is created at first
            use, which takes some seconds.
        models: the model store; if its folder was moved, MLflow's file locations are corrected.
        numbers: version numbers of models; without it, MLflow's database alone determines them.
    """

    def __init__(self, url: str, models: ModelStore, numbers: VersionNumbers | None = None) -> None:
        self._database = RegistryDatabase(parsed(url))
        self.models = ModelStore(models.root.absolute())
        self._numbers = numbers

    @property
    def url(self) -> sa.URL:
        """URL of the database; its string hides the password."""
        return self._database.url

    def register(
        self,
        name: str,
        pipeline: "Pipeline",
        *,
        fingerprint: str,
        as_of: str,
        example: pd.DataFrame,
        predictions: np.ndarray,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """Register a stored model once; lost MLflow files of a registered model are rewritten.

        Args:
            name: name of the model.
            pipeline: the fitted pipeline.
            fingerprint: fingerprint of the model.
            as_of: as-of day of the model.
            example: some rows of its input columns; only their types are stored.
            predictions: its predictions for ``example``.
            tags: further tags of a new version.

        Returns:
            The version with this fingerprint.

        Raises:
            RegistryMismatch, RegistryUnavailable: see ``ml_assets.errors``.
            UnsafeModel: the model is not stored, or its files were altered.
        """
        folder = self.models.intact_folder(model_table(name), fingerprint)
        with translated_errors():
            _ = self._client  # takes the lock itself to create the database
            with self._database.locked():
                known = self.lookup(name, fingerprint)
                number = self._number(name, fingerprint, known)
                if known and known.version != number:
                    with self._database.writing() as connection:
                        mlflow_tables.renumber(connection, name, known.version, number)
                if not has_signature(folder):
                    write_description(folder, pipeline, example, predictions)
                if not known:
                    tags = {**tags, FINGERPRINT: fingerprint, AS_OF: as_of}
                    self._add_version(name, number, folder, tags)
                    with self._database.writing() as connection:
                        mlflow_runs.link(connection, name, as_of, fingerprint)
                return number

    def lookup(self, name: str, fingerprint: str) -> RegisteredVersion | None:
        """The version with a fingerprint.

        Raises:
            RegistryUnavailable, RegistryMismatch: the database cannot be read.
        """
        found = (each for each in self.versions(name) if each.fingerprint == fingerprint)
        return next(found, None)

    def missing_runs(self, name: str, contents: Mapping[str, str]) -> list[str]:
        """IDs of runs that are not recorded, or with another content.

        Args:
            name: name of the model.
            contents: ID of a run → hash of its content.

        Raises:
            RegistryUnavailable, RegistryMismatch: the database cannot be read.
        """
        known: dict[str, str] = {}
        with translated_database_errors(), self._database.reading() as connection:
            if connection is not None and mlflow_runs.has_tables(connection):
                known = mlflow_runs.contents(connection, name)
        return [
            identity for identity, content in contents.items() if known.get(identity) != content
        ]

    def record_runs(self, runs: Sequence[tuple[TrainingRun, str]]) -> None:
        """Record trainings as MLflow's runs; one that is recorded is replaced.

        MLflow is imported only if its database is missing.

        Args:
            runs: trainings with the hashes of their contents.

        Raises:
            RegistryUnavailable, RegistryMismatch: see ``ml_assets.errors``.
        """
        with translated_database_errors(), self._database.reading() as connection:
            has_tables = connection is not None and mlflow_runs.has_tables(connection)
        if not has_tables:
            with translated_errors():
                _ = self._client
        with (
            translated_database_errors(),
            self._database.locked(),
            self._database.writing() as writing,
        ):
            for run, content in runs:
                mlflow_runs.write(writing, run, content)

    def relocate(self) -> int:
        """Correct MLflow's file locations after the folder was moved.

        Returns:
            Number of versions that were corrected since this registry was opened.
        """
        with translated_errors():
            _ = self._client
        return self._relocated

    def versions(self, name: str) -> list[RegisteredVersion]:
        """All versions of a model that this project registered, by number.

        Raises:
            RegistryUnavailable, RegistryMismatch: the database cannot be read.
        """
        return [known_version(row) for row in self._rows(name) if FINGERPRINT in row.tags]

    def set_alias(self, name: str, alias: str, fingerprint: str) -> int:
        """Set an alias to the version with a fingerprint; returns its number.

        Raises:
            RegistryMismatch: there is no such version.
        """
        known = self.lookup(name, fingerprint)
        if known is None:
            raise RegistryMismatch(
                f"Model {name} has no version with fingerprint {fingerprint}, so it cannot "
                f"become {alias}. Register it first."
            )
        with translated_errors():
            self._client.set_registered_model_alias(name, alias, str(known.version))
        return known.version

    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version with an alias; None without one."""
        found = (known_version(row) for row in self._rows(name) if alias in row.aliases)
        return next(found, None)

    def describe(self, name: str, version: int, text: str, files: Mapping[str, str]) -> None:
        """Set the description of a version in MLflow, and write files beside its model.

        Args:
            name: name of the model.
            version: version number.
            text: Markdown; truncated to MLflow's limit.
            files: file name → text.

        Raises:
            RegistryMismatch: there is no such version, or a file name is one of the model's own.
        """
        folder = self.folder(name, version)
        with translated_errors():
            with self._database.locked():
                write_texts(f"model {name} version {version}", folder, files)
            self._client.update_model_version(name, str(version), _shortened(text))

    def folder(self, name: str, version: int) -> Path:
        """Folder of a version's files.

        Raises:
            RegistryMismatch: there is no such version.
        """
        return self._folder(name, self._known(name, version).fingerprint)

    def signature(self, name: str, version: int) -> dict[str, str]:
        """Input column → MLflow type, in the model's order.

        Raises:
            RegistryMismatch: there is no such version, or its signature cannot be read.
        """
        known = self._known(name, version)
        folder, remedy = self._folder(name, known.fingerprint), registration_remedy(name, known)
        return read_signature(f"model {name} version {version}", folder, remedy)

    @cached_property
    def _client(self) -> "MlflowClient":
        client = self._database.client
        with self._database.locked(), self._database.writing() as connection:
            self._relocated = mlflow_tables.relocate(
                connection, self._folder, FINGERPRINT, is_shared=not self._database.is_file
            )
        return client

    def _number(self, name: str, fingerprint: str, known: RegisteredVersion | None) -> int:
        """The number of a model; assigned if it has none."""
        registered = known.version if known else None
        with self._database.writing() as connection:
            highest = mlflow_tables.highest(connection, name)
        if self._numbers is None:
            return registered or highest + 1
        return self._numbers.assign(name, fingerprint, registered=registered, highest=highest)

    def _add_version(self, name: str, number: int, folder: Path, tags: Mapping[str, str]) -> None:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)
        with self._database.writing() as connection:
            mlflow_tables.add(connection, name, number, str(folder), tags)

    def _rows(self, name: str) -> list[mlflow_tables.Row]:
        """A model's versions, read without importing MLflow or creating a database."""
        with translated_database_errors(), self._database.reading() as connection:
            return mlflow_tables.rows(connection, name) if connection else []

    def _known(self, name: str, version: int) -> RegisteredVersion:
        found = (row for row in self._rows(name) if row.version == version)
        if (row := next(found, None)) is None:
            raise RegistryMismatch(
                f"Model {name} has no version {version} in the registry. List its versions with "
                f"'ml-assets audit {name}'."
            )
        return known_version(row)

    def _folder(self, name: str, fingerprint: str) -> Path:
        return self.models.folder(model_table(name), fingerprint)


def _shortened(text: str) -> str:
    return text if len(text) <= DESCRIPTION_LENGTH else f"{text[: DESCRIPTION_LENGTH - 1]}…"
