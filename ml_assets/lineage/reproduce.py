"""Making a model again from what was recorded of it, to see whether it is the same.

Nothing is written into the project. What was recorded is in ``recorded``, what differs between two
recordings in ``changes``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pandas.errors import MergeError

from ml_assets.configuration import documents
from ml_assets.errors import TerminalError
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import DatasetSpecification
from ml_assets.learning.specification import ModelSpecification
from ml_assets.lineage.changes import Change, ChangedDays, changed_inputs, changes
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.rebuild import RebuiltModel, Recipe, altered_days, rebuild, recorded_input
from ml_assets.lineage.recorded import ModelReference, RecordedModel, recorded_model, shown_days
from ml_assets.lineage.specifications import (
    dataset_code,
    model_code,
)
from ml_assets.provenance.code import Code
from ml_assets.provenance.provenance import Environment, environment_of_process


class ReproductionVerdict(StrEnum):
    """How making a model again ended."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    IMPOSSIBLE = "not possible"


@dataclass(frozen=True)
class Since:
    """What changed since a model was made.

    Attributes:
        inputs: days that it was made from, directly or not.
        parameters: what ``defs.yaml`` and the settings say.
        libraries: versions that are installed.
        commit: commit of the checkout.
    """

    inputs: Sequence[ChangedDays] = ()
    parameters: Sequence[Change] = ()
    libraries: Sequence[Change] = ()
    commit: Sequence[Change] = ()


@dataclass(frozen=True)
class Reproduction:
    """How making a model again ended, and why.

    Attributes:
        version: its version in the registry; None when it was not registered.
        as_of: its as-of day.
        verdict: how it ended.
        reason: why, in words.
        recorded: fingerprint that was recorded.
        rebuilt: fingerprint of the model that was made; empty when none was.
        altered: days that do not hold, at the recorded version, what was recorded.
        modules: modules that made it and changed since.
        since: what else changed since.
        commit: commit that it was made with; empty when it was not recorded.
        is_dirty: whether code differed from that commit.
    """

    version: int | None
    as_of: str
    verdict: ReproductionVerdict
    reason: str
    recorded: str
    rebuilt: str = ""
    altered: Sequence[ChangedDays] = ()
    modules: Sequence[Change] = ()
    since: Since = Since()
    commit: str = ""
    is_dirty: bool = False


def reproduce(
    lake: Lake,
    pipeline: PipelineTables,
    trained: ModelReference,
    environment: Environment | None = None,
) -> Reproduction:
    """Make a dataset and a model again, from the recorded versions and with the recorded parameters.

    Args:
        lake: where the inputs are; nothing is written to it.
        pipeline: whose model.
        trained: the model.
        environment: what this process runs with; found out when omitted.
    """
    asked = Reproduction(
        version=trained.version,
        as_of=trained.as_of,
        verdict=ReproductionVerdict.IMPOSSIBLE,
        reason="",
        recorded=trained.fingerprint,
    )
    try:
        recorded = recorded_model(lake, pipeline, trained)
        model, dataset = recorded.model, recorded.dataset
        if not (model.run and model.code and dataset.run and dataset.code):
            return replace(asked, reason=_unrecorded(recorded))
        asked = replace(
            asked,
            commit=model.run.environment.commit,
            is_dirty=model.run.environment.is_dirty or dataset.run.environment.is_dirty,
            since=_since(lake, recorded, environment or environment_of_process()),
        )
        recipe = _recipe(dataset.code, model.code)
        modules = _other_modules([dataset.code, model.code], recipe or _recipe_now(pipeline.name))
        if modules or not recipe:
            return replace(asked, modules=modules, reason=_other_code(modules))
        return _compared(lake, recorded, asked, recipe)
    except TerminalError as error:
        return replace(asked, reason=str(error))


def _other_code(modules: Sequence[Change]) -> str:
    names = ", ".join(change.what for change in modules)
    return f"other code made it; these modules have another text now: {names}"


def _unrecorded(recorded: RecordedModel) -> str:
    lacking = " and ".join(
        made.entry.table
        for made in (recorded.dataset, recorded.model)
        if not (made.run and made.code)
    )
    return (
        f"no provenance is recorded of {lacking} {recorded.as_of}: commit, libraries and parameters "
        "were not kept when it was made. Materialize that day of both again: if the fingerprint "
        "stays the same, the model can be made again from then on"
    )


