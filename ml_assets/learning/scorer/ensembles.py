"""The scorer of an ensemble: the scorers of its members, and how each prediction came about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ml_assets.learning.ensembles.answers import Answers, answers
from ml_assets.learning.ensembles.members import member_columns
from ml_assets.learning.ensembles.rules import EnsembleRules, Member
from ml_assets.learning.scorer.scorer import Scorer, build_scorer
from ml_assets.learning.scorer.values import Columns, columns_of
from ml_assets.learning.specification import ModelSpecification

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Work: TypeAlias = Callable[[], np.ndarray]
Through: TypeAlias = Callable[[str, Member, Work], np.ndarray]
"""Runs the work of a member, or raises ``MemberFailed``."""


def directly(_name: str, _member: Member, work: Work) -> np.ndarray:
    """Wait for a member, as batches do; its errors are those of the batch."""
    return work()


@dataclass(frozen=True)
class EnsembleScorer(Scorer):
    """Predicts like an ensemble.

    Attributes:
        rules: how it answers.
        members: member → its scorer.
    """

    rules: EnsembleRules
    members: Mapping[str, Scorer]

    def answers_of_rows(
        self, rows: Sequence[Mapping[str, Any]], through: Through = directly
    ) -> Answers:
        """The answers for rows of plain values, see ``of_rows``.

        Args:
            rows: n rows.
            through: runs the work of a member.
        """
        columns = columns_of(rows, self.specification.features)
        return _answers(self.rules, self.members, through, columns, len(rows))

    def answers_of_frame(self, rows: pd.DataFrame) -> Answers:
        """The answers for (n, …) rows of a data frame, see ``of_frame``."""
        columns = rows[list(self.specification.features)]
        return _answers(self.rules, self.members, directly, columns, len(rows))


def scorer_of(
    specification: ModelSpecification, pipeline: "Pipeline", example: pd.DataFrame
) -> Scorer:
    """The scorer of any fitted pipeline: an ensemble, or a model of its own, see ``build_scorer``."""
    ensemble = pipeline[-1]
    if not specification.members:
        return build_scorer(specification, pipeline, example)
    rules: EnsembleRules = ensemble.rules
    members = {
        name: scorer_of(trained_by, fitted, _example(rules.members[name], trained_by, example))
        for name, (trained_by, fitted) in ensemble.fitted_members.items()
    }
    reasons = [f"{name}: {each.reason}" for name, each in members.items() if each.reason]
    return EnsembleScorer(
        specification,
        " + ".join(dict.fromkeys(each.served_by for each in members.values())),
        "; ".join(reasons),
        partial(_predictions, rules, members),
        rules,
        members,
    )


def _predictions(
    rules: EnsembleRules, members: Mapping[str, Scorer], columns: Columns, count: int
) -> np.ndarray:
    return _answers(rules, members, directly, columns, count).predictions


def _answers(
    rules: EnsembleRules,
    members: Mapping[str, Scorer],
    through: Through,
    columns: Columns,
    count: int,
) -> Answers:
    def ask(name: str, given: Columns, wanted: int) -> np.ndarray:
        member, scorer = rules.members[name], members[name]
        inputs = member_columns(member, scorer.specification.features, given)
        return through(name, member, lambda: scorer.compute(inputs, wanted))

    return answers(rules, columns, count, ask)


def _example(
    member: Member, specification: ModelSpecification, example: pd.DataFrame
) -> pd.DataFrame:
    """Rows with a member's input columns; predictions of earlier members are numbers."""
    names = {name: member.columns.get(name, name) for name in specification.features}
    return pd.DataFrame(
        {
            name: example[column] if column in example else pd.Series(0.0, example.index)
            for name, column in names.items()
        }
    )
