"""The model registry: MLflow's, used as a library on our own database and folder.

The only module that imports MLflow, and only when it is needed: that costs seconds. Versions are
addressed by fingerprint, so registering the same model twice changes nothing. Models are files
without pickle, read only through our own allow-list; MLflow runs and experiments are not used.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ml_assets.errors import RegistryMismatch, RegistryUnavailable, UnsafeModel
from ml_assets.learning.artifacts import ALLOWED_TYPES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from sklearn.pipeline import Pipeline

CHAMPION = "champion"
"""Alias of the version that is in use."""

FINGERPRINT, AS_OF, FILE_HASH = "fingerprint", "as_of", "file_sha256"
"""Tags of a version. The hash is in the database, not beside the file that it vouches for."""

MODEL_FILE = "model.skops"
REQUIREMENTS = ("scikit-learn", "skops", "pandas")

ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # MLflow then loads no model at all; we do
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",  # it would take over alembic's and SQLAlchemy's loggers
}
"""What MLflow reads when it is imported."""

LOCK = 0x6D6C666C6F77
"""Key of the advisory lock in Postgres; any number that nobody else uses."""

PAGE = 1000


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a model, as the registry knows it."""

    version: int
    fingerprint: str
    as_of: str


class Registry:
    """Versions of models and the alias of the one in use.

    A model's name is its table name; MLflow allows no slash and shows ``pipeline.noun``.

    Args:
        url: SQLAlchemy URL of MLflow's database, a SQLite file or Postgres. What is missing is
            created at the first use, which takes some seconds.
        artifacts: folder for the model files.
    """

    def __init__(self, url: str, artifacts: Path) -> None:
        self._url = sa.make_url(url)
        self._artifacts = artifacts

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
        """Register a model once; a lost or altered file of a known one is written again.

        Args:
            name: the model's name.
            pipeline: the fitted pipeline.
            fingerprint: what tells it from every other model.
            as_of: day it was trained for.
            example: a few hundred rows of its input columns; only their types are kept.
            predictions: what it predicts for ``example``.
            tags: further things to tell about a new version.

        Returns:
            The version with this fingerprint, whoever registered it.

        Raises:
            RegistryMismatch, RegistryUnavailable: see ``ml_assets.errors``.
            UnsafeModel: the pipeline holds a type outside the allow-list.
        """
        with self._explained():
            _ = self._client  # takes the lock itself when it creates the database
            with self._alone():
                known = self._with_fingerprint(name, fingerprint)
                if known and self._content(name, known) is not None:
                    return int(known.version)
                folder = self._folder(name, fingerprint)
                _save(folder, name, pipeline, example, predictions)
                file_hash = _hash((folder / MODEL_FILE).read_bytes())
                if known:
                    self._client.set_model_version_tag(
                        known.name, str(known.version), FILE_HASH, file_hash
                    )
                    return int(known.version)
                ours = {FINGERPRINT: fingerprint, AS_OF: as_of, FILE_HASH: file_hash}
                return self._create_version(_registered(name), folder, {**tags, **ours})

    def versions(self, name: str) -> list[RegisteredVersion]:
        """All versions of a model, oldest first; none when it was never registered."""
        with self._explained():
            return [_known(version) for version in self._search(name)]

    def set_champion(self, name: str, fingerprint: str) -> int:
        """Put the version with a fingerprint in use, and give its number.

        Raises:
            RegistryMismatch: there is none.
        """
        with self._explained():
            version = self._with_fingerprint(name, fingerprint)
            if version is None:
                raise RegistryMismatch(
                    f"Model {name} has no version with fingerprint {fingerprint}, so it cannot "
                    "become champion. Register it first."
                )
            self._client.set_registered_model_alias(version.name, CHAMPION, str(version.version))
            return int(version.version)

    def champion(self, name: str) -> RegisteredVersion | None:
        """The version in use, or None when none was chosen yet."""
        with self._explained():
            found = self._client.search_registered_models(f"name = '{_registered(name)}'")
            number = found[0].aliases.get(CHAMPION) if found else None
            return None if number is None else _known(self._get(name, int(number)))

    def load(self, name: str, version: int) -> "Pipeline":
        """Load a model's file through the allow-list, if it is the one that was registered.

        Raises:
            RegistryMismatch: there is no such version.
            UnsafeModel: the file is gone, was altered, or holds a type outside the allow-list.
        """
        with self._explained():
            content = self._content(name, self._get(name, version))
        if content is None:
            raise UnsafeModel(
                f"The file of model {name} version {version} is gone or was altered after it was "
                f"registered. It was not loaded. Restore {self._artifacts}, or register the model "
                "again."
            )
        return _load(f"model {name} version {version}", content)

    @cached_property
    def _client(self) -> "MlflowClient":
        """MLflow on a database that is complete: only one process at a time creates it."""
        with self._alone():
            if self._file is None:
                self._create_schema()
            elif not self._file.exists():
                _create_file(self._file)
            self._refuse_foreign_tables()
            return _connect(self._url)

    @cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self._url, poolclass=sa.NullPool)

    @property
    def _file(self) -> Path | None:
        """The database file of SQLite."""
        is_sqlite = self._url.get_backend_name() == "sqlite"
        return Path(str(self._url.database)) if is_sqlite else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only writer; the lock goes when its process ends, however it ends."""
        if self._file is not None:
            import fcntl

            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.with_name(f"{self._file.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        else:
            with self._engine.begin() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                yield

    def _create_version(self, registered: str, folder: Path, tags: Mapping[str, str]) -> int:
        if not self._client.search_registered_models(f"name = '{registered}'"):
            self._client.create_registered_model(registered)
        created = self._client.create_model_version(registered, str(folder), tags=dict(tags))
        return int(created.version)

    def _create_schema(self) -> None:
        """Create the schema that a Postgres URL names, if it names one that is missing."""
        with self._engine.begin() as connection:
            if connection.scalar(sa.func.current_schema()) is None:
                schema = str(connection.scalar(sa.text("SHOW search_path")))
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))

    def _refuse_foreign_tables(self) -> None:
        """Dagster has tables of the same names: MLflow needs a place of its own."""
        tables = sa.inspect(self._engine).get_table_names()
        if tables and "experiments" not in tables:
            raise RegistryMismatch(
                f"The registry's database {self._url.database} holds tables that are not MLflow's "
                f"({', '.join(sorted(tables)[:3])}, …). Nothing was changed. Let "
                "ML_ASSETS_REGISTRY_URL name an empty database, or a schema of its own with "
                "'?options=-csearch_path%3Dmlflow'."
            )

    def _search(self, name: str, fingerprint: str | None = None) -> "list[ModelVersion]":
        """Versions that were registered here, oldest first."""
        query = f"name = '{_registered(name)}'"
        if fingerprint is not None:
            query += f" AND tags.{FINGERPRINT} = '{fingerprint}'"
        page = self._client.search_model_versions(query, max_results=PAGE)
        found = list(page)
        while page.token:
            page = self._client.search_model_versions(query, PAGE, page_token=page.token)
            found += page
        ours = (version for version in found if FINGERPRINT in version.tags)
        return sorted(ours, key=lambda version: int(version.version))

    def _with_fingerprint(self, name: str, fingerprint: str) -> "ModelVersion | None":
        return next(iter(self._search(name, fingerprint)), None)

    def _get(self, name: str, version: int) -> "ModelVersion":
        return self._client.get_model_version(_registered(name), str(version))

    def _folder(self, name: str, fingerprint: str) -> Path:
        return self._artifacts.absolute() / _registered(name) / fingerprint

    def _content(self, name: str, version: "ModelVersion") -> bytes | None:
        """The model file of a version as it was registered, or None."""
        file = self._folder(name, _known(version).fingerprint) / MODEL_FILE
        content = file.read_bytes() if file.is_file() else b""
        return content if _hash(content) == version.tags.get(FILE_HASH) else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the errors of MLflow and of its database into ours."""
        _prepare_mlflow()
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, sa.exc.DatabaseError, OSError) as error:
            raise _our_error(error) from error


