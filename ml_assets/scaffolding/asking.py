"""From what a user types to a pipeline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from ml_assets.cadence import Cadence
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.scaffolding.files import refuse_existing, rendered, write
from ml_assets.scaffolding.naming import refuse_name
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
    request: Request, table: str, connection: str | None, urls: Mapping[str, str], root: Path
) -> Proposal:
    """Propose a pipeline for a table; nothing is written yet.

    Args:
        request: what the user says.
        table: path of a file, or name of a database table.
        connection: name of its connection, if it is not the default one.
        urls: connection → its URL or folder.
        root: folder of the project.

    Raises:
        MLAssetsError: the name is taken, there is no such table, or no pipeline suits it.
    """
    refuse_name(request.name)
    refuse_existing(request.name, root)
    found = origin(table, connection, urls)
    return propose(rows_of(found, urls), request, found)


def written(proposal: Proposal, root: Path) -> list[str]:
    """Write the files of a pipeline, all at once or not at all.

    Args:
        proposal: the pipeline.
        root: folder of the project.

    Returns:
        Paths of the files below the project.

    Raises:
        ConfigurationError: files of that name exist.
    """
    texts = rendered(proposal)
    write(texts, proposal.name, root)
    return list(texts)


def _refuse(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise ConfigurationError(
            f"{option} is '{value}', expected one of {', '.join(known)}.{suggestion(value, known)}"
        )
