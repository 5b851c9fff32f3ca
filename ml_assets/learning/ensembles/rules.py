"""The section ``ensemble`` of a pipeline: members, routes, combination, business rules, limits."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from ml_assets.learning.ensembles.combinations import Combination, Name
from ml_assets.learning.ensembles.conditions import SECTION, Condition, Number

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
    timeout_ms: Number = Field(1000, gt=0)
    fallback: Number | None = None


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


class Bounds(BaseModel):
    """Least and greatest predictions.

    Attributes:
        at_least: least prediction.
        at_most: greatest prediction.
    """

    model_config = SECTION

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"at_least ({self.low:g}) is greater than at_most ({self.high:g})")
        return self

    @property
    def low(self) -> float:
        """Least prediction; minus infinity for none."""
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """Greatest prediction; infinity for none."""
        return math.inf if self.at_most is None else self.at_most


class Clamp(Bounds):
    """Bounds that a prediction is moved to.

    Attributes:
        at_least: least prediction.
        at_most: greatest prediction.
    """

    @model_validator(mode="before")
    @classmethod
    def _is_given(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and not values:
            raise ValueError("expected at_least, at_most or both")
        return values


def _is_true(value: Any) -> Any:
    if value is True:
        return value
    raise ValueError(
        f"{value!r} is no action; expected true, or another action instead of this key"
    )


OnlyTrue = Annotated[Literal[True], BeforeValidator(_is_true)]
"""An action without a value of its own."""


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
    override: Number | None = None
    clamp: Clamp | None = None
    refuse: OnlyTrue | None = None
    person: OnlyTrue | None = None
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


def _is_refuse_or_number(value: Any) -> Any:
    if value == REFUSE or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{value!r} is neither '{REFUSE}' nor a number")


class Limits(Bounds):
    """The contract of one prediction, after the rules.

    Attributes:
        at_least: least prediction.
        at_most: greatest prediction.
        otherwise: ``refuse``, or the prediction instead.
    """

    otherwise: Annotated[Literal["refuse"] | float, BeforeValidator(_is_refuse_or_number)] = (
        "refuse"
    )

    @model_validator(mode="after")
    def _are_kept_otherwise(self) -> Self:
        if isinstance(self.otherwise, float) and not self.low <= self.otherwise <= self.high:
            raise ValueError(f"otherwise ({self.otherwise:g}) is outside the limits itself")
        return self

    @property
    def described(self) -> str:
        """The allowed predictions, in words."""
        given = (("at least", self.at_least), ("at most", self.at_most))
        found = [f"{name} {number:g}" for name, number in given if number is not None]
        return " and ".join(found)

    @property
    def reason(self) -> str:
        """Why a prediction outside them is not used."""
        return f"The prediction is not {self.described}."


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
        """The section as JSON with all defaults, for records and fingerprints."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