def _connect(url: sa.URL) -> "MlflowClient":
    """A client of a database; MLflow brings its tables up to date."""
    from mlflow import MlflowClient

    text = url.render_as_string(hide_password=False)
    return MlflowClient(tracking_uri=text, registry_uri=text)


def _prepare_mlflow() -> None:
    """No pickle, no telemetry, no chatter: before MLflow is imported. Warnings are still shown."""
    os.environ.update(ENVIRONMENT)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _create_file(file: Path) -> None:
    """Make SQLite's database aside: migrations that die halfway could never be finished."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".creating-") as temporary:
        draft, copy = Path(temporary) / "draft.db", Path(temporary) / "copy.db"
        _connect(sa.URL.create("sqlite", database=str(draft)))
        shutil.copyfile(draft, copy)  # MLflow keeps connections to the draft
        copy.replace(file)


def _save(
    folder: Path, name: str, pipeline: "Pipeline", example: pd.DataFrame, predictions: np.ndarray
) -> None:
    """Write a model in MLflow's layout, whole or not at all."""
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        draft = Path(temporary) / "model"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
            signature = infer_signature(example, predictions)
        try:
            mlflow.sklearn.save_model(
                pipeline,
                str(draft),
                serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
                skops_trusted_types=sorted(ALLOWED_TYPES),
                signature=signature,
                pip_requirements=[f"{package}=={installed(package)}" for package in REQUIREMENTS],
            )
        except MlflowException as error:
            raise UnsafeModel(
                f"Model {name} cannot be stored without pickle: {error.message} It was not "
                "registered. Use an estimator whose types are on the allow-list."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)


