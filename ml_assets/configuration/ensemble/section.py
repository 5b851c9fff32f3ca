"""Configuration of an ensemble: the pipelines of its members complete it, and its rules are checked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, model_validator
from pydantic.json_schema import SkipJsonSchema

from ml_assets.configuration.ensemble.checks import unknown_name
from ml_assets.configuration.ensemble.limits import PredictionLimits
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import DottedPath, Estimator, Labels, may_lack
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.roles import is_text
from ml_assets.durations import partitions
from ml_assets.learning.ensembles.columns import rule_names
from ml_assets.learning.ensembles.members import condition_columns, specification_of
from ml_assets.learning.ensembles.reach import RuleProblem
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.specification import ENSEMBLE
from ml_assets.names import suggestion


class ComposedEstimator(Estimator):
    """The estimator of an ensemble, completed from those of its members."""

    @model_validator(mode="after")
    def _is_complete(self) -> "ComposedEstimator":
        return self


class EnsembleConfiguration(
    PipelineConfiguration, json_schema_extra=may_lack("pipeline", "days", "join_keys")
):
    """A model pipeline whose model is an ensemble.

    Attributes:
        ensemble: its members and rules, see ``EnsembleRules``.
        prediction_limits: limits of a day of predictions.
        estimator: follows from those of the members, and is not given.
    """

    ensemble: EnsembleRules
    prediction_limits: PredictionLimits = PredictionLimits()
    estimator: SkipJsonSchema[ComposedEstimator]

    @model_validator(mode="after")
    def _limits_fit_rules(self) -> "EnsembleConfiguration":
        partitions(self.prediction_limits, "compared_with", self.days.calendar)
        known = rule_names(self.ensemble)
        for name, share in self.prediction_limits.max_rule_share.items():
            if name not in known:
                near = suggestion(name, known)
                raise ValueError(
                    f"prediction_limits.max_rule_share: there is no rule '{name}'.{near}"
                )
            if not 0 <= share <= 1:
                raise ValueError(
                    f"prediction_limits.max_rule_share.{name} is {share:g}, no share of 0 to 1"
                )
        return self

    def seen_test_rows(self, members: Mapping[str, ModelConfiguration]) -> list[RuleProblem]:
        """Members that may have been fitted on rows that test the ensemble.

        Args:
            members: member → its configuration.
        """
        own = held_out_time(self)
        return [
            RuleProblem(
                ("members", name),
                f"{member.pipeline} holds out {held_out.days} days before its as-of day and the ensemble "
                f"{own.days}, so it may be fitted on rows that test the ensemble. Give both the same "
                "validation_window and test_window",
            )
            for name, member in members.items()
            if (held_out := held_out_time(member)) < own
        ]

    @model_validator(mode="after")
    def _has_an_estimator_of_members(self) -> "EnsembleConfiguration":
        if self.estimator.factory != ENSEMBLE:
            raise ValueError("'estimator' follows from the members: remove it")
        return self


def held_out_time(config: ModelConfiguration) -> timedelta:
    """Time before an as-of day whose rows a model is not fitted on."""
    return config.as_of_calendar.longest_partition * config.windows.held_out_days


class OfContracts(BaseModel):
    """The contract that rules are checked against.

    Attributes:
        features: see ``Contracts``.
    """

    features: DottedPath


class OfEnsemble(BaseModel):
    """The attributes of a document that the checks of its rules need, before the members complete it.

    Attributes:
        ensemble: the rules.
        labels: the source of labels.
        contracts: contract of its features.
    """

    ensemble: EnsembleRules
    labels: Labels
    contracts: OfContracts


def unusable_pipelines(
    rules: EnsembleRules, known: Mapping[str, type[ModelConfiguration]]
) -> list[RuleProblem]:
    """Pipelines that cannot be members, by their name alone.

    Args:
        rules: the rules of an ensemble.
        known: pipeline → class of its configuration.
    """
    found = []
    for name, member in rules.members.items():
        path = ("members", name, "pipeline")
        if member.pipeline not in known:
            found.append(unknown_name(path, "pipeline", member.pipeline, known))
        elif issubclass(known[member.pipeline], EnsembleConfiguration):
            text = f"{member.pipeline} is an ensemble, which cannot be a member: name its members"
            found.append(RuleProblem(path, text))
    return found


def estimator_of(
    rules: EnsembleRules, members: Mapping[str, ModelConfiguration], features: type[Contract]
) -> dict[str, Any]:
    """The section ``estimator`` of an ensemble.

    Args:
        rules: its rules, without problems.
        members: member → its configuration.
        features: contract of the features.
    """
    known = columns(features)
    texts = [name for name in condition_columns(rules) if is_text(known[name])]
    found = specification_of(rules, {n: one.specification for n, one in members.items()}, texts)
    return {
        "task": found.task,
        "factory": found.estimator,
        "numeric": found.numeric,
        "categorical": found.categorical,
        "text": found.text,
        "hyperparameters": found.hyperparameters,
    }
