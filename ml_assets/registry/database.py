"""MLflow's database: creation, write lock, and translation of its errors.

MLflow is imported on demand, as its import takes seconds.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ml_assets.errors import RegistryMismatch, RegistryUnavailable, sentence

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # models are loaded by ModelStore, not MLflow
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",  # a kept connection outlives a deleted file
    "MLFLOW_CONFIGURE_LOGGING": "false",  # it would configure alembic's and SQLAlchemy's loggers
}
"""Environment variables that MLflow reads when it is imported."""

LOCK = 0x6D6C666C6F77
"""Key of the advisory lock in Postgres; an arbitrary unique number."""


class RegistryDatabase:
    """A database for MLflow, a SQLite file or Postgres; created at first use.

    Args:
        url: URL of the database.
    """

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        if self._file is not None:  # another process may have another working directory
            self.url = url.set(database=str(self._file.absolute()))

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client; creates the database under the lock if it is missing."""
        with self.locked():
            if self._file is None:
                self._create_schema()
            elif not self._file.exists():
                _create_file(self._file)
            self._refuse_foreign_tables()
            return _connect(self.url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock; it is released when the process ends, even if it is killed."""
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

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction on an existing database."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """A connection; None if the database file does not exist, as opening would create it."""
        if self._file is not None and not self._file.exists():
            yield None
        else:
            with self._engine.connect() as connection:
                yield connection

    @property
    def is_file(self) -> bool:
        """Whether the database is a SQLite file, which is stored beside the models' files."""
        return self._file is not None

    @cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self.url, poolclass=sa.NullPool)

    @property
    def _file(self) -> Path | None:
        """The SQLite file; None for Postgres."""
        is_sqlite = self.url.get_backend_name() == "sqlite"
        return Path(str(self.url.database)) if is_sqlite else None

    def _create_schema(self) -> None:
        """Create the schema in a Postgres URL, if it is missing."""
        with self._engine.begin() as connection:
            if connection.scalar(sa.func.current_schema()) is None:
                schema = str(connection.scalar(sa.text("SHOW search_path")))
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))

    def _refuse_foreign_tables(self) -> None:
        """Refuse a database with other tables; Dagster and MLflow have tables of the same names."""
        tables = sa.inspect(self._engine).get_table_names()
        if tables and "experiments" not in tables:
            raise RegistryMismatch(
                f"The registry's database {self.url.database} contains tables that are not "
                f"MLflow's ({', '.join(sorted(tables)[:3])}, …). Nothing was changed. Set "
                "ML_ASSETS_REGISTRY_URL to an empty database, or to a separate schema with "
                "'?options=-csearch_path%3Dmlflow'."
            )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of MLflow and its database into errors of this project."""
    prepare_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, sa.exc.DatabaseError, OSError) as error:
        raise _translated(error) from error


@contextmanager
def translated_database_errors() -> Iterator[None]:
    """Translate errors of the database, without importing MLflow."""
    try:
        yield
    except (sa.exc.DatabaseError, OSError) as error:
        raise _translated(error) from error


def prepare_mlflow() -> None:
    """Disable MLflow's pickle, telemetry and info logs; has to run before MLflow is imported."""
    os.environ.update(ENVIRONMENT)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _connect(url: sa.URL) -> "MlflowClient":
    """A client of a database; MLflow creates and migrates its tables."""
    from mlflow import MlflowClient

    text = url.render_as_string(hide_password=False)
    return MlflowClient(tracking_uri=text, registry_uri=text)


def _create_file(file: Path) -> None:
    """Create a SQLite database atomically; an interrupted migration could not be resumed."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".creating-") as temporary:
        draft, copy = Path(temporary) / "draft.db", Path(temporary) / "copy.db"
        _connect(sa.URL.create("sqlite", database=str(draft)))
        shutil.copyfile(draft, copy)  # MLflow keeps connections to the draft open
        copy.replace(file)


def _translated(error: Exception) -> RegistryUnavailable | RegistryMismatch:
    database = error if isinstance(error, sa.exc.DatabaseError) else error.__cause__
    cause = str(getattr(database, "orig", error)).strip().splitlines()[0]
    if isinstance(database, sa.exc.OperationalError):
        return RegistryUnavailable(
            f"The model registry is not reachable: {sentence(cause)} Start its database, or correct "
            "ML_ASSETS_REGISTRY_URL."
        )
    if isinstance(error, OSError):
        return RegistryUnavailable(
            f"The model registry's files cannot be used: {sentence(cause)} Expected a writable folder with "
            "free space."
        )
    return RegistryMismatch(
        f"The model registry reports an error: {sentence(cause)} Check its versions with 'make mlflow'; "
        "register the model again if it is missing."
    )