def _load(what: str, content: bytes) -> "Pipeline":
    import skops.io

    try:
        strangers = set(skops.io.get_untrusted_types(data=content)) - ALLOWED_TYPES
        if not strangers:
            return skops.io.loads(content, trusted=sorted(ALLOWED_TYPES))
    except Exception as error:  # a hostile file can make its reader raise anything
        raise UnsafeModel(
            f"The file of {what} cannot be read ({type(error).__name__}: {error}). Register the "
            "model again."
        ) from error
    raise UnsafeModel(
        f"The file of {what} holds types outside the allow-list: {', '.join(sorted(strangers))}. "
        "It was not loaded."
    )


def _known(version: "ModelVersion") -> RegisteredVersion:
    if FINGERPRINT not in version.tags:
        raise RegistryMismatch(
            f"Version {version.version} of {version.name} has no fingerprint: it was not "
            "registered by this project. Choose another version."
        )
    return RegisteredVersion(
        int(version.version), version.tags[FINGERPRINT], version.tags.get(AS_OF, "")
    )


def _our_error(error: Exception) -> RegistryUnavailable | RegistryMismatch:
    database = error if isinstance(error, sa.exc.DatabaseError) else error.__cause__
    cause = str(getattr(database, "orig", error)).strip().splitlines()[0].rstrip(".")
    if isinstance(database, sa.exc.OperationalError):
        return RegistryUnavailable(
            f"The model registry does not answer: {cause}. Start its database, or correct "
            "ML_ASSETS_REGISTRY_URL."
        )
    if isinstance(error, OSError):
        return RegistryUnavailable(
            f"The model registry's files cannot be used: {cause}. Expected a writable folder with "
            "free space."
        )
    return RegistryMismatch(
        f"The model registry refuses: {cause}. Look which versions it has; register the model "
        "again if it is missing."
    )


def _registered(name: str) -> str:
    return name.replace("/", ".")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
