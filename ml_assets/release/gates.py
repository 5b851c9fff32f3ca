"""The gates of a release: conditions on evidence that fail closed.

They look at nothing but evidence, and evidence that is missing, undefined, of other models or
rows, out of date, or that cannot be judged for whatever reason does not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ml_assets.release.evidence.comparison import OF_FIRST, Size
from ml_assets.release.evidence.fairness import GAP, RATES
from ml_assets.release.evidence.figures import (
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
from ml_assets.release.evidence.question import Question
from ml_assets.release.evidence.unjudged import NAMED, enough, not_judged
from ml_assets.release.rules import ReleaseRules

MAX_MARGIN_SHARE = 0.1
"""Largest margin, as a share of the champion's metric: with more, nearly any model would pass."""


class GateOutcome(StrEnum):
    """What a gate found."""

    PASSED = "passed"
    APPROVABLE = "approvable"
    """A limit is broken or may be; a person can weigh that."""
    FINAL = "final"
    """A limit is broken that no approval lifts."""
    NO_EVIDENCE = "no_evidence"
    """There is nothing to judge on, which nobody can approve."""


@dataclass(frozen=True)
class Gate:
    """One condition of a release, and what was found.

    Attributes:
        name: what it promises.
        outcome: whether it holds, and what may follow if it does not.
        reason: what was found.
    """

    name: str
    outcome: GateOutcome
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the condition holds."""
        return self.outcome is GateOutcome.PASSED


Finding = tuple[GateOutcome, str]
"""The outcome of a gate, and what was found."""


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


def _gate(name: str, find: Callable[[], Finding]) -> Gate:
    try:
        return Gate(name, *find())
    except NoEvidence as missing:
        return Gate(name, GateOutcome.NO_EVIDENCE, str(missing))
    except Exception as error:  # whatever it is, the gate could not be judged
        reason = f"could not be judged ({type(error).__name__}: {error}): {MEASURE}"
        return Gate(name, GateOutcome.NO_EVIDENCE, reason)


def _is_unseen(question: Question, comparison: Exhibit) -> Finding:
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
    return (
        GateOutcome.PASSED,
        "both were judged on the same rows, and neither was fitted on one of them",
    )


def _beats_champion(question: Question, comparison: Exhibit, rules: ReleaseRules) -> Finding:
    rows, metric = rows_about(question, comparison), question.metrics[0]
    row = overall_row(rows, metric, question.count)
    other = "the base rate" if question.is_first else "the champion"
    found = (
        f"{metric} {row['challenger']:.4f} against {row['champion']:.4f} of {other} (gain "
        f"{row['improvement']:+.4f}, {_bounds(row)})"
    )
    conditions = _conditions(question, row, rules)
    if question.is_first and question.task in OF_FIRST:
        also = overall_row(rows, OF_FIRST[question.task], question.count)
        better = f"a better {also['metric']} than {also['champion']:.4f} of the base rate"
        conditions.append((also["improvement"] > 0, f"{better} (it is {also['challenger']:.4f})"))
    broken = [words for holds, words in conditions if not holds]
    if broken:
        return GateOutcome.APPROVABLE, f"{found}: required is {' and '.join(broken)}"
    return (
        GateOutcome.PASSED,
        f"{found}, as required: {' and '.join(words for _, words in conditions)}",
    )


def _conditions(
    question: Question, row: Mapping[str, Any], rules: ReleaseRules
) -> list[tuple[bool, str]]:
    """What the rule requires of the gain: whether it holds, and the requirement in words.

    Raises:
        NoEvidence: the margin is so wide that the rule would say nothing.
    """
    superior = (row["low"] > 0, "an interval above 0")
    if rules.rule == "literal":
        improved = (
            row["improvement"] >= abs(row["champion"]) * rules.min_improvement,
            f"a gain of at least {rules.min_improvement:.1%}",
        )
        return [superior, improved] if question.is_first else [improved]
    if rules.margin is None or question.is_first:
        return [superior]
    if rules.margin > abs(row["champion"]) * MAX_MARGIN_SHARE:
        raise NoEvidence(
            f"the margin of {rules.margin:g} is more than {MAX_MARGIN_SHARE:.0%} of the champion's "
            f"{row['champion']:.4f}",
            "set a smaller 'margin' under 'release' in defs.yaml",
        )
    challenger_last, champion_last = question.fitted_last
    if challenger_last <= champion_last:
        return [(superior[0], f"{superior[1]}, as it has no newer data than the champion")]
    return [(row["low"] > -rules.margin, f"an interval above -{rules.margin:g}")]


def _no_segment_degraded(question: Question, comparison: Exhibit, rules: ReleaseRules) -> Finding:
    rows, metric = rows_about(question, comparison), question.metrics[0]
    if question.is_first:
        return GateOutcome.PASSED, "there is no champion to be worse than"
    if not question.segment_columns:
        return GateOutcome.PASSED, "no segment is configured, so none was judged"
    judged = [
        segment_row(rows, column, value, metric, size.rows)
        for (column, value), size in question.segments.items()
        if size.is_judged(rules.min_segment_rows)
    ]
    remedy = "name segments that have more, or test on more days"
    left_out = "".join(
        not_judged(column, _segments_of(question, column), question.count, rules, remedy)
        for column in dict.fromkeys(column for column, _ in question.segments)
    )
    if not judged:
        raise NoEvidence(f"no segment has {enough(rules)} to be judged on", remedy)
    degraded = [row for row in judged if _is_degraded(row, rules)]
    worst = sorted(degraded or judged, key=lambda row: row["improvement"])[
        : NAMED if degraded else 1
    ]
    listed = ", ".join(
        f"{row['segment_column']}={row['segment']} {row['improvement']:+.3f} ({_bounds(row)})"
        for row in worst
    )
    limit = (
        "any loss degrades"
        if rules.segment_rule == "literal"
        else f"degraded is an interval below -{rules.segment_tolerance:g}"
    )
    return GateOutcome.APPROVABLE if degraded else GateOutcome.PASSED, (
        f"{metric} of the {'degraded' if degraded else 'worst'} of {len(judged)} judged segments: "
        f"{listed}; {limit}{left_out}"
    )


def _segments_of(question: Question, column: str) -> dict[str, Size]:
    """Segment of a column → its test rows."""
    return {value: size for (of, value), size in question.segments.items() if of == column}


def _is_degraded(row: Mapping[str, Any], rules: ReleaseRules) -> bool:
    if rules.segment_rule == "literal":
        return bool(row["improvement"] < 0)
    return bool(row["high"] < -rules.segment_tolerance)


def _groups_are_close(question: Question, fairness: Exhibit, rules: ReleaseRules) -> Finding:
    if (column := rules.gated_attribute) is None:
        return GateOutcome.PASSED, "no sensitive feature is configured, so fairness was not judged"
    rows = rows_about(question, fairness)
    rows = rows[rows["attribute"] == column]
    remedy = "gate an attribute with larger groups, or test on more days"
    outcomes, findings = [], []
    for rate in RATES[question.task]:
        sizes = question.groups[rate]
        judged = [name for name, size in sizes.items() if size.is_judged(rules.min_segment_rows)]
        left_out = not_judged(column, sizes, question.count, rules, remedy)
        if len(judged) < 2:
            raise NoEvidence(
                f"fewer than two groups of {column} have {enough(rules)} for their {rate}", remedy
            )
        for group in judged:
            group_row(rows, group, rate, sizes[group].rows)
        gap = group_row(rows, GAP, rate, question.count)
        outcome, found = _gap_within(gap, question, rules)
        outcomes.append(outcome)
        findings.append(f"{rate} of {len(judged)} groups {found}{left_out}")
    worst = max(outcomes, key=[*GateOutcome].index)
    final = (
        f". No approval lifts the limit of {rules.max_group_gap:g}: reduce the gap and train another "
        "model"
        if worst is GateOutcome.FINAL
        else ""
    )
    return worst, f"gaps between groups of {column}: {'; '.join(findings)}{final}"


def _gap_within(gap: Mapping[str, Any], question: Question, rules: ReleaseRules) -> Finding:
    """Whether one gap keeps the limit, and that relative to the champion's gap."""
    found, limit = f"{gap['challenger']:.3f} ({_bounds(gap)})", rules.max_group_gap
    if gap["challenger"] > limit:
        return GateOutcome.FINAL, f"{found}, above the limit of {limit:g}"
    above_champion = ""
    if not question.is_first:
        of_champion = finite(gap["champion"], f"{gap['metric']} of the champion's groups")
        if gap["low"] > of_champion + rules.max_gap_above_champion:
            above_champion = (
                f", clearly above the champion's {of_champion:.3f} and "
                f"{rules.max_gap_above_champion:g} more"
            )
    if gap["high"] > limit:
        return (
            GateOutcome.APPROVABLE,
            f"{found}, may be above the limit of {limit:g}{above_champion}",
        )
    outcome = GateOutcome.APPROVABLE if above_champion else GateOutcome.PASSED
    return outcome, f"{found}, within the limit of {limit:g}{above_champion}"


def _bounds(row: Mapping[str, Any]) -> str:
    return (
        f"{row['low']:+.4f} to {row['high']:+.4f}"
        if row["low"] < 0
        else (f"{row['low']:.4f} to {row['high']:.4f}")
    )
