"""The section ``ensemble`` of a pipeline: members, routes, combination, business rules, limits."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from ml_assets.learning.ensembles.conditions import SECTION, Condition

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]

REFUSE, PERSON, OVERRIDE, CLAMP = "refuse", "person", "override", "clamp"
ACTIONS = (OVERRIDE, CLAMP, REFUSE, PERSON)
"""Keys of a business rule, of which it has one."""


class Member(BaseModel):
    """A model that answers.

    Attributes:
        pipeline: the pipeline whose champion it is.
        columns: feature of the member → column of the ensemble's features with its value, where the
            names differ.
        timeout_ms: time after which a service goes on without its answer; batches wait for it.
        fallback: its prediction when a service gets no answer of it; without one, the other members
            answer, or the request is refused if they cannot.
    """

    model_config = SECTION

    pipeline: Name
    columns: dict[Name, Name] = {}
    timeout_ms: float = Field(1000, gt=0)
    fallback: float | None = None


class Route(BaseModel):
    """The members that answer some rows.

    Attributes:
        name: its name in answers and logs.
        when: condition over columns of the features.
        members: the members that answer.
    """

    model_config = SECTION

    name: Name
    when: Condition = Field(min_length=1)
    members: tuple[Name, ...] = Field(min_length=1)


class Vote(BaseModel):
    """The share of members whose prediction reaches a threshold.

    Attributes:
        threshold: least prediction that is a vote.
    """

    model_config = SECTION

    threshold: float = Field(0.5, ge=0, le=1)


class Cascade(BaseModel):
    """The first member that is sure answers.

    Attributes:
        order: members in the order in which they are asked.
        margin: a prediction that is nearer to ``threshold`` than this is unsure.
        threshold: prediction of which no one knows what follows.
    """

    model_config = SECTION

    order: tuple[Name, ...] = Field(min_length=2)
    margin: float = Field(gt=0, le=1)
    threshold: float = Field(0.5, ge=0, le=1)


class Link(BaseModel):
    """A member of a chain before the last one.

    Attributes:
        member: the member.
        gives: column of the members after it that has its prediction.
    """

    model_config = SECTION

    member: Name
    gives: Name


class Chain(BaseModel):
    """Members whose prediction is an input of the next ones; the last one answers.

    Attributes:
        links: the members before the last one, in order.
        answer: the last one.
    """

    model_config = SECTION

    links: tuple[Link, ...] = Field(min_length=1)
    answer: Name


class Combination(BaseModel):
    """How the predictions of members become one; exactly one key is given.

    Attributes:
        average: member → its weight; the weights are divided by the sum of those that answer.
        vote: see ``Vote``.
        cascade: see ``Cascade``.
        chain: see ``Chain``.
    """

    model_config = SECTION

    average: dict[Name, Annotated[float, Field(gt=0)]] | None = Field(None, min_length=1)
    vote: Vote | None = None
    cascade: Cascade | None = None
    chain: Chain | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(given := [name for name, value in self if value is not None]) != 1:
            found = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"expected one of {', '.join(type(self).model_fields)}, and {found}")
        return self

    @property
    def kind(self) -> str:
        """The key that is given."""
        return next(name for name, value in self if value is not None)

    @property
    def members(self) -> list[str] | None:
        """Members that it names; None if it takes all there are."""
        if self.average is not None:
            return list(self.average)
        if self.cascade is not None:
            return list(self.cascade.order)
        if self.chain is not None:
            return [*(link.member for link in self.chain.links), self.chain.answer]
        return None


class Clamp(BaseModel):
    """Limits that a prediction is moved to.

    Attributes:
        at_least: least prediction.
        at_most: greatest prediction.
    """

    model_config = SECTION

    at_least: float = -math.inf
    at_most: float = math.inf

    @model_validator(mode="before")
    @classmethod
    def _is_given(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and not values:
            raise ValueError("expected at_least, at_most or both")
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(
                f"at_least ({self.at_least:g}) is greater than at_most ({self.at_most:g})"
            )
        return self


class BusinessRule(BaseModel):
    """What happens with predictions that fulfil a condition; exactly one action is given.

    Attributes:
        name: its name in answers and logs.
        when: condition over columns of the features and the ``score``; without it, every row.
        override: the prediction instead.
        clamp: limits of the prediction.
        refuse: whether nothing is predicted; no later rule applies.
        person: whether a person looks at it before it is used.
        reason: why, for whoever gets the answer.
    """

    model_config = SECTION

    name: Name
    when: Condition = {}
    override: float | None = None
    clamp: Clamp | None = None
    refuse: Literal[True] | None = None
    person: Literal[True] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _has_one_action(self) -> Self:
        if len(given := [name for name in ACTIONS if getattr(self, name) is not None]) != 1:
            found = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"expected one of {', '.join(ACTIONS)}, and {found}")
        return self

    @property
    def action(self) -> str:
        """The action that is given."""
        return next(name for name in ACTIONS if getattr(self, name) is not None)


class Limits(BaseModel):
    """The contract of one prediction; a prediction that is no number breaks it, too.

    Attributes:
        at_least: least prediction.
        at_most: greatest prediction.
        otherwise: ``refuse``, or the prediction instead.
    """

    model_config = SECTION

    at_least: float = -math.inf
    at_most: float = math.inf
    otherwise: Literal["refuse"] | float = "refuse"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(
                f"at_least ({self.at_least:g}) is greater than at_most ({self.at_most:g})"
            )
        if isinstance(self.otherwise, float) and not self.has(self.otherwise):
            raise ValueError(f"otherwise ({self.otherwise:g}) is outside the limits itself")
        return self

    def has(self, number: float) -> bool:
        """Whether a prediction keeps the contract."""
        return self.at_least <= number <= self.at_most


class EnsembleRules(BaseModel):
    """How an ensemble answers.

    Attributes:
        members: name → member.
        routes: which members answer which rows: the first route whose condition holds; rows without
            one are answered by all.
        combine: how their predictions become one.
        rules: business rules, applied in order.
        limits: contract of each prediction after the rules.
    """

    model_config = SECTION

    members: dict[Name, Member] = Field(min_length=1)
    routes: tuple[Route, ...] = ()
    combine: Combination
    rules: tuple[BusinessRule, ...] = ()
    limits: Limits = Limits()

    @property
    def answering(self) -> list[str]:
        """Members that the combination takes, in its order."""
        return self.combine.members or list(self.members)

    def record(self) -> dict[str, Any]:
        """The section as JSON, for records and fingerprints."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
