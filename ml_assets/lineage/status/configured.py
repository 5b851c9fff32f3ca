"""Changes of a model's configuration since its champion was trained."""

from collections.abc import Mapping
from typing import Any

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.specification import ENSEMBLE, ModelSpecification
from ml_assets.lineage.changes import changes
from ml_assets.lineage.recorded import recorded_day
from ml_assets.lineage.reproduction.recipes import parameters_of
from ml_assets.provenance.code import as_json

OF_RULES, OF_ESTIMATOR = "hyperparameters.ensemble.", "hyperparameters."
"""Beginnings of names of parameters that are left out: people know the section without them."""


def changed_configuration(
    lake: Lake, table: str, champion: Mapping[Any, Any], now: ModelSpecification
) -> list[str]:
    """Parameters of a model that differ from those of its champion, in words.

    Args:
        lake: the lake with the champion's records.
        table: table of the models.
        champion: the row of the champion.
        now: the model as it is configured.

    Returns:
        Nothing if it is not recorded how the champion was trained.
    """
    try:
        found = recorded_day(
            lake, table, champion[DAY], lambda one: one.content_hash == champion["fingerprint"]
        )
        then = ModelSpecification.from_record(parameters_of(found.code) if found.code else {})
        differing = changes(_parameters(then), _parameters(now))
    except (LakeMismatch, KeyError, TypeError, ValueError):
        return []
    return [one.described.removeprefix(OF_RULES).removeprefix(OF_ESTIMATOR) for one in differing]


def _parameters(specification: ModelSpecification) -> dict[str, Any]:
    """The parameters, of an ensemble's rules with all defaults, which older records may lack."""
    found: dict[str, Any] = as_json(specification)
    if specification.estimator == ENSEMBLE:
        arguments = found["hyperparameters"]
        rules = EnsembleRules.model_validate(arguments["ensemble"]).record()
        found["hyperparameters"] = {**arguments, "ensemble": rules}
    return found
