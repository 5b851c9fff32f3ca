"""Rules and members with known predictions, to test ensembles with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ml_assets.learning.ensembles.answers import Answers, answers
from ml_assets.learning.ensembles.combining import MemberFailed
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.scorer.values import Columns

Prediction = Callable[[Mapping[str, Any]], float]
"""From the input columns of a row to a member's prediction."""


def rules(
    combine: Mapping[str, Any],
    members: Sequence[str] = ("a", "b", "c"),
    fallbacks: Mapping[str, float] | None = None,
    **further: Any,
) -> EnsembleRules:
    """Rules of some members.

    Args:
        combine: section ``combine``.
        members: names of the members.
        fallbacks: member → its fallback.
        further: sections ``routes``, ``rules`` and ``limits``.
    """
    given = fallbacks or {}
    named = {name: {"pipeline": name, "fallback": given.get(name)} for name in members}
    return EnsembleRules.model_validate({"members": named, "combine": combine, **further})


def column(name: str) -> Prediction:
    """The prediction of a member that is in a column."""
    return lambda row: float(row[name])


class Members:
    """Members that predict each row by a function, and remember what they were asked.

    Args:
        predict: member → its prediction; by default that in the column with its name.
        failing: members that fail.
    """

    def __init__(
        self, predict: Mapping[str, Prediction] | None = None, failing: Sequence[str] = ()
    ) -> None:
        self.predict, self.failing = predict or {}, failing
        self.asked: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, name: str, columns: Columns, count: int) -> np.ndarray:
        """(count,) predictions of a member."""
        rows = [{key: columns[key][n] for key in columns} for n in range(count)]
        self.asked.setdefault(name, []).extend(rows)
        if name in self.failing:
            raise MemberFailed(f"{name} is down")
        return np.array([self.predict.get(name, column(name))(row) for row in rows])

    def answer(self, found: EnsembleRules, **columns: Sequence[Any]) -> Answers:
        """The answers for columns of values."""
        count = len(next(iter(columns.values())))
        return answers(found, columns, count, self)


def scores(**of: Sequence[float]) -> dict[str, np.ndarray]:
    """Predictions of members, as columns."""
    return {name: np.array(values, dtype=float) for name, values in of.items()}
