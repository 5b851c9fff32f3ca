"""Direct access to MLflow's database, for version numbers and file locations.

MLflow's client always assigns the highest number plus one, and cannot change the location of a
version's files. A lookup here does not import MLflow, which takes seconds.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import RegistryMismatch

DELETED = "Deleted_Internal"
"""Stage of a version that was deleted in MLflow; MLflow keeps its row and number."""

_models = sa.table("registered_models", sa.column("name"), sa.column("last_updated_time"))
_versions = sa.table(
    "model_versions",
    *map(
        sa.column,
        (
            "name",
            "version",
            "creation_time",
            "last_updated_time",
            "current_stage",
            "source",
            "storage_location",
            "status",
        ),
    ),
)
_tags = sa.table("model_version_tags", *map(sa.column, ("name", "version", "key", "value")))
_aliases = sa.table("registered_model_aliases", *map(sa.column, ("name", "version", "alias")))


@dataclass(frozen=True)
class Row:
    """A version that was not deleted.

    Attributes:
        name: name of the model in MLflow.
        version: version number.
        tags: key → value.
        source: folder of the files.
        aliases: aliases of the version.
    """

    name: str
    version: int
    tags: Mapping[str, str]
    source: str
    aliases: frozenset[str]


def rows(connection: sa.Connection, name: str | None = None) -> list[Row]:
    """Versions that were not deleted, by name and number.

    Args:
        connection: connection to MLflow's database.
        name: name of the model in MLflow; all models if omitted.

    Returns:
        The versions; none if the database has no tables yet.
    """
    if not sa.inspect(connection).has_table(_versions.name):
        return []

    def select(table: sa.TableClause) -> Iterable[sa.Row[Any]]:
        query = sa.select(table).order_by(table.c.name, table.c.version)
        return connection.execute(query if name is None else query.where(table.c.name == name))

    tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for tag in select(_tags):
        tags[tag.name, tag.version][tag.key] = tag.value
    aliases: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in select(_aliases):
        aliases[row.name, row.version].add(row.alias)
    return [
        Row(
            name=row.name,
            version=row.version,
            tags=tags[row.name, row.version],
            source=row.source or "",
            aliases=frozenset(aliases[row.name, row.version]),
        )
        for row in select(_versions)
        if row.current_stage != DELETED
    ]


def highest(connection: sa.Connection, name: str) -> int:
    """The highest version number of a model, including deleted versions; 0 for none."""
    query = sa.select(sa.func.max(_versions.c.version)).where(_versions.c.name == name)
    return connection.scalar(query) or 0


def add(
    connection: sa.Connection, name: str, version: int, source: str, tags: Mapping[str, str]
) -> None:
    """Add a version with a given number.

    Raises:
        RegistryMismatch: another version has the number.
    """
    _release_number(connection, name, version)
    now = int(time.time() * 1000)
    row = {
        "name": name,
        "version": version,
        "creation_time": now,
        "last_updated_time": now,
        "current_stage": "None",
        "source": source,
        "storage_location": source,
        "status": "READY",
    }
    connection.execute(sa.insert(_versions), row)
    connection.execute(
        sa.insert(_tags),
        [
            {"name": name, "version": version, "key": key, "value": value}
            for key, value in tags.items()
        ],
    )
    touched = sa.update(_models).where(_models.c.name == name)
    connection.execute(touched.values(last_updated_time=now))


def renumber(connection: sa.Connection, name: str, old: int, new: int) -> None:
    """Change the number of a version, its aliases and its tags.

    Raises:
        RegistryMismatch: another version has the number.
    """
    _release_number(connection, name, new)
    for table in (_versions, _tags, _aliases):  # SQLite does not cascade to the tags
        of_version = sa.and_(table.c.name == name, table.c.version == old)
        connection.execute(sa.update(table).where(of_version).values(version=new))


def relocate(
    connection: sa.Connection,
    folder_of: Callable[[str, str], Path],
    fingerprint_tag: str,
    *,
    is_shared: bool,
) -> int:
    """Correct the file locations of versions after their folder was moved.

    Args:
        connection: connection to MLflow's database.
        folder_of: (name, fingerprint) of a model → current folder of its files.
        fingerprint_tag: tag of the versions that this project registered.
        is_shared: whether several machines use the database, with the files in different places;
            then a location that exists on this machine is kept.

    Returns:
        Number of corrected versions.
    """
    ours = [row for row in rows(connection) if fingerprint_tag in row.tags]
    folders = [(row, folder_of(row.name, row.tags[fingerprint_tag])) for row in ours]
    moved = [
        (row, str(folder))
        for row, folder in folders
        if row.source != str(folder)
        and folder.exists()
        and not (is_shared and Path(row.source).exists())
    ]
    for row, folder in moved:
        of_version = sa.and_(_versions.c.name == row.name, _versions.c.version == row.version)
        corrected = sa.update(_versions).where(of_version)
        connection.execute(corrected.values(source=folder, storage_location=folder))
    return len(moved)


def _release_number(connection: sa.Connection, name: str, version: int) -> None:
    """Remove the row of a deleted version, so that its number can be used."""
    of_version = sa.and_(_versions.c.name == name, _versions.c.version == version)
    stage = connection.scalar(sa.select(_versions.c.current_stage).where(of_version))
    if stage is None:
        return
    if stage != DELETED:
        raise RegistryMismatch(
            f"Version {version} of {name} in the registry is not the model with this number. "
            "Nothing was registered. Open MLflow's page with 'make mlflow', delete that version "
            "there, and materialize the release again."
        )
    tagged = sa.and_(_tags.c.name == name, _tags.c.version == version)
    connection.execute(sa.delete(_tags).where(tagged))
    connection.execute(sa.delete(_versions).where(of_version))
