"""Combinations, as they are declared: how the predictions of members become one."""

import math
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from ml_assets.learning.ensembles.conditions import SECTION, Number

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A member, a column, or the name of a route or a rule."""


class Vote(BaseModel):
    """The share of members whose prediction reaches a threshold.

    Attributes:
        threshold: least prediction that is a vote.
    """

    model_config = SECTION

    threshold: Number = Field(0.5, ge=0, le=1)


class Cascade(BaseModel):
    """The first member that is sure answers.

    Attributes:
        order: members in the order in which they are asked.
        margin: a prediction that is nearer to ``threshold`` than this is unsure.
        threshold: prediction that separates the two decisions.
    """

    model_config = SECTION

    order: tuple[Name, ...] = Field(min_length=2)
    margin: Number = Field(gt=0, le=1)
    threshold: Number = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _may_be_sure(self) -> Self:
        if self.margin > (greatest := max(self.threshold, 1 - self.threshold)):
            raise ValueError(
                f"no member is ever sure: a probability is at most {greatest:g} away from threshold "
                f"{self.threshold:g}, less than margin {self.margin:g}"
            )
        return self


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

    average: dict[Name, Annotated[Number, Field(gt=0)]] | None = Field(None, min_length=1)
    vote: Vote | None = None
    cascade: Cascade | None = None
    chain: Chain | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(given := [name for name, value in self if value is not None]) != 1:
            found = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"expected one of {', '.join(type(self).model_fields)}, and {found}")
        if self.average is not None and not math.isfinite(sum(self.average.values())):
            raise ValueError("the sum of the weights is too large for a number")
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

    @property
    def paths(self) -> list[tuple[str | int, ...]]:
        """Keys and numbers that lead to each of these members in the section."""
        if self.average is not None:
            return [("average", name) for name in self.average]
        if self.cascade is not None:
            return [("cascade", "order", number) for number in range(len(self.cascade.order))]
        if self.chain is not None:
            links = range(len(self.chain.links))
            return [*(("chain", "links", n, "member") for n in links), ("chain", "answer")]
        return []
