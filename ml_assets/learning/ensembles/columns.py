"""How an ensemble came to its predictions, as columns of the table of predictions.

They are the same for every ensemble: the champion of a day may have other members and rules than those
that are configured now.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.contracts.contract import computed
from ml_assets.contracts.derived import Fields
from ml_assets.learning.contracts import PREDICTED
from ml_assets.learning.ensembles.answers import (
    LIMITS,
    Answer,
    Answers,
    Applied,
    MemberAnswer,
    Outcome,
)
from ml_assets.learning.ensembles.rules import EnsembleRules

COMBINED, ROUTE, OUTCOME, MEMBERS, RULES = "combined", "route", "outcome", "members", "rules"
SEPARATOR = ", "
"""Between the names of rules."""


def rule_names(rules: EnsembleRules) -> list[str]:
    """Rules that may apply to a row, the limits of a prediction among them."""
    return [*(rule.name for rule in rules.rules), LIMITS]


def ensemble_fields() -> Fields:
    """Columns of an ensemble's predictions, in addition to those of every prediction."""
    return {
        MEMBERS: (str, computed("Prediction of each member that was asked, as JSON.", PREDICTED)),
        COMBINED: (float, computed("Combined prediction, before the rules.", PREDICTED)),
        ROUTE: (str, computed("Route by which members were asked; empty for none.", PREDICTED)),
        RULES: (str, computed("Names of the rules that applied, in order.", PREDICTED)),
        OUTCOME: (
            str,
            computed(
                "What becomes of the prediction.", PREDICTED, isin=[str(one) for one in Outcome]
            ),
        ),
    }


def answer_columns(answers: Answers) -> pd.DataFrame:
    """(n, …) the columns of ``ensemble_fields`` for the answers of n rows."""
    rows = answers.rows
    return pd.DataFrame(
        {
            MEMBERS: pd.Series([scores_text(row) for row in rows], dtype="str"),
            COMBINED: np.array([np.nan if r.combined is None else r.combined for r in rows], float),
            ROUTE: pd.Series([row.route for row in rows], dtype="str"),
            RULES: pd.Series([rules_text(row) for row in rows], dtype="str"),
            OUTCOME: pd.Series([str(row.outcome) for row in rows], dtype="str"),
        }
    )


def stored_answer(row: Mapping[str, Any], rules: EnsembleRules) -> Answer:
    """How an ensemble came to a stored prediction.

    Args:
        row: row of the table of predictions.
        rules: the rules of the ensemble that predicted it.
    """
    reasons = {one.name: one.reason for one in rules.rules} | {LIMITS: rules.limits.reason}
    names = filter(None, row[RULES].split(SEPARATOR))
    members = json.loads(row[MEMBERS])
    return Answer(
        route=row[ROUTE],
        members={name: MemberAnswer(score) for name, score in members.items()},
        combined=None if pd.isna(row[COMBINED]) else float(row[COMBINED]),
        rules=tuple(Applied(name, reasons[name]) for name in names),
        outcome=Outcome(row[OUTCOME]),
    )


def scores_text(answer: Answer) -> str:
    """Member → its prediction as JSON; null if it gave none."""
    scores = {name: member.score for name, member in answer.members.items()}
    return json.dumps(scores, allow_nan=False)


def rules_text(answer: Answer) -> str:
    """Names of the rules that applied."""
    return SEPARATOR.join(one.rule for one in answer.rules)


def counted(rows: pd.DataFrame) -> str:
    """The rules that applied to rows with the column ``rules``, each with the number of its rows."""
    counts = rows[RULES].str.split(SEPARATOR).explode().value_counts(sort=False)
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def applied(rows: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """(n, m) whether each of m rules applied to each of n rows with the column ``rules``."""
    found = [set(text.split(SEPARATOR)) for text in rows[RULES]]
    return pd.DataFrame({name: [name in one for one in found] for name in names}, index=rows.index)
