"""Placeholders for invalid documents in ``defs/``, so that other pipelines load and run."""

import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
from pydantic import ValidationError

from ml_assets.configuration.days import Days
from ml_assets.content import digest
from ml_assets.orchestration.assets.tables import BROKEN_KEY
from ml_assets.orchestration.partitions import partitions

log = logging.getLogger(__name__)

BROKEN_FOLDER = "broken_folder"
"""Second part of the key of the asset that stands for a folder."""


class Broken(dg.Component):
    """An asset in place of a template that could not be read or built; running it fails.

    Args:
        template: name of the template.
        attributes: attributes in its ``defs.yaml``.
        problem: the error, with file and key.
    """

    def __init__(self, template: str, attributes: Mapping[str, Any], problem: str) -> None:
        self.template = template
        self.attributes = attributes
        self.problem = problem

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """An asset that fails with the problem."""
        del context
        name = key_of(self.template, self.attributes)
        return broken_asset(name, self.problem, _days_of(self.attributes))


def broken_folder(name: str, problem: str) -> dg.Definitions:
    """An asset in place of a folder in ``defs/`` whose files cannot be read.

    Args:
        name: name of the folder.
        problem: the error.
    """
    return broken_asset(f"{name}/{BROKEN_FOLDER}", f"{name}/ in defs/ cannot be loaded: {problem}")


@cache
def broken_asset(
    name: str, problem: str, days: dg.PartitionsDefinition | None = None
) -> dg.Definitions:
    """An asset that fails with a problem; one and the same for two documents with one problem.

    Args:
        name: name of its table.
        problem: the error.
        days: its partitions.
    """
    log.error(f"{name} is broken: {problem}")

    @dg.asset(
        key=name.split("/"),
        description=f"BROKEN, so it is not computed. {problem}",
        group_name=f"{name.partition('/')[0]}__broken",
        partitions_def=days,
        metadata={BROKEN_KEY: problem},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def broken() -> None:
        raise dg.Failure(problem, allow_retries=False)

    return dg.Definitions(assets=[broken])


def last_cause(error: BaseException) -> BaseException:
    """What first went wrong, of an error that others wrap."""
    while error.__cause__:
        error = error.__cause__
    return error


def key_of(template: str, attributes: Mapping[str, Any]) -> str:
    """Asset key of the table that a document defines, or a placeholder key for several assets."""
    if isinstance(key := attributes.get("key"), str) and re.fullmatch(r"\w+/\w+", key, re.ASCII):
        return key
    named = attributes.get("pipeline") or attributes.get("name") or digest(repr(attributes))
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', str(named))}/broken_{template}"


def _days_of(attributes: Mapping[str, Any]) -> dg.PartitionsDefinition | None:
    """The days of a table if they are valid, because downstream tables map their days to them."""
    try:
        return partitions(Days.model_validate(attributes.get("days")))
    except ValidationError:
        return None
