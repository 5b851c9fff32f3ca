"""Figures as the evidence shows them, or why it shows none: what the gates look at, never judged here.

A figure is there once, finite, of the rows that it should be of, and holds together with the others
of its row; anything else is no evidence.
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
"""What to do about evidence that is none, and about a model that is not fit to be judged."""


@dataclass(frozen=True)
class Exhibit:
    """One table of evidence as it was found.

    Attributes:
        name: its table.
        rows: rows of the as-of day; None when there are none to read.
        problem: why it is no evidence: missing, stale, altered, of other code; empty for none.
        content_hash: data version of the rows.
    """

    name: str
    rows: pd.DataFrame | None
    problem: str = ""
    content_hash: str = ""


class NoEvidence(Exception):
    """Something that a gate needs is not there, or is not about the question.

    Args:
        what: what is the matter.
        remedy: what to do about it.
    """

    def __init__(self, what: str, remedy: str = MEASURE) -> None:
        super().__init__(f"{what}: {remedy}")


def rows_about(question: Question, exhibit: Exhibit) -> pd.DataFrame:
    """The evidence, if it is there and about these models and these rows.

    Raises:
        NoEvidence: it is not.
    """
    rows = exhibit.rows
    if exhibit.problem or rows is None:
        raise NoEvidence(f"{exhibit.name} {exhibit.problem or 'is missing'}")
    if rows.empty:
        raise NoEvidence(f"{exhibit.name} is empty")
    expected = {
        "challenger_model": (question.challenger, "is of another challenger"),
        "champion_model": (question.champion, "is of another champion"),
        "challenger_rows": (question.rows, "was not measured on the test rows"),
        "champion_rows": (question.rows, "measured the champion on other rows"),
    }
    for column, (value, otherwise) in expected.items():
        if column not in rows or set(rows[column]) != {value}:
            raise NoEvidence(f"{exhibit.name} {otherwise}")
    if not question.challenger or not question.rows:
        raise NoEvidence("it is not known which model or which rows are to be judged", TRAIN)
    return rows


def is_overall(rows: pd.DataFrame, metric: str) -> pd.Series:
    """(n,) which rows hold a metric of all test rows."""
    return (rows["metric"] == metric) & (rows["segment_column"] == OVERALL)


def overall_row(rows: pd.DataFrame, metric: str, count: int) -> Mapping[str, Any]:
    """A metric of all test rows; refused is what ``_only`` refuses."""
    found = rows[is_overall(rows, metric)]
    return _only(found, f"{metric} of all test rows", count, ("challenger", "champion"))


def segment_row(
    rows: pd.DataFrame, column: str, value: str, metric: str, count: int
) -> Mapping[str, Any]:
    """The main metric of one segment."""
    of_segment = (rows["segment_column"] == column) & (rows["segment"] == value)
    found = rows[of_segment & (rows["metric"] == metric)]
    return _only(found, f"{metric} of {column}={value}", count, ("challenger", "champion"))


def group_row(rows: pd.DataFrame, group: str, rate: str, count: int) -> Mapping[str, Any]:
    """A rate of one group, or the gap of it between all."""
    found = rows[(rows["group"] == group) & (rows["metric"] == rate)]
    return _only(found, f"{rate} of group {group}", count, ("challenger",))


def _only(found: pd.DataFrame, what: str, count: int, columns: Sequence[str]) -> Mapping[str, Any]:
    """The one row, with figures that hold together: all finite, bounds in order.

    Raises:
        NoEvidence: there is none, more than one, it was measured on other than ``count`` rows, or
            a figure is missing.
    """
    if len(found) != 1:
        raise NoEvidence(f"{what} is there {len(found)} times instead of once")
    row = {str(name): value for name, value in found.iloc[0].to_dict().items()}
    if row.get("rows") != count:
        raise NoEvidence(f"{what} was measured on {row.get('rows')} rows of {count}")
    bounds = ("improvement", "low", "high") if "improvement" in row else ("low", "high")
    for column in (*columns, *bounds):
        row[column] = finite(row.get(column), what)
    if row["low"] > row["high"]:
        raise NoEvidence(f"{what} has an interval that is upside down")
    if "improvement" in row:
        sign = 1 if METRICS[row["metric"]].higher_is_better else -1
        gain = sign * (row["challenger"] - row["champion"])
        if not math.isclose(row["improvement"], gain, abs_tol=1e-9):
            raise NoEvidence(f"{what} has a gain that is not the difference of its two values")
    return row


def finite(value: Any, what: str) -> float:
    """A figure that is one.

    Raises:
        NoEvidence: it is missing, infinite, or no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoEvidence(f"{what} is undefined")
    return float(value)
