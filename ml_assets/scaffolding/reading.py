"""Where the rows of a new pipeline come from: a file or a database table, read as it will be extracted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ml_assets.database_url import is_database
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.settings import SOURCE_DATABASE, SOURCE_FILES
from ml_assets.sources.connections import Connections, SourceSpecification
from ml_assets.sources.file_names import FORMATS, FilePattern

MAX_ROWS = 2_000_000
"""Rows of a table that a proposal is made from; they are all read into memory."""


@dataclass(frozen=True)
class Origin:
    """A table of a source system, as a ``defs.yaml`` names it.

    Attributes:
        connection: name of its connection.
        kind: ``files`` or ``table``.
        name: pattern of the files, or name of the database table.
    """

    connection: str
    kind: str
    name: str

    @property
    def specification(self) -> SourceSpecification:
        """What is read."""
        if self.kind == "files":
            return SourceSpecification(self.connection, files=FilePattern(self.name))
        return SourceSpecification(self.connection, table=self.name)

    @property
    def is_default(self) -> bool:
        """Whether a ``defs.yaml`` need not name the connection."""
        return self.connection == (SOURCE_FILES if self.kind == "files" else SOURCE_DATABASE)


def origin(text: str, connection: str | None, urls: Mapping[str, str]) -> Origin:
    """The table that a user names.

    Args:
        text: path of a file, or name of a database table.
        connection: name of the table's connection; the source database when omitted.
        urls: connection → its URL or folder.

    Raises:
        ConfigurationError: no connection reaches the file.
    """
    file = Path(text)
    if file.suffix not in FORMATS:
        if file.is_file():
            known = ", ".join(FORMATS)
            raise ConfigurationError(f"'{text}' is no {known} file. Convert it to one of these.")
        return Origin(connection or SOURCE_DATABASE, "table", text)
    if connection and not file.is_file():
        return Origin(connection, "files", text)
    folders = {name: Path(url) for name, url in urls.items() if not is_database(url)}
    for name, folder in folders.items():
        found = file if file.is_file() else folder / text
        if found.is_file() and found.resolve().is_relative_to(folder.resolve()):
            return Origin(name, "files", str(found.resolve().relative_to(folder.resolve())))
    if file.is_file():
        raise ConfigurationError(
            f"No connection reaches {text}. Add its folder to .env, then run the command again: "
            f"echo 'ML_ASSETS_CONNECTIONS__MY_FILES={file.resolve().parent}' >> .env"
        )
    files = [path.name for path in folders[SOURCE_FILES].glob("*") if path.suffix in FORMATS]
    raise ConfigurationError(
        f"There is no file {text}, here or in {folders[SOURCE_FILES]}.{suggestion(text, files)} "
        "Correct --from."
    )


def rows_of(found: Origin, urls: Mapping[str, str]) -> pd.DataFrame:
    """All raw rows of a table.

    Raises:
        ConfigurationError: it has no rows, too many, or values that are no UTF-8 text.
        MLAssetsError: it cannot be read.
    """
    source = Connections(urls).source(found.specification)
    if found.kind == "files" and (count := _lines(urls[found.connection], found)) > MAX_ROWS:
        raise too_many(count)
    rows = source.snapshot()
    if rows.empty:
        raise ConfigurationError(f"'{found.name}' has no rows. Give a table with history.")
    if len(rows) > MAX_ROWS:
        raise too_many(len(rows))
    for name in rows.columns:
        if any(isinstance(value, bytes) for value in rows[name]):
            raise ConfigurationError(
                f"Column '{name}' of '{found.name}' is not UTF-8. Convert the file: "
                f"iconv -f latin1 -t utf-8 {found.name} > utf8_{Path(found.name).name}"
            )
    return rows


def too_many(count: int) -> ConfigurationError:
    """The error for a table that is too large to propose a pipeline from."""
    return ConfigurationError(
        f"The table has {count:,} rows, at most {MAX_ROWS:,} can be looked at. Make the pipeline from "
        "a file with its newest rows, then change 'files' or 'table' in defs.yaml."
    )


def _lines(url: str, found: Origin) -> int:
    """Rows of a local file, counted without reading values; 0 for one elsewhere."""
    import pyarrow.parquet

    file = Path(url) / found.name
    if not file.is_file():
        return 0
    if file.suffix == ".parquet":
        with file.open("rb") as stream:
            if stream.read(4) != b"PAR1":
                return 0
        return int(pyarrow.parquet.read_metadata(file).num_rows)
    with file.open("rb") as stream:
        return sum(part.count(b"\n") for part in iter(lambda: stream.read(2**20), b""))
