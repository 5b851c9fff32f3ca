"""The gates of a release: conditions on evidence that fail closed.

They look at nothing but evidence, and evidence that is missing, undefined, of other models or
rows, out of date, or that cannot be judged for whatever reason does not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_assets.learning.metrics import MIN_DAYS
from ml_assets.registry.comparison import OF_FIRST
from ml_assets.registry.fairness import GAP, RATES
from ml_assets.registry.figures import (
    MEASURE,
    TRAIN,
    Exhibit,
    NoEvidence,
    finite,
    group_row,
    overall_row,
    rows_about,
    segment_row,
)
from ml_assets.registry.question import Question
from ml_assets.registry.rules import ReleaseRules

MAX_UNJUDGED = 0.1
"""Share of the test rows that may lie in groups too small to be judged."""


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
    except NoEvidence as missing:
        return Gate(name, False, str(missing), has_evidence=False)
    except Exception as error:  # whatever it is, the gate could not be judged
        return Gate(
            name,
            False,
            f"could not be judged ({type(error).__name__}: {error}): {MEASURE}",
            has_evidence=False,
        )
    return Gate(name, passed is True, reason)


def _is_unseen(question: Question, comparison: Exhibit) -> tuple[bool, str]:
    rows_about(question, comparison)
    for of, last in zip(("new model", "champion"), question.fitted_last, strict=False):
        if not last or not question.tested_first:
            raise NoEvidence(f"it is not known which days the {of} was fitted on", TRAIN)
        if last >= question.tested_first:
            raise NoEvidence(
                f"the {of} was fitted on test rows: its last training day is {last}, and the test "
                f"begins on {question.tested_first}",
                TRAIN,
            )
    if len(question.fitted_last) != (1 if question.is_first else 2):
        raise NoEvidence("it is not known which days the champion was fitted on", TRAIN)
    return True, "both were judged on the same rows, and neither was fitted on one of them"


def _beats_champion(
    question: Question, comparison: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, metric = rows_about(question, comparison), question.metrics[0]
    other = "the base rate" if question.is_first else "the champion"
    row = overall_row(rows, metric, question.count)
    required = abs(row["champion"]) * rules.min_improvement
    passed = row["improvement"] >= required
    reason = (
        f"{metric} {row['challenger']:.4f} against {row['champion']:.4f} of {other} (gain "
        f"{row['improvement']:+.4f}, {_bounds(row)}): {'at least' if passed else 'less than'} "
        f"{rules.min_improvement:.1%} better"
    )
    if question.is_first and question.task in OF_FIRST:
        also = overall_row(rows, OF_FIRST[question.task], question.count)
        if also["improvement"] <= 0:
            return False, (
                f"{also['metric']} {also['challenger']:.4f} is no better than "
                f"{also['champion']:.4f} of the base rate; {reason}"
            )
    return passed, reason


def _no_segment_degraded(
    question: Question, comparison: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, metric = rows_about(question, comparison), question.metrics[0]
    if question.is_first:
        return True, "there is no champion to be worse than"
    judged = [
        segment_row(rows, column, value, metric, size.rows)
        for (column, value), size in question.segments.items()
        if size.is_judged(rules.min_segment_rows)
    ]
    small = len(question.segments) - len(judged)
    if not judged:
        raise NoEvidence(
            f"no segment has {_enough(rules)} to be judged on",
            "name segments that have, or test on more days",
        )
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
        f"{listed or 'none'}; {limit}; {small} without "
        f"{_enough(rules)} are not judged"
    )


def _is_degraded(row: Mapping[str, Any], rules: ReleaseRules) -> bool:
    if rules.segment_rule == "literal":
        return bool(row["improvement"] < 0)
    return bool(row["high"] < -rules.segment_tolerance)


def _groups_are_close(
    question: Question, fairness: Exhibit, rules: ReleaseRules
) -> tuple[bool, str]:
    rows, column = rows_about(question, fairness), rules.gated_attribute
    rows = rows[rows["attribute"] == column]
    judged = {
        name: size.rows
        for name, size in question.groups.items()
        if size.is_judged(rules.min_segment_rows)
    }
    remedy = "gate an attribute with larger groups, or test on more days"
    if len(judged) < 2:
        raise NoEvidence(f"fewer than two groups of {column} have {_enough(rules)}", remedy)
    unjudged = question.count - sum(judged.values())
    if unjudged > MAX_UNJUDGED * question.count:
        raise NoEvidence(
            f"{unjudged} of {question.count} test rows are in groups of {column} without "
            f"{_enough(rules)}, and no more than {MAX_UNJUDGED:.0%} may be",
            remedy,
        )
    found, passed = [], True
    for rate in RATES[question.task]:
        for group, count in judged.items():
            group_row(rows, group, rate, count)
        gap = group_row(rows, GAP, rate, sum(size.rows for size in question.groups.values()))
        allowed, why = rules.max_group_gap, "the limit"
        if not question.is_first:
            of_champion = finite(gap["champion"], f"{rate} of the champion's groups")
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


def _enough(rules: ReleaseRules) -> str:
    return f"{rules.min_segment_rows} test rows on {MIN_DAYS} days"


def _bounds(row: Mapping[str, Any]) -> str:
    return (
        f"{row['low']:+.4f} to {row['high']:+.4f}"
        if row["low"] < 0
        else (f"{row['low']:.4f} to {row['high']:.4f}")
    )
