"""The gates of a release: conditions on evidence that fail closed.

They look at nothing but evidence, and evidence that is missing, undefined, of other models or
rows, out of date, or that cannot be judged for whatever reason does not pass.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.specification import Task
from ml_assets.registry.fairness import GAP, RATES
from ml_assets.registry.rules import ReleaseRules


@dataclass(frozen=True)
class Question:
    """What is to be decided, known without looking at the evidence.

    Attributes:
        task: 'classification' or 'regression'.
        metrics: names of metrics, the main one first.
        challenger: fingerprint of the new model.
        champion: fingerprint of the model to beat; empty for none.
        rows: hash of the test rows, see ``row_set``.
        count: how many these are.
        segments: (segment column, value) → test rows, of every segment there is.
        groups: group of the gated attribute → test rows.
        fitted_last: last day that each of the models was fitted on.
        tested_first: first day of the test rows.
    """

    task: Task
    metrics: Sequence[str]
    challenger: str
    champion: str
    rows: str
    count: int
    segments: Mapping[tuple[str, str], int]
    groups: Mapping[str, int]
    fitted_last: Sequence[str]
    tested_first: str

    @property
    def is_first(self) -> bool:
        """There is no champion yet, and the base rate stands in for it."""
        return not self.champion


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


@dataclass(frozen=True)
class Gate:
    """One condition of a release, and what was found.

    Attributes:
        name: what it promises.
        passed: whether it holds.
        reason: what was found.
        has_evidence: whether there was something to judge on; without it nobody can approve.
    """

    name: str
    passed: bool
    reason: str
    has_evidence: bool = True


class _NoEvidence(Exception):
    """Something that a gate needs is not there, or is not about the question."""


def judge(
    question: Question, comparison: Exhibit, fairness: Exhibit, rules: ReleaseRules
) -> list[Gate]:
    """Apply the rules to the evidence; what cannot be judged does not pass.

    Args:
        question: what is to be decided.
        comparison: the ``Comparison`` of the as-of day.
        fairness: the ``Fairness`` of the as-of day.
        rules: what is required.
    """
    return [
        _gate("is_unseen", lambda: _is_unseen(question, comparison)),
        _gate("beats_champion", lambda: _beats_champion(question, comparison, rules)),
        _gate("no_segment_degraded", lambda: _no_segment_degraded(question, comparison, rules)),
        _gate("groups_are_close", lambda: _groups_are_close(question, fairness, rules)),
    ]


def _gate(name: str, find: Callable[[], tuple[bool, str]]) -> Gate:
    try:
        passed, reason = find()
    except _NoEvidence as missing:
        return Gate(name, False, str(missing), has_evidence=False)
    except Exception as error:  # whatever it is, the gate could not be judged
        return Gate(
            name,
            False,
            f"could not be judged ({type(error).__name__}: {error})",
            has_evidence=False,
        )
    return Gate(name, passed is True, reason)


def _is_unseen(question: Question, comparison: Exhibit) -> tuple[bool, str]:
    _rows_about(question, comparison)
    for of, last in zip(("new model", "champion"), question.fitted_last, strict=False):
        if not last or not question.tested_first:
            raise _NoEvidence(f"it is not known which days the {of} was fitted on")
        if last >= question.tested_first:
            raise _NoEvidence(
                f"the {of} was fitted on test rows: its last training day is {last}, and the test "
                f"begins on {question.tested_first}"
            )
    if len(question.fitted_last) != (1 if question.is_first else 2):
        raise _NoEvidence("it is not known which days the champion was fitted on")
    return True, "both were judged on the same rows, and neither was fitted on one of them"


def _beats_champion(
    question: Question, comparison: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, metric = _rows_about(question, comparison), question.metrics[0]
    other = "the base rate" if question.is_first else "the champion"
    row = _overall(rows, metric, question.count)
    required = abs(row["champion"]) * rules.min_improvement
    passed = row["improvement"] >= required
    reason = (
        f"{metric} {row['challenger']:.4f} against {row['champion']:.4f} of {other} (gain "
        f"{row['improvement']:+.4f}, {_bounds(row)}): {'at least' if passed else 'less than'} "
        f"{rules.min_improvement:.1%} better"
    )
    if question.is_first and metric == "auc":
        brier = _overall(rows, "brier", question.count) if "brier" in question.metrics else None
        if brier is not None and brier["improvement"] <= 0:
            return False, (
                f"Brier score {brier['challenger']:.4f} is no better than {brier['champion']:.4f} of "
                f"the base rate; {reason}"
            )
    return passed, reason


def _no_segment_degraded(
    question: Question, comparison: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, metric = _rows_about(question, comparison), question.metrics[0]
    if question.is_first:
        return True, "there is no champion to be worse than"
    judged = [
        _segment(rows, column, value, metric, count)
        for (column, value), count in question.segments.items()
        if count >= rules.min_segment_rows
    ]
    small = len(question.segments) - len(judged)
    if question.segments and not judged:
        raise _NoEvidence(f"no segment has {rules.min_segment_rows} test rows to be judged on")
    degraded = [row for row in judged if _is_degraded(row, rules)]
    worst = sorted(degraded or judged, key=lambda row: row["improvement"])[: 3 if degraded else 1]
    listed = ", ".join(
        f"{row['segment_column']}={row['segment']} {row['improvement']:+.3f} ({_bounds(row)})"
        for row in worst
    )
    limit = (
        "any loss degrades"
        if rules.segment_rule == "literal"
        else f"degraded is an interval below -{rules.segment_tolerance:g}"
    )
    return not degraded, (
        f"{metric} of the {'degraded' if degraded else 'worst'} of {len(judged)} judged segments: "
        f"{listed or 'none'}; {limit}; {small} with fewer than {rules.min_segment_rows} rows are "
        "not judged"
    )


def _is_degraded(row: Mapping[str, Any], rules: ReleaseRules) -> bool:
    if rules.segment_rule == "literal":
        return bool(row["improvement"] < 0)
    return bool(row["high"] < -rules.segment_tolerance)


def _groups_are_close(
    question: Question, fairness: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, column = _rows_about(question, fairness), rules.gated_attribute
    rows = rows[rows["attribute"] == column]
    judged = [name for name, count in question.groups.items() if count >= rules.min_segment_rows]
    if len(judged) < 2:
        raise _NoEvidence(
            f"fewer than two groups of {column} have {rules.min_segment_rows} test rows"
        )
    found, passed = [], True
    for rate in RATES[question.task]:
        for group in judged:
            _group(rows, group, rate, question.groups[group])
        gap = _group(rows, GAP, rate, sum(question.groups.values()))
        allowed, why = rules.max_group_gap, "the limit"
        if not question.is_first:
            of_champion = _finite(gap["champion"], f"{rate} of the champion's groups")
            if of_champion + rules.max_gap_above_champion < allowed:
                allowed = of_champion + rules.max_gap_above_champion
                why = f"the champion's {of_champion:.3f} and {rules.max_gap_above_champion:g} more"
        is_close = gap["low"] <= allowed
        passed = passed and is_close
        found.append(
            f"{rate} {gap['challenger']:.3f} ({_bounds(gap)}), "
            f"{'not clearly' if is_close else 'clearly'} above {allowed:.3f}, {why}"
        )
    return passed, f"gaps between {len(judged)} groups of {column}: {'; '.join(found)}"


def _rows_about(question: Question, exhibit: Exhibit) -> pd.DataFrame:
    """The evidence, if it is there and about these models and these rows.

    Raises:
        _NoEvidence: it is not.
    """
    rows = exhibit.rows
    if exhibit.problem or rows is None:
        raise _NoEvidence(f"{exhibit.name} {exhibit.problem or 'is missing'}")
    if rows.empty:
        raise _NoEvidence(f"{exhibit.name} is empty")
    expected = {
        "challenger_model": (question.challenger, "is of another challenger"),
        "champion_model": (question.champion, "is of another champion"),
        "challenger_rows": (question.rows, "was not measured on the test rows"),
        "champion_rows": (question.rows, "measured the champion on other rows"),
    }
    for column, (value, otherwise) in expected.items():
        if column not in rows or set(rows[column]) != {value}:
            raise _NoEvidence(f"{exhibit.name} {otherwise}")
    if not question.challenger or not question.rows:
        raise _NoEvidence("it is not known which model or which rows are to be judged")
    return rows


def is_overall(rows: pd.DataFrame, metric: str) -> pd.Series:
    """(n,) which rows hold a metric of all test rows."""
    return (rows["metric"] == metric) & (rows["segment_column"] == OVERALL)


def _overall(rows: pd.DataFrame, metric: str, count: int) -> Mapping[str, Any]:
    found = rows[is_overall(rows, metric)]
    return _only(found, f"{metric} of all test rows", count, ("challenger", "champion"))


def _segment(
    rows: pd.DataFrame, column: str, value: str, metric: str, count: int
) -> Mapping[str, Any]:
    of_segment = (rows["segment_column"] == column) & (rows["segment"] == value)
    found = rows[of_segment & (rows["metric"] == metric)]
    return _only(found, f"{metric} of {column}={value}", count, ("challenger", "champion"))


def _group(rows: pd.DataFrame, group: str, rate: str, count: int) -> Mapping[str, Any]:
    found = rows[(rows["group"] == group) & (rows["metric"] == rate)]
    return _only(found, f"{rate} of group {group}", count, ("challenger",))


def _only(found: pd.DataFrame, what: str, count: int, columns: Sequence[str]) -> Mapping[str, Any]:
    """The one row, with figures that hold together: all finite, bounds in order.

    Raises:
        _NoEvidence: there is none, more than one, it was measured on other than ``count`` rows, or
            a figure is missing.
    """
    if len(found) != 1:
        raise _NoEvidence(f"{what} is there {len(found)} times instead of once")
    row = {str(name): value for name, value in found.iloc[0].to_dict().items()}
    if row.get("rows") != count:
        raise _NoEvidence(f"{what} was measured on {row.get('rows')} rows of {count}")
    bounds = ("improvement", "low", "high") if "improvement" in row else ("low", "high")
    for column in (*columns, *bounds):
        row[column] = _finite(row.get(column), what)
    if row["low"] > row["high"]:
        raise _NoEvidence(f"{what} has an interval that is upside down")
    if "improvement" in row:
        sign = 1 if METRICS[row["metric"]].higher_is_better else -1
        gain = sign * (row["challenger"] - row["champion"])
        if not math.isclose(row["improvement"], gain, abs_tol=1e-9):
            raise _NoEvidence(f"{what} has a gain that is not the difference of its two values")
    return row


def _finite(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _NoEvidence(f"{what} is undefined")
    return float(value)


def _bounds(row: Mapping[str, Any]) -> str:
    return (
        f"{row['low']:+.4f} to {row['high']:+.4f}"
        if row["low"] < 0
        else (f"{row['low']:.4f} to {row['high']:.4f}")
    )
