"""Provenance of ledger entries: the run, the commit, the libraries, the code.

It is written in the same step as the rows, never deleted, and read without Dagster. ``ledger``
records the input days; the package ``lineage`` evaluates both.
"""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sqlalchemy as sa

from ml_assets.ledger.database import LedgerDatabase, create_missing
from ml_assets.ledger.rows import insert_missing
from ml_assets.provenance.code import Code
from ml_assets.settings import settings

LIBRARIES = (
    "dagster",
    "deltalake",
    "fairlearn",
    "joblib",
    "lightgbm",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
    "treelite",
    "xgboost",
    "xgboost-cpu",
)
"""Libraries whose version can change a result."""

PYTHON = "python"
"""Key of the interpreter's version among the libraries."""

Column = tuple[str, str]
"""A table and one of its columns."""

ANY = "*"
"""Stands for every column of an input, where a contract does not declare which ones are read."""


@dataclass(frozen=True)
class Environment:
    """Code and libraries of a process.

    Attributes:
        commit: git commit of the checkout; empty outside of one.
        is_dirty: whether code of the checkout differed from that commit.
        libraries: library or ``python`` → version.
    """

    commit: str
    is_dirty: bool
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """A run that wrote rows or models.

    Attributes:
        run_id: Dagster's run ID.
        environment: its code and libraries.
        recorded_at: time of its first write, UTC.
    """

    run_id: str
    environment: Environment
    recorded_at: datetime


_metadata = sa.MetaData()

_runs = sa.Table(
    "provenance_runs",
    _metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("git_commit", sa.String(40), nullable=False),
    sa.Column("is_dirty", sa.Boolean, nullable=False),
    sa.Column("libraries", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
)

_codes = sa.Table(
    "provenance_codes",
    _metadata,
    sa.Column("code_version", sa.String(64), primary_key=True),
    sa.Column("modules", sa.Text, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
)

_columns = sa.Table(
    "provenance_columns",
    _metadata,
    sa.Column("table_name", sa.String(200), primary_key=True),
    sa.Column("column_name", sa.String(200), primary_key=True),
    sa.Column("made_from", sa.Text, nullable=False),
)


class Provenance(LedgerDatabase):
    """Runs, code versions and column lineage.

    Args:
        url: SQLAlchemy URL of the ledger's database; the tables are created when they are missing.
    """

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, _create_tables)

    def record_run(self, run_id: str, environment: Environment | None = None) -> None:
        """Record the environment of a run, by default this process's, unless it is recorded."""
        environment = environment or environment_of_process()
        run = {
            "run_id": run_id,
            "git_commit": environment.commit,
            "is_dirty": environment.is_dirty,
            "libraries": json.dumps(environment.libraries, sort_keys=True),
            "recorded_at": datetime.now(UTC).replace(tzinfo=None),
        }
        with self._transaction() as connection:
            insert_missing(connection, _runs, [run])

    def record_code(self, code: Code) -> None:
        """Record a code version, unless it is recorded."""
        row = {
            "code_version": code.version,
            "modules": json.dumps(code.modules, sort_keys=True),
            "parameters": json.dumps(code.parameters, sort_keys=True),
        }
        with self._transaction() as connection:
            insert_missing(connection, _codes, [row])

    def record_columns(self, table: str, column_inputs: Mapping[str, Sequence[Column]]) -> None:
        """Record the input columns of a table's columns, replacing recorded ones that differ."""
        rows = [
            {
                "table_name": table,
                "column_name": name,
                "made_from": json.dumps(sorted(sources)),
            }
            for name, sources in column_inputs.items()
        ]
        query = sa.select(_columns).where(_columns.c.table_name == table)
        with self._transaction() as connection:
            recorded = [dict(row) for row in connection.execute(query).mappings()]
        if sorted(recorded, key=_by_column) == sorted(rows, key=_by_column):
            return
        with self._transaction() as connection:
            connection.execute(sa.delete(_columns).where(_columns.c.table_name == table))
            if rows:
                connection.execute(sa.insert(_columns), rows)

    def run(self, run_id: str) -> Run | None:
        """The record of a run; None when it was not recorded."""
        with self._transaction() as connection:
            row = connection.execute(sa.select(_runs).where(_runs.c.run_id == run_id)).first()
        if row is None:
            return None
        environment = Environment(row.git_commit, row.is_dirty, json.loads(row.libraries))
        return Run(row.run_id, environment, row.recorded_at)

    def code(self, code_version: str) -> Code | None:
        """The modules and parameters of a code version; None when it was not recorded."""
        query = sa.select(_codes).where(_codes.c.code_version == code_version)
        with self._transaction() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Code(row.code_version, json.loads(row.modules), json.loads(row.parameters))

    def columns(self) -> dict[Column, list[Column]]:
        """Column → its direct input columns, for all recorded tables."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(_columns)).all()
        return {
            (row.table_name, row.column_name): [
                (table, column) for table, column in json.loads(row.made_from)
            ]
            for row in rows
        }


@cache
def environment_of_process() -> Environment:
    """Code and libraries of this process."""
    package = Path(__file__).parents[1]
    is_checkout = _is_tracked(package)
    commit = _git(package, "rev-parse", "HEAD") if is_checkout else settings().commit
    changes = _git(package, "status", "--porcelain", "--", ".") if is_checkout else ""
    libraries = {name: found for name in LIBRARIES if (found := _version(name))}
    return Environment(commit, bool(changes), {PYTHON: platform.python_version(), **libraries})


def _is_tracked(package: Path) -> bool:
    """Whether the package is tracked by the checkout around it, not only installed inside one."""
    return bool(_git(package, "ls-files", "--", "__init__.py", "errors.py"))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _by_column(row: Mapping[str, object]) -> str:
    return str(row["column_name"])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _create_tables(connection: sa.Connection) -> None:
    create_missing(connection, _metadata)
