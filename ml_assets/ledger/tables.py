"""Tables of the ledger's database, and their format."""

import shlex
import uuid
from pathlib import Path

import sqlalchemy as sa

from ml_assets.content import KEY_LENGTH
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.database import create_missing

FORMAT = 2
"""Format number; increased when ledgers of earlier versions can no longer be used."""

metadata = sa.MetaData()

meta = sa.Table(
    "ledger_meta",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(40), nullable=False),
    sa.Column("format", sa.Integer, nullable=False),
)
"""One row: the ID, which the lake has as well, and the format."""

entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("day", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("dead_letters", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("code_version", sa.String(64), nullable=False),
    sa.Column("inputs_hash", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("written_at", sa.DateTime, nullable=False),
    sa.Column("schema_hash", sa.String(64), nullable=False),
    sa.Column("is_final", sa.Boolean, nullable=False),
    sa.Index("ledger_entries_of_day", "table_name", "day", "id"),
)

reads = sa.Table(
    "ledger_reads",
    metadata,
    sa.Column("entry_id", sa.Integer, nullable=False, index=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("day", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("is_pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ledger_reads_of_day", "table_name", "day"),
)

schemas = sa.Table(
    "ledger_schemas",
    metadata,
    sa.Column("schema_hash", sa.String(64), primary_key=True),
    sa.Column("columns", sa.Text, nullable=False),
)
"""Columns and dtypes of stored days, as JSON."""

files = sa.Table(
    "ledger_files",
    metadata,
    sa.Column("table_name", sa.String(200), primary_key=True),
    sa.Column("day", sa.String(KEY_LENGTH), primary_key=True),
    sa.Column("content_hash", sa.String(64), primary_key=True),
    sa.Column("files", sa.String(64), primary_key=True),
)
"""Verified files of each day, with their content hash."""


def create_tables(connection: sa.Connection) -> None:
    """Create missing tables, and set the ID of a new ledger.

    Raises:
        ConfigurationError: the ledger has another format.
    """
    existing = sa.inspect(connection).get_table_names()
    if entries.name in existing and meta.name not in existing:
        raise _other_format("an earlier", connection.engine.url)
    # ledger_meta first: a ledger that has entries but no ledger_meta has an earlier format
    connection.execute(sa.schema.CreateTable(meta, if_not_exists=True))
    found = connection.execute(sa.select(meta)).first()
    if found is None:
        new = {"number": 1, "id": uuid.uuid4().hex, "format": FORMAT}
        connection.execute(sa.insert(meta).values(new))
    elif found.format != FORMAT:
        raise _other_format("another", connection.engine.url)
    create_missing(connection, metadata)


def rebuild_commands(url: sa.URL) -> str:
    """Commands that empty a data folder and fill it again.

    'make clean' empties ``data/`` of the checkout only, and keeps what is committed there.

    Args:
        url: URL of the ledger; for SQLite, its folder is the data folder.
    """
    is_file = url.get_backend_name() == "sqlite" and url.database
    data = Path(str(url.database)).absolute().parent if is_file else Path("data").absolute()
    is_of_checkout = data == Path("data").absolute() and Path("Makefile").exists()
    clean = "make clean" if is_of_checkout else f"rm -r {shlex.quote(str(data))}"
    return f"'{clean}' and then 'make demo'"


def _other_format(which: str, url: sa.URL) -> ConfigurationError:
    return ConfigurationError(
        f"The data folder was written by {which} version of this project, in a format that is no "
        "longer supported. Nothing was changed. To rebuild it from the source, run "
        f"{rebuild_commands(url)} (in production: set ML_ASSETS_DATA, ML_ASSETS_LAKE and "
        "ML_ASSETS_POSTGRES_URL to empty locations and materialize the tables)."
    )
