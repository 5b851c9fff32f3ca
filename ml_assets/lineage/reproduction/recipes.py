"""Recipes: the specifications of a dataset and a model, as recorded or as of now, and code that changed since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_assets.configuration import models
from ml_assets.learning.dataset import DatasetSpecification
from ml_assets.learning.specification import ModelSpecification
from ml_assets.lineage.changes import Change, changes
from ml_assets.lineage.specifications import dataset_code, model_code
from ml_assets.provenance.code import Code


@dataclass(frozen=True)
class Recipe:
    """Specifications of a dataset and of the model that is trained on it."""

    dataset: DatasetSpecification
    model: ModelSpecification


def current_recipe(pipeline: str) -> Recipe:
    """The current configuration of a pipeline."""
    config = models.pipeline(pipeline)
    return Recipe(config.dataset, config.specification)


def parameters_of(code: Code) -> Mapping[str, Any]:
    """The parameters of a dataset or a model: the fields of its specification."""
    return next((each for each in code.parameters if isinstance(each, Mapping)), {})


def recipe_of(dataset: Code, model: Code) -> Recipe | None:
    """The recorded parameters; None when the current code cannot read them."""
    try:
        return Recipe(
            DatasetSpecification.from_record(parameters_of(dataset)),
            ModelSpecification.from_record(parameters_of(model)),
        )
    except (KeyError, TypeError):
        return None


def changed_modules(then: Sequence[Code], recipe: Recipe) -> list[Change]:
    """Modules of dataset and model whose code differs from a recorded one."""
    now = [dataset_code(recipe.dataset), model_code(recipe.model)]
    return unique(
        change
        for before, after in zip(then, now, strict=True)
        for change in changes(before.modules, after.modules)
    )


def unique(found: Iterable[Change]) -> list[Change]:
    """Changes without repetitions, in order."""
    return list(dict.fromkeys(found))
