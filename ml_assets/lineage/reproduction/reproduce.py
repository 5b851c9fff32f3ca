"""Reproduction: rebuilds a model from its records and compares the fingerprints.

Nothing is written into the project. ``recorded`` reads the records, ``changes`` compares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pandas.errors import MergeError

from ml_assets.errors import TerminalError
from ml_assets.lake.store import Lake
from ml_assets.lineage.changes import Change, ChangedDays, changed_inputs, changes
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import ModelReference, RecordedModel, format_days, recorded_model
from ml_assets.lineage.reproduction.members import fit_of
from ml_assets.lineage.reproduction.rebuild import (
    RebuiltModel,
    altered_days,
    rebuild,
    recorded_input,
)
from ml_assets.lineage.reproduction.recipes import (
    Recipe,
    changed_modules,
    current_recipe,
    parameters_of,
    recipe_of,
    unique,
)
from ml_assets.lineage.specifications import (
    dataset_code,
    model_code,
)
from ml_assets.provenance.provenance import Environment, environment_of_process


class ReproductionVerdict(StrEnum):
    """Result of a reproduction."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    IMPOSSIBLE = "not possible"


@dataclass(frozen=True)
class Since:
    """Changes since a model was trained.

    Attributes:
        inputs: direct and indirect inputs whose rows changed.
        parameters: parameters of ``defs.yaml`` and the settings.
        libraries: versions of installed libraries.
        commit: git commit of the checkout.
    """

    inputs: Sequence[ChangedDays] = ()
    parameters: Sequence[Change] = ()
    libraries: Sequence[Change] = ()
    commit: Sequence[Change] = ()


@dataclass(frozen=True)
class Reproduction:
    """Result of a reproduction, with its reason.

    Attributes:
        version: version in the model registry; None when it was not registered.
        as_of: as-of day.
        verdict: the result.
        reason: explanation of the verdict.
        recorded: recorded fingerprint.
        rebuilt: fingerprint of the rebuilt model; empty when none was built.
        altered: days whose rows, at the recorded version, differ from the recorded hashes.
        modules: modules whose code changed since.
        since: other changes since the model was trained.
        commit: git commit of the training run; empty when it was not recorded.
        is_dirty: whether the code differed from that commit.
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
    """Rebuild a dataset and a model from the recorded versions and parameters.

    Args:
        lake: the lake with the inputs; nothing is written to it.
        pipeline: pipeline of the model.
        trained: the model.
        environment: code and libraries of this process; determined when omitted.
    """
    result = Reproduction(
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
            return replace(result, reason=_missing_provenance(recorded))
        result = replace(
            result,
            commit=model.run.environment.commit,
            is_dirty=model.run.environment.is_dirty or dataset.run.environment.is_dirty,
            since=_since(lake, recorded, environment or environment_of_process()),
        )
        recipe = recipe_of(dataset.code, model.code)
        modules = changed_modules(
            [dataset.code, model.code], recipe or current_recipe(pipeline.name)
        )
        if modules or not recipe:
            return replace(result, modules=modules, reason=_changed_code(modules))
        return _compared(lake, recorded, result, recipe)
    except TerminalError as error:
        return replace(result, reason=str(error))


def _changed_code(modules: Sequence[Change]) -> str:
    names = ", ".join(change.what for change in modules)
    return f"the code changed since the model was trained; changed modules: {names}"


def _missing_provenance(recorded: RecordedModel) -> str:
    tables = " and ".join(
        day.entry.table for day in (recorded.dataset, recorded.model) if not (day.run and day.code)
    )
    return (
        f"no provenance is recorded for {tables} {recorded.as_of}: commit, libraries and "
        "parameters were not stored with it. Materialize that day of both again: if the "
        "fingerprint stays the same, the model can be reproduced from then on"
    )


def _since(lake: Lake, recorded: RecordedModel, now: Environment) -> Since:
    recipe = current_recipe(recorded.pipeline.name)
    code_now = [dataset_code(recipe.dataset), model_code(recipe.model)]
    days = [recorded.dataset, recorded.model]
    code = [day.code for day in days if day.code]
    environments = [day.run.environment for day in days if day.run]
    return Since(
        inputs=changed_inputs(lake, recorded.dataset.entry),
        parameters=unique(
            change
            for then, today in zip(code, code_now, strict=True)
            for change in changes(parameters_of(then), parameters_of(today))
        ),
        libraries=unique(
            change for then in environments for change in changes(then.libraries, now.libraries)
        ),
        commit=unique(
            Change("commit", then.commit, now.commit)
            for then in environments
            if then.commit != now.commit
        ),
    )


def _compared(
    lake: Lake, recorded: RecordedModel, result: Reproduction, recipe: Recipe
) -> Reproduction:
    """Rebuild the model and compare it with the recorded one.

    Raises:
        LakeMismatch: an input was deleted.
    """
    features, labels = (
        recorded_input(lake, recorded, table)
        for table in (recipe.dataset.features, recipe.dataset.labels)
    )
    problem, rebuilt = "", RebuiltModel("", "")
    try:
        fit = fit_of(lake, recorded, recipe)
        dataset, model = rebuild(lake, features, labels, recipe, recorded.as_of, fit)
        rebuilt = RebuiltModel(dataset, model.fingerprint)
    except (TerminalError, MergeError) as error:
        problem = str(error)
    result = replace(result, rebuilt=rebuilt.fingerprint)
    as_recorded = RebuiltModel(recorded.dataset.entry.content_hash, recorded.fingerprint)
    if rebuilt == as_recorded:
        reason = "dataset and model have the recorded fingerprints"
        return replace(result, verdict=ReproductionVerdict.IDENTICAL, reason=reason)
    altered = [found for each in (features, labels) if (found := altered_days(lake, each)).days]
    if problem and not altered:
        return replace(result, reason=problem)
    what = "dataset" if rebuilt.dataset != as_recorded.dataset else "model"
    problem = problem or f"the rebuilt {what} differs"
    return replace(
        result,
        verdict=ReproductionVerdict.DIFFERENT,
        reason=f"{problem}: {_causes(altered, result.since)}",
        altered=altered,
    )


def _causes(altered: Sequence[ChangedDays], since: Since) -> str:
    data = [
        f"{each.table} {format_days(each.days)} differs from its recorded content: its rows were "
        "altered in place"
        for each in altered
    ]
    libraries = [change.described for change in since.libraries]
    code = [f"the {change.described}" for change in since.commit]
    if causes := [*data, *libraries, *([] if data or libraries else code)]:
        return "; ".join(causes)
    return (
        "data, code, parameters and libraries are the recorded ones; the remaining possible cause "
        "is the machine (its processor and system libraries)"
    )
