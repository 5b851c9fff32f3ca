"""The named connections of a project, and the sources that tables read through them."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_assets.database_url import is_database
from ml_assets.errors import ConfigurationError
from ml_assets.names import unknown
from ml_assets.settings import variable_of
from ml_assets.sources.clock import Clock
from ml_assets.sources.database import SourceDatabase
from ml_assets.sources.database_table import DatabaseTable
from ml_assets.sources.file_names import FilePattern
from ml_assets.sources.file_store import FileStore
from ml_assets.sources.files import SourceFiles
from ml_assets.sources.source import Source


@dataclass(frozen=True)
class SourceSpecification:
    """The source of one table; one of ``table``, ``query`` and ``files`` is given.

    Attributes:
        connection: name of the connection.
        table: name of a database table, with its schema before a dot if it is not the default one.
        query: a SELECT.
        files: a pattern of file paths.
        clock: the time column; None if file names determine the partition, or for a snapshot.
    """

    connection: str
    table: str | None = None
    query: str | None = None
    files: FilePattern | None = None
    clock: Clock | None = None


@dataclass(frozen=True)
class Connections:
    """Named databases and folders.

    Attributes:
        urls: name → SQLAlchemy URL, folder, or URL of a folder in an object store.
    """

    urls: Mapping[str, str]

    def source(self, wanted: SourceSpecification) -> Source:
        """The source of a table; nothing is opened yet.

        Raises:
            ConfigurationError: there is no such connection, or it is of the other kind.
        """
        name = wanted.connection
        if name not in self.urls:
            error = unknown("connection", name, self.urls)
            raise ConfigurationError(f"{error} A connection is set by {variable_of(name)} in .env.")
        url, variable = self.urls[name], variable_of(name)
        is_for_files = wanted.files is not None
        if is_database(url) == is_for_files:
            has, needs = ("a database", "a folder") if is_for_files else ("a folder", "a database")
            raise ConfigurationError(
                f"Connection '{name}' is {has}, but {'files' if is_for_files else 'a table or query'} "
                f"need{'' if is_for_files else 's'} {needs}. Correct 'connection' in defs.yaml, or "
                f"{variable}."
            )
        if wanted.files is not None:
            return SourceFiles(FileStore(url, variable), wanted.files, wanted.clock)
        database = SourceDatabase(url, variable)
        return DatabaseTable(database, wanted.table, wanted.query, wanted.clock)

    def refuse_unusable(self, key: str, wanted: SourceSpecification) -> None:
        """Refuse a table whose source cannot be made; nothing is opened.

        Args:
            key: the table's asset key.
            wanted: what is read for it.

        Raises:
            ConfigurationError: there is no such connection, or it is of the other kind.
        """
        try:
            self.source(wanted)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{key} is not usable: 'connection' is '{wanted.connection}'. {error}"
            ) from error
