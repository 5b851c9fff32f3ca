"""How an ensemble came to its predictions, as columns of the table of predictions."""

import numpy as np
import pandas as pd

from ml_assets.contracts.contract import computed
from ml_assets.contracts.derived import Fields
from ml_assets.learning.contracts import PREDICTED
from ml_assets.learning.ensembles.answers import LIMITS, Answers, Outcome
from ml_assets.learning.ensembles.rules import EnsembleRules

COMBINED, ROUTE, OUTCOME = "combined", "route", "outcome"


def score_column(member: str) -> str:
    """Column with the prediction of a member."""
    return f"score_{member}"


def rule_column(rule: str) -> str:
    """Column that says whether a rule applied."""
    return f"rule_{rule}"


def rule_names(rules: EnsembleRules) -> list[str]:
    """Rules that may apply to a row, the limits of a prediction among them."""
    return [*(rule.name for rule in rules.rules), LIMITS]


def ensemble_fields(rules: EnsembleRules) -> Fields:
    """Columns of an ensemble's predictions, in addition to those of every prediction."""
    members = {
        score_column(name): (
            float,
            computed(
                f"Prediction of member {name}; missing if not asked.", PREDICTED, nullable=True
            ),
        )
        for name in rules.members
    }
    applied = {
        rule_column(name): (bool, computed(f"Rule {name} applied to the row.", PREDICTED))
        for name in rule_names(rules)
    }
    return {
        COMBINED: (float, computed("Combined prediction, before the rules.", PREDICTED)),
        ROUTE: (str, computed("Route by which members were asked; empty for none.", PREDICTED)),
        OUTCOME: (
            str,
            computed(
                "What becomes of the prediction.", PREDICTED, isin=[str(one) for one in Outcome]
            ),
        ),
        **members,
        **applied,
    }


def answer_columns(rules: EnsembleRules, answers: Answers) -> pd.DataFrame:
    """(n, …) the columns of ``ensemble_fields`` for the answers of n rows."""
    rows = answers.rows
    applied = [{one.rule for one in row.rules} for row in rows]
    return pd.DataFrame(
        {
            COMBINED: np.array([np.nan if r.combined is None else r.combined for r in rows], float),
            ROUTE: pd.Series([row.route for row in rows], dtype="str"),
            OUTCOME: pd.Series([str(row.outcome) for row in rows], dtype="str"),
            **{score_column(name): _scores(name, answers) for name in rules.members},
            **{
                rule_column(name): np.array([name in names for names in applied], bool)
                for name in rule_names(rules)
            },
        }
    )


def _scores(member: str, answers: Answers) -> np.ndarray:
    found = [row.members.get(member) for row in answers.rows]
    return np.array(
        [np.nan if one is None or one.score is None else one.score for one in found], float
    )
