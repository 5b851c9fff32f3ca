"""MLflow's database: how it comes into being, who may write, and its errors in our words.

MLflow is imported only when it is needed: that costs seconds.
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

from ml_assets.errors import RegistryMismatch, RegistryUnavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # MLflow then loads no model at all; we do
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",  # a kept connection outlives a deleted file
    "MLFLOW_CONFIGURE_LOGGING": "false",  # it would take over alembic's and SQLAlchemy's loggers
}
"""What MLflow reads when it is imported."""

LOCK = 0x6D6C666C6F77
"""Key of the advisory lock in Postgres; any number that nobody else uses."""


class RegistryDatabase:
    """A database for MLflow, a SQLite file or Postgres; what is missing is created at first use.

    Args:
        url: where it is.
    """

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        if self._file is not None:  # another process may have another working directory
            self.url = url.set(database=str(self._file.absolute()))

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow on a database that is complete: only one process at a time creates it."""
        with self.alone():
            if self._file is None:
                self._create_schema()
            elif not self._file.exists():
                _create_file(self._file)
            self._refuse_foreign_tables()
            return _connect(self.url)

    @contextmanager
    def alone(self) -> Iterator[None]:
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

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction on a database that is there."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """A connection; None when the database file is not there, as opening would create it."""
        if self._file is not None and not self._file.exists():
            yield None
        else:
            with self._engine.connect() as connection:
                yield connection

    @property
    def is_file(self) -> bool:
        """Whether the database is a file, which lies beside the models' files."""
        return self._file is not None

    @cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self.url, poolclass=sa.NullPool)

    @property
    def _file(self) -> Path | None:
        """The database file of SQLite."""
        is_sqlite = self.url.get_backend_name() == "sqlite"
        return Path(str(self.url.database)) if is_sqlite else None

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
                f"The registry's database {self.url.database} holds tables that are not MLflow's "
                f"({', '.join(sorted(tables)[:3])}, …). Nothing was changed. Let "
                "ML_ASSETS_REGISTRY_URL name an empty database, or a schema of its own with "
                "'?options=-csearch_path%3Dmlflow'."
            )


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors of MLflow and of its database into ours."""
    prepare_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, sa.exc.DatabaseError, OSError) as error:
        raise _our_error(error) from error


@contextmanager
def database_explained() -> Iterator[None]:
    """Turn the errors of its database into ours, where MLflow itself is not used."""
    try:
        yield
    except (sa.exc.DatabaseError, OSError) as error:
        raise _our_error(error) from error


def prepare_mlflow() -> None:
    """No pickle, no telemetry, no chatter: before MLflow is imported. Warnings are still shown."""
    os.environ.update(ENVIRONMENT)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _connect(url: sa.URL) -> "MlflowClient":
    """A client of a database; MLflow brings its tables up to date."""
    from mlflow import MlflowClient

    text = url.render_as_string(hide_password=False)
    return MlflowClient(tracking_uri=text, registry_uri=text)


def _create_file(file: Path) -> None:
    """Make SQLite's database aside: migrations that die halfway could never be finished."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".creating-") as temporary:
        draft, copy = Path(temporary) / "draft.db", Path(temporary) / "copy.db"
        _connect(sa.URL.create("sqlite", database=str(draft)))
        shutil.copyfile(draft, copy)  # MLflow keeps connections to the draft
        copy.replace(file)


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
