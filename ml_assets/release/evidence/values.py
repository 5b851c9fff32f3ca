"""Values of the evidence, or the reason why there is none; the gates judge them.

A value has to exist once, be finite, be measured on the test rows, and be consistent with the other
values of its row; otherwise ``NoEvidence`` is raised.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.release.evidence.question import Question

MEASURE = "materialize comparison and fairness of the day, and then release_decision"
TRAIN = "materialize training_dataset and model of the day, and all that follows"
"""Remedies for missing evidence, and for a model that cannot be judged."""


@dataclass(frozen=True)
class EvidenceTable:
    """One table of evidence.

    Attributes:
        name: noun of the table.
        rows: rows of the as-of day; None if they cannot be read.
        problem: why the rows are no evidence: missing, stale, altered, from other code; or empty.
        content_hash: data version of the rows.
    """

    name: str
    rows: pd.DataFrame | None
    problem: str = ""
    content_hash: str = ""


class NoEvidence(Exception):
    """Evidence that a gate needs is missing, or about other models or rows.

    Args:
        problem: what is missing or wrong.
        remedy: how to fix it.
    """

    def __init__(self, problem: str, remedy: str = MEASURE) -> None:
        super().__init__(f"{problem}: {remedy}")


def evidence_rows(question: Question, table: EvidenceTable) -> pd.DataFrame:
    """The rows of evidence about the models and test rows of the question.

    Raises:
        NoEvidence: they are missing, or about other models or rows.
    """
    rows = table.rows
    if table.problem or rows is None:
        raise NoEvidence(f"{table.name} {table.problem or 'is missing'}")
    if rows.empty:
        raise NoEvidence(f"{table.name} is empty")
    expected = {
        "challenger_model": (question.challenger, "is about another challenger"),
        "champion_model": (question.champion, "is about another champion"),
        "challenger_rows": (question.rows, "was not measured on the test rows"),
        "champion_rows": (question.rows, "measured the champion on other rows"),
    }
    for column, (value, otherwise) in expected.items():
        if column not in rows or set(rows[column]) != {value}:
            raise NoEvidence(f"{table.name} {otherwise}")
    if not question.challenger or not question.rows:
        raise NoEvidence("the model or the test rows are not known", TRAIN)
    return rows


def is_overall(rows: pd.DataFrame, metric: str) -> pd.Series:
    """(n,) mask of the rows with a metric of all test rows."""
    return (rows["metric"] == metric) & (rows["segment_column"] == OVERALL)


def overall_row(rows: pd.DataFrame, metric: str, count: int) -> Mapping[str, Any]:
    """The row of a metric of all test rows; raises like ``_single_row``."""
    found = rows[is_overall(rows, metric)]
    return _single_row(found, f"{metric} of all test rows", count, ("challenger", "champion"))


def segment_row(
    rows: pd.DataFrame, column: str, value: str, metric: str, count: int
) -> Mapping[str, Any]:
    """The row of a metric of one segment."""
    of_segment = (rows["segment_column"] == column) & (rows["segment"] == value)
    found = rows[of_segment & (rows["metric"] == metric)]
    return _single_row(found, f"{metric} of {column}={value}", count, ("challenger", "champion"))


def group_row(rows: pd.DataFrame, group: str, rate: str, count: int) -> Mapping[str, Any]:
    """The row of a rate of one group, or of its gap between all groups."""
    found = rows[(rows["group"] == group) & (rows["metric"] == rate)]
    return _single_row(found, f"{rate} of group {group}", count, ("challenger",))


def _single_row(
    found: pd.DataFrame, what: str, count: int, columns: Sequence[str]
) -> Mapping[str, Any]:
    """The only row, with consistent values: all finite, bounds in order.

    Raises:
        NoEvidence: there is not exactly one row, it was not measured on ``count`` rows, or its
            values are missing or inconsistent.
    """
    if len(found) != 1:
        raise NoEvidence(f"{what} has {len(found)} rows instead of one")
    row = {str(name): value for name, value in found.iloc[0].to_dict().items()}
    if row.get("rows") != count:
        raise NoEvidence(f"{what} was measured on {row.get('rows')} rows, expected {count}")
    bounds = ("improvement", "low", "high") if "improvement" in row else ("low", "high")
    for column in (*columns, *bounds):
        row[column] = finite(row.get(column), what)
    if row["low"] > row["high"]:
        raise NoEvidence(f"{what} has an interval whose lower bound is above its upper bound")
    if "improvement" in row:
        sign = 1 if METRICS[row["metric"]].higher_is_better else -1
        gain = sign * (row["challenger"] - row["champion"])
        if not math.isclose(row["improvement"], gain, abs_tol=1e-9):
            raise NoEvidence(f"{what} has a gain that is not the difference of its two values")
    return row


def finite(value: Any, what: str) -> float:
    """The value as a finite number.

    Raises:
        NoEvidence: it is missing, infinite, or no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoEvidence(f"{what} is undefined")
    return float(value)
