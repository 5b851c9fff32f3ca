"""Combinations: from the predictions of members to one prediction of each row.

Each function asks a member for those rows only that need it, and computes a row from its own values
alone, so that a row has the same prediction alone and among others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ml_assets.errors import TransientError
from ml_assets.learning.ensembles.combinations import Cascade, Chain
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.scorer.values import Columns

Ask: TypeAlias = Callable[[str, Columns, int], np.ndarray]
"""From a member, its input columns and their number of rows to (n,) predictions."""


NO_NUMBER = "It predicts no finite number."


class MemberFailed(TransientError):
    """A member gave no answer in time, or raised an error."""


@dataclass
class Panel:
    """The members of one call: their predictions so far, and which of them failed.

    Attributes:
        rules: the rules of the ensemble.
        columns: column → (n,) values.
        count: number of rows.
        allowed: member → (n,) whether the route of a row has it.
        ask: asks a member.
        wanted: member → (n,) whether it was asked for the row.
        scores: member → (n,) predictions; NaN for rows without one.
        answered: member → (n,) whether it answered the row, itself or by its fallback.
        failed: member → (n,) whether it was asked for the row and gave no answer of its own.
        failures: member → why it gave none.
    """

    rules: EnsembleRules
    columns: Columns
    count: int
    allowed: Mapping[str, np.ndarray]
    ask: Ask
    wanted: dict[str, np.ndarray] = field(default_factory=dict)
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    answered: dict[str, np.ndarray] = field(default_factory=dict)
    failed: dict[str, np.ndarray] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def answers(self, name: str, wanted: np.ndarray, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n,) predictions of a member; NaN where it is not wanted or gave none.

        Args:
            name: the member.
            wanted: (n,) whether a row is to be predicted by it.
            given: further columns, predictions of earlier members of a chain.
        """
        wanted = wanted & self.allowed[name]
        found, member = np.full(self.count, np.nan), self.rules.members[name]
        answered = np.zeros(self.count, dtype=bool)
        if wanted.any():
            try:
                columns = _selected({**_mapping(self.columns), **given}, wanted)
                found[wanted] = self.ask(name, columns, int(wanted.sum()))
                answered = wanted & np.isfinite(found)
            except MemberFailed as failure:
                self.failures[name] = str(failure)
        failed = wanted & ~answered
        if failed.any():
            self.failures.setdefault(name, NO_NUMBER)
            found[failed] = np.nan if member.fallback is None else member.fallback
            answered = wanted & np.isfinite(found)
        self.wanted[name], self.failed[name] = wanted, failed
        self.scores[name], self.answered[name] = found, answered
        return found


def combined(panel: Panel) -> np.ndarray:
    """(n,) combined predictions; NaN for rows that no member answered."""
    how, everyone = panel.rules.combine, np.ones(panel.count, dtype=bool)
    if how.chain is not None:
        return _chained(panel, how.chain)
    if how.cascade is not None:
        return _cascaded(panel, how.cascade)
    names = panel.rules.answering
    answers = [panel.answers(name, everyone, {}) for name in names]
    if how.vote is not None:
        answers = [_votes(each, how.vote.threshold) for each in answers]
    weights = [1.0 if how.average is None else how.average[name] for name in names]
    return _weighted([panel.answered[name] for name in names], answers, weights)


def _weighted(
    asked: Sequence[np.ndarray], answers: Sequence[np.ndarray], weights: Sequence[float]
) -> np.ndarray:
    """(n,) mean of the answers that there are, weighted."""
    total, weight = np.zeros(len(answers[0])), np.zeros(len(answers[0]))
    for answered, answer, each in zip(asked, answers, weights, strict=True):
        total = np.where(answered, total + each * answer, total)
        weight = np.where(answered, weight + each, weight)
    with np.errstate(invalid="ignore"):
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)


def _votes(answer: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(np.isnan(answer), np.nan, (answer >= threshold).astype(float))


def _cascaded(panel: Panel, how: Cascade) -> np.ndarray:
    """(n,) prediction of the first member that is sure, or else of the last that answered."""
    found, unsure = np.full(panel.count, np.nan), np.ones(panel.count, dtype=bool)
    for name in how.order:
        answer = panel.answers(name, unsure, {})
        answered = panel.answered[name]
        found = np.where(answered, answer, found)
        unsure &= ~(answered & (np.abs(answer - how.threshold) >= how.margin))
    return found


def _chained(panel: Panel, how: Chain) -> np.ndarray:
    """(n,) prediction of the last member; a row goes on only with the predictions before."""
    given: dict[str, np.ndarray] = {}
    complete = np.ones(panel.count, dtype=bool)
    for link in how.links:
        given[link.gives] = panel.answers(link.member, complete, given)
        complete &= panel.answered[link.member]
    return panel.answers(how.answer, complete, given)


def _mapping(columns: Columns) -> dict[str, Any]:
    return {str(name): columns[str(name)] for name in columns}


def _selected(columns: Mapping[str, Any], wanted: np.ndarray) -> dict[str, Any]:
    """The wanted rows of each column."""
    if wanted.all():
        return dict(columns)
    return {name: _rows(values, wanted) for name, values in columns.items()}


def _rows(values: Any, wanted: np.ndarray) -> Any:
    if isinstance(values, (pd.Series, np.ndarray)):
        return values[wanted]
    return [value for value, is_wanted in zip(values, wanted, strict=True) if is_wanted]