def _since(lake: Lake, recorded: RecordedModel, now: Environment) -> Since:
    recipe = _recipe_now(recorded.pipeline.name)
    code_now = [dataset_code(recipe.dataset), model_code(recipe.model)]
    made = [recorded.dataset, recorded.model]
    code = [each.code for each in made if each.code]
    ran_with = [each.run.environment for each in made if each.run]
    return Since(
        inputs=changed_inputs(lake, recorded.dataset.entry),
        parameters=_once(
            change
            for then, today in zip(code, code_now, strict=True)
            for change in changes(parameters_of(then), parameters_of(today))
        ),
        libraries=_once(
            change for then in ran_with for change in changes(then.libraries, now.libraries)
        ),
        commit=_once(
            Change("commit", then.commit, now.commit)
            for then in ran_with
            if then.commit != now.commit
        ),
    )


def _recipe_now(pipeline: str) -> Recipe:
    said = documents.pipeline(pipeline)
    return Recipe(said.dataset, said.specification)


def parameters_of(code: Code) -> Mapping[str, Any]:
    """The parameters of a dataset or a model: the fields of its specification."""
    return next((each for each in code.parameters if isinstance(each, Mapping)), {})


def _once(found: Iterable[Change]) -> list[Change]:
    return list(dict.fromkeys(found))


def _recipe(dataset: Code, model: Code) -> Recipe | None:
    """The recorded parameters; None when other code recorded them, and they cannot be read."""
    try:
        return Recipe(
            DatasetSpecification.from_record(parameters_of(dataset)),
            ModelSpecification.from_record(parameters_of(model)),
        )
    except (KeyError, TypeError):
        return None


def _other_modules(then: Sequence[Code], recipe: Recipe) -> list[Change]:
    now = [dataset_code(recipe.dataset), model_code(recipe.model)]
    return _once(
        change
        for one, other in zip(then, now, strict=True)
        for change in changes(one.modules, other.modules)
    )


def _compared(
    lake: Lake, recorded: RecordedModel, asked: Reproduction, recipe: Recipe
) -> Reproduction:
    """Make it again and compare.

    Raises:
        LakeMismatch: what it was made from is gone.
    """
    features, labels = (
        recorded_input(lake, recorded, table)
        for table in (recipe.dataset.features, recipe.dataset.labels)
    )
    problem, rebuilt = "", RebuiltModel("", "")
    try:
        rebuilt = rebuild(lake, features, labels, recipe, recorded.as_of)
    except (TerminalError, MergeError) as error:
        problem = str(error)
    asked = replace(asked, rebuilt=rebuilt.fingerprint)
    as_recorded = RebuiltModel(recorded.dataset.entry.content_hash, recorded.fingerprint)
    if rebuilt == as_recorded:
        reason = "dataset and model have the recorded fingerprints"
        return replace(asked, verdict=ReproductionVerdict.IDENTICAL, reason=reason)
    altered = [found for each in (features, labels) if (found := altered_days(lake, each)).days]
    if problem and not altered:
        return replace(asked, reason=problem)
    what = "dataset" if rebuilt.dataset != as_recorded.dataset else "model"
    problem = problem or f"the {what} came out differently"
    return replace(
        asked,
        verdict=ReproductionVerdict.DIFFERENT,
        reason=f"{problem}: {_causes(altered, asked.since)}",
        altered=altered,
    )


def _causes(altered: Sequence[ChangedDays], since: Since) -> str:
    data = [
        f"{each.table} {shown_days(each.days)} does not hold what was recorded: its rows were "
        "altered in place"
        for each in altered
    ]
    libraries = [
        f"{change.what} was {change.then} and is {change.now}" for change in since.libraries
    ]
    code = [f"the commit was {change.then} and is {change.now}" for change in since.commit]
    if causes := [*data, *libraries, *([] if data or libraries else code)]:
        return "; ".join(causes)
    return (
        "data, code, parameters and libraries are the recorded ones, so what is left is the machine "
        "(its processor and the libraries of its system)"
    )
