"""The answers of an ensemble: routes, combined predictions, business rules, limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from ml_assets.learning.ensembles.combining import Ask, Panel, combined
from ml_assets.learning.ensembles.conditions import SCORE, holds
from ml_assets.learning.ensembles.rules import REFUSE, BusinessRule, EnsembleRules
from ml_assets.learning.scorer.values import Columns

LIMITS = "limits"
"""Name that stands for a rule where a prediction was outside the limits."""


class Outcome(StrEnum):
    """The outcome of a prediction."""

    ANSWERED = "answered"
    PERSON = "person"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Applied:
    """A rule that applied to a row.

    Attributes:
        rule: its name.
        reason: why, as the rule says.
    """

    rule: str
    reason: str


@dataclass(frozen=True)
class MemberAnswer:
    """The contribution of a member to a row.

    Attributes:
        score: its prediction.
        failure: why it gave no answer of its own; ``score`` is then its fallback, if it has one.
    """

    score: float | None
    failure: str = ""


@dataclass(frozen=True)
class Answer:
    """How an ensemble came to the prediction of a row.

    Attributes:
        route: name of the route; empty for none.
        members: member → its contribution, of those that were asked.
        combined: the combined prediction, before the rules; None if no member answered.
        rules: rules that applied, in order.
        outcome: what becomes of the prediction.
    """

    route: str
    members: dict[str, MemberAnswer]
    combined: float | None
    rules: tuple[Applied, ...]
    outcome: Outcome

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Answer":
        """The answer of a record of ``record``."""
        members = {name: MemberAnswer(**one) for name, one in record["members"].items()}
        rules = tuple(Applied(**one) for one in record["rules"])
        return cls(
            **{**record, "members": members, "rules": rules, "outcome": Outcome(record["outcome"])}
        )

    def record(self) -> dict[str, Any]:
        """The answer as JSON."""
        members = {name: vars(one) for name, one in self.members.items()}
        return {**vars(self), "members": members, "rules": [vars(one) for one in self.rules]}


@dataclass(frozen=True)
class Answers:
    """The answers of n rows.

    Attributes:
        predictions: (n,) predictions; of refused rows what the rules before left, NaN for rows that
            no member answered.
        rows: (n,) how each came about.
    """

    predictions: np.ndarray
    rows: Sequence[Answer]


def plain_answer(prediction: float | None) -> Answer:
    """The answer of a model that was no ensemble yet."""
    return Answer("", {}, prediction, (), Outcome.ANSWERED)


def answers(rules: EnsembleRules, columns: Columns, count: int, ask: Ask) -> Answers:
    """The answers of an ensemble.

    Args:
        rules: its rules.
        columns: column → (count,) values.
        count: number of rows.
        ask: asks a member.
    """
    routes = _routes(rules, columns, count)
    members = {"": [*rules.members], **{route.name: route.members for route in rules.routes}}
    allowed = {
        name: np.array([name in members[route] for route in routes], bool) for name in rules.members
    }
    panel = Panel(rules, columns, count, allowed, ask)
    merged = combined(panel)
    failed = np.isnan(merged)
    outcomes = np.array([Outcome.ANSWERED] * count, dtype=object)
    outcomes[failed] = Outcome.FAILED
    applied: list[list[Applied]] = [[] for _ in range(count)]
    found = merged
    for rule in rules.rules:
        fields = {**{name: columns[name] for name in rule.when if name != SCORE}, SCORE: found}
        changed = _changed(rule, found)
        hit = _open(outcomes) & holds(rule.when, fields, count)
        if rule.clamp is not None:
            hit &= changed != found
        found = np.where(hit, changed, found)
        _record(rule.name, rule.reason, hit, applied)
        if rule.refuse or rule.person:
            outcomes[hit] = Outcome.REFUSED if rule.refuse else Outcome.PERSON
    limits = rules.limits
    within = (found >= limits.low) & (found <= limits.high)
    outside = _open(outcomes) & ~within
    _record(LIMITS, limits.reason, outside, applied)
    if limits.otherwise == REFUSE:
        outcomes[outside] = Outcome.REFUSED
    else:
        found = np.where(outside, limits.otherwise, found)
    rows = [
        Answer(
            routes[number],
            _contributions(panel, number),
            None if failed[number] else float(merged[number]),
            tuple(applied[number]),
            outcomes[number],
        )
        for number in range(count)
    ]
    return Answers(np.asarray(found, dtype=float), rows)


def _open(outcomes: np.ndarray) -> np.ndarray:
    return (outcomes != Outcome.FAILED) & (outcomes != Outcome.REFUSED)


def _routes(rules: EnsembleRules, columns: Columns, count: int) -> list[str]:
    found = [""] * count
    for route in reversed(rules.routes):
        for number in np.flatnonzero(holds(route.when, columns, count)):
            found[number] = route.name
    return found


def _changed(rule: BusinessRule, found: np.ndarray) -> Any:
    if rule.override is not None:
        return rule.override
    if rule.clamp is not None:
        return np.clip(found, rule.clamp.low, rule.clamp.high)
    return found


def _record(name: str, reason: str, hit: np.ndarray, applied: list[list[Applied]]) -> None:
    one = Applied(name, reason)
    for number in np.flatnonzero(hit):
        applied[number].append(one)


def _contributions(panel: Panel, number: int) -> dict[str, MemberAnswer]:
    found = {}
    for name, wanted in panel.wanted.items():
        if wanted[number]:
            is_answered = panel.answered[name][number]
            score = float(panel.scores[name][number]) if is_answered else None
            why = panel.failures[name] if panel.failed[name][number] else ""
            found[name] = MemberAnswer(score, why)
    return found
