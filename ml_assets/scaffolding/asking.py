"""From what a user types to a proposal."""

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from ml_assets.cadence import Cadence
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.scaffolding.pipeline import Proposal, Request, Task
from ml_assets.scaffolding.proposal import propose
from ml_assets.scaffolding.reading import origin, rows_of


def asked(
    *,
    name: str,
    target: str,
    time: str | None,
    entity: Sequence[str],
    cadence: str | None,
    task: str | None,
    exclude: Sequence[str],
    allow: Sequence[str],
) -> Request:
    """A request from texts.

    Raises:
        ConfigurationError: the cadence or the task is none.
    """
    _refuse("--cadence", cadence, [*Cadence])
    _refuse("--task", task, get_args(Task))
    return Request(
        name=name,
        target=target,
        time=time,
        entity=entity,
        cadence=Cadence(cadence) if cadence else None,
        task=cast("Task | None", task),
        exclude=exclude,
        allow=allow,
    )


def proposed(
    request: Request, table: str, connection: str | None, urls: Mapping[str, str]
) -> Proposal:
    """A pipeline for a table that is named by a text.

    Args:
        request: what the user says.
        table: path of a file, or name of a database table.
        connection: name of its connection, if it is not the default one.
        urls: connection → its URL or folder.

    Raises:
        MLAssetsError: there is no such table, or no pipeline suits it.
    """
    found = origin(table, connection, urls)
    return propose(rows_of(found, urls), request, found)


def _refuse(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise ConfigurationError(
            f"{option} is '{value}', expected one of {', '.join(known)}.{suggestion(value, known)}"
        )
