"""The members of an ensemble as models: their specification, their inputs, and what they make together."""

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pandas as pd

from ml_assets.errors import TrainingError, UnsafeModel
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.ensembles.conditions import SCORE
from ml_assets.learning.ensembles.rules import EnsembleRules, Member
from ml_assets.learning.scorer.values import Columns
from ml_assets.learning.specification import ENSEMBLE, ModelSpecification
from ml_assets.learning.training import FittedModel, fitted_model
from ml_assets.provenance.code import as_json

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def ensemble(ensemble: Mapping[str, Any], members: Mapping[str, Any]) -> "Pipeline":
    """An ensemble without its members, as the factory of a specification.

    Args:
        ensemble: the rules, see ``EnsembleRules.record``.
        members: member → the specification of its pipeline, as JSON.
    """
    from sklearn.pipeline import Pipeline

    from ml_assets.learning.ensembles.estimator import Ensemble

    return Pipeline([("ensemble", Ensemble(ensemble, members))])


def specification_of(
    rules: EnsembleRules, members: Mapping[str, ModelSpecification], texts: Sequence[str]
) -> ModelSpecification:
    """The specification of an ensemble, without its label.

    Args:
        rules: its rules.
        members: member → the specification of its pipeline.
        texts: columns of conditions that are texts; the others are numbers.
    """
    inputs = {name: inputs_of(rules, name, one) for name, one in members.items()}

    def of_kind(kind: str) -> list[str]:
        return [
            inputs[name][feature]
            for name, one in members.items()
            for feature in getattr(one, kind)
            if feature in inputs[name]
        ]

    conditions = condition_columns(rules)
    text = [*dict.fromkeys(of_kind("text"))]
    categorical = [*of_kind("categorical"), *(name for name in conditions if name in texts)]
    categorical = [name for name in dict.fromkeys(categorical) if name not in text]
    numeric = [*of_kind("numeric"), *(name for name in conditions if name not in texts)]
    return ModelSpecification(
        task=members[rules.answering[-1]].task,
        estimator=ENSEMBLE,
        label="",
        numeric=tuple(dict.fromkeys(numeric)),
        categorical=tuple(categorical),
        text=tuple(text),
        hyperparameters=_in_recorded_order(
            {
                "ensemble": rules.record(),
                "members": {name: as_json(one) for name, one in members.items()},
            }
        ),
    )


def _in_recorded_order(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with their keys in the order in which runs record them, on which sums of members depend."""
    found: dict[str, Any] = json.loads(json.dumps(values, sort_keys=True))
    return found


def inputs_of(rules: EnsembleRules, name: str, member: ModelSpecification) -> dict[str, str]:
    """Feature of a member → column of the ensemble, but for predictions of earlier members."""
    links = rules.combine.chain.links if rules.combine.chain else ()
    given = [link.gives for link in takewhile(lambda link: link.member != name, links)]
    columns = rules.members[name].columns
    return {
        feature: column
        for feature in member.features
        if (column := columns.get(feature, feature)) not in given
    }


def condition_columns(rules: EnsembleRules) -> list[str]:
    """Columns that routes and rules look at."""
    conditions = [*(route.when for route in rules.routes), *(rule.when for rule in rules.rules)]
    return list(dict.fromkeys(name for when in conditions for name in when if name != SCORE))


def shown_parameters(specification: ModelSpecification) -> Mapping[str, Any]:
    """Hyperparameters for people: of an ensemble its rules, without the parameters of its members."""
    arguments = specification.hyperparameters
    return arguments["ensemble"] if specification.estimator == ENSEMBLE else arguments


def refuse_lost_columns(
    ensemble: ModelSpecification, name: str, trained_by: ModelSpecification
) -> None:
    """Refuse a member that was trained on columns that an ensemble does not have.

    Args:
        ensemble: specification of the ensemble.
        name: the member.
        trained_by: what the member was trained by, which may differ from its present specification.

    Raises:
        UnsafeModel: there are some.
    """
    rules = EnsembleRules.model_validate(ensemble.hyperparameters["ensemble"])
    needed = inputs_of(rules, name, trained_by).values()
    if lost := [column for column in needed if column not in ensemble.features]:
        raise UnsafeModel(
            f"the champion of member '{name}' was trained on {', '.join(lost)}, which the member's pipeline "
            "no longer uses. Train and release the member again, then the ensemble."
        )


def member_columns(member: Member, features: Sequence[str], columns: Columns) -> Columns:
    """The columns of a member under its own names.

    Args:
        member: the member.
        features: its input columns.
        columns: columns of the ensemble.
    """
    return {name: columns[member.columns.get(name, name)] for name in features}


def composed(
    specification: ModelSpecification,
    members: Mapping[str, tuple[ModelSpecification, "Pipeline"]],
    dataset: pd.DataFrame,
) -> FittedModel:
    """An ensemble of fitted members.

    Args:
        specification: specification of the ensemble.
        members: member → what it was trained by, and its fitted pipeline.
        dataset: (n, …) rows with ``split`` and the input columns, of which held-out ones are its probe.

    Raises:
        TrainingError: there is no held-out row, or the ensemble cannot be stored.
    """
    held_out = dataset.loc[dataset[SPLIT] != "train", specification.features]
    if held_out.empty:
        raise TrainingError(
            "the dataset has no held-out rows, so the ensemble cannot be evaluated. Choose a later "
            "as-of day, or increase 'test_window'"
        )
    pipeline = ensemble(**specification.hyperparameters)
    pipeline[-1].fit(members)
    return fitted_model(specification, pipeline, held_out)
