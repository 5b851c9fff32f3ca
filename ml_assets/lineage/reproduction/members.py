"""Making a recorded model again: an ensemble is composed of its members, which are made again first."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets import nouns
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.ensembles.members import composed
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.specification import ENSEMBLE, ModelSpecification
from ml_assets.learning.training import FittedModel, train
from ml_assets.ledger.entries import Read
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.recorded import ModelReference, RecordedModel, recorded_model
from ml_assets.lineage.reproduction.rebuild import Fit, rebuild, recorded_input
from ml_assets.lineage.reproduction.recipes import Recipe, changed_modules, recipe_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Members = Mapping[str, tuple[ModelSpecification, "Pipeline"]]
"""Member → what it was trained by, and its fitted pipeline."""

STORED = "member/model"


def fit_of(lake: Lake, recorded: RecordedModel, recipe: Recipe) -> Fit:
    """The function that rebuilds a recorded model from its dataset.

    Args:
        lake: the lake with its inputs, and those of its members.
        recorded: the model.
        recipe: its recorded specifications.

    Raises:
        LakeMismatch: a member cannot be made again as it was.
    """
    if recipe.model.estimator != ENSEMBLE:
        return train
    rules = EnsembleRules.model_validate(recipe.model.hyperparameters["ensemble"])
    reads = {read.table: read for read in recorded.model.entry.reads}
    members = {
        name: _made_again(lake, name, member.pipeline, reads)
        for name, member in rules.members.items()
    }
    return partial(_composed, members={name: _stored(one) for name, one in members.items()})


def _stored(model: FittedModel) -> tuple[ModelSpecification, "Pipeline"]:
    """A model as its file has it, from which ensembles are composed."""
    with TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.save(STORED, model)
        found = store.load(STORED, model.fingerprint, model.specification)
    return found.specification, found.pipeline


def _composed(
    specification: ModelSpecification, dataset: pd.DataFrame, *, members: Members
) -> FittedModel:
    return composed(specification, members, dataset)


def _made_again(lake: Lake, name: str, of: str, reads: Mapping[str, Read]) -> FittedModel:
    """The model of a member, fitted again on its own dataset."""
    tables = pipeline(of)
    read = reads[tables.table(nouns.MODEL)]
    recorded = recorded_model(lake, tables, ModelReference(None, read.day, read.content_hash))
    dataset, model = recorded.dataset, recorded.model
    code = [each.code for each in (dataset, model) if each.code]
    recipe = recipe_of(*code) if len(code) == 2 else None
    if recipe and not changed_modules(code, recipe):
        features, labels = (
            recorded_input(lake, recorded, table)
            for table in (recipe.dataset.features, recipe.dataset.labels)
        )
        fit = fit_of(lake, recorded, recipe)
        content, made = rebuild(lake, features, labels, recipe, read.day, fit)
        if (content, made.fingerprint) == (dataset.entry.content_hash, recorded.fingerprint):
            return made
    raise LakeMismatch(
        f"member '{name}', the model of {of} as of {read.day}, cannot be made again as it was. To see "
        f"why, run: ml-assets reproduce {of} --as-of {read.day}"
    )
