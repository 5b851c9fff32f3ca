"""The gates of a release: conditions on the evidence, which fail closed.

A gate reads only evidence. Evidence that is missing, undefined, outdated, about other models or
rows, or that raises an error does not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ml_assets.release.evidence.comparison import FIRST_MODEL_METRIC, Size
from ml_assets.release.evidence.fairness import GAP, RATES
from ml_assets.release.evidence.question import Question
from ml_assets.release.evidence.unjudged import MAX_NAMED, not_judged, required_size
from ml_assets.release.evidence.values import (
    MEASURE,
    TRAIN,
    EvidenceTable,
    NoEvidence,
    evidence_rows,
    finite,
    group_row,
    overall_row,
    segment_row,
)
from ml_assets.release.rules import ReleaseRules

MAX_MARGIN_SHARE = 0.1
"""Largest margin, as a share of the champion's metric; with more, almost any model passes."""


class GateOutcome(StrEnum):
    """Outcome of a gate."""

    PASSED = "passed"
    APPROVABLE = "approvable"
    """A limit is exceeded or may be; a person may approve that."""
    FINAL = "final"
    """A limit is exceeded that cannot be approved."""
    NO_EVIDENCE = "no_evidence"
    """Evidence is missing, which cannot be approved."""


@dataclass(frozen=True)
class Gate:
    """One condition of a release and its outcome.

    Attributes:
        name: the condition.
        outcome: whether the condition holds, and if not, whether it can be approved.
        reason: the values that led to the outcome.
    """

    name: str
    outcome: GateOutcome
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the condition holds."""
        return self.outcome is GateOutcome.PASSED


Finding = tuple[GateOutcome, str]
"""Outcome and reason of a gate."""


def judge(
    question: Question, comparison: EvidenceTable, fairness: EvidenceTable, rules: ReleaseRules
) -> list[Gate]:
    """Apply the rules to the evidence.

    Args:
        question: the models and rows to judge.
        comparison: the ``Comparison`` of the as-of day.
        fairness: the ``Fairness`` of the as-of day.
        rules: the limits.
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
    except Exception as error:  # fail closed on any error
        reason = f"could not be judged ({type(error).__name__}: {error}): {MEASURE}"
        return Gate(name, GateOutcome.NO_EVIDENCE, reason)


def _is_unseen(question: Question, comparison: EvidenceTable) -> Finding:
    evidence_rows(question, comparison)
    for of, last in zip(("new model", "champion"), question.fitted_last, strict=False):
        if not last or not question.tested_first:
            raise NoEvidence(f"the training days of the {of} are not known", TRAIN)
        if last >= question.tested_first:
            raise NoEvidence(
                f"the {of} was fitted on test rows: its last training day is {last}, and the test "
                f"begins on {question.tested_first}",
                TRAIN,
            )
    if len(question.fitted_last) != (1 if question.is_first else 2):
        raise NoEvidence("the training days of the champion are not known", TRAIN)
    return (
        GateOutcome.PASSED,
        "both models were measured on the same test rows, and neither was fitted on them",
    )


def _beats_champion(question: Question, comparison: EvidenceTable, rules: ReleaseRules) -> Finding:
    rows, metric = evidence_rows(question, comparison), question.metrics[0]
    row = overall_row(rows, metric, question.count)
    other = "the base rate" if question.is_first else "the champion"
    found = (
        f"{metric} {row['challenger']:.4f} against {row['champion']:.4f} of {other} (gain "
        f"{row['improvement']:+.4f}, {_bounds(row)})"
    )
    conditions = _conditions(question, row, rules)
    if question.is_first and question.task in FIRST_MODEL_METRIC:
        also = overall_row(rows, FIRST_MODEL_METRIC[question.task], question.count)
        better = f"a better {also['metric']} than {also['champion']:.4f} of the base rate"
        measured = f"{also['challenger']:.4f}, gain {also['improvement']:+.4f}, {_bounds(also)}"
        conditions.append((also["improvement"] > 0, f"{better} (it is {measured})"))
    broken = [words for holds, words in conditions if not holds]
    if broken:
        return GateOutcome.APPROVABLE, f"{found}: required {' and '.join(broken)}"
    return (
        GateOutcome.PASSED,
        f"{found}, as required: {' and '.join(words for _, words in conditions)}",
    )


def _conditions(
    question: Question, row: Mapping[str, Any], rules: ReleaseRules
) -> list[tuple[bool, str]]:
    """Requirements of the rule on the gain: whether each holds, and its description.

    Raises:
        NoEvidence: the margin is so wide that almost any model would pass.
    """
    superior = (row["low"] > 0, "an interval above 0")
    if rules.rule == "literal":
        improved = (
            row["improvement"] >= abs(row["champion"]) * rules.min_relative_improvement,
            f"a gain of at least {rules.min_relative_improvement:.1%}",
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


def _no_segment_degraded(
    question: Question, comparison: EvidenceTable, rules: ReleaseRules
) -> Finding:
    rows, metric = evidence_rows(question, comparison), question.metrics[0]
    if not question.segment_columns:
        return GateOutcome.PASSED, "no segment is configured, so none was judged"
    if question.is_first:
        return GateOutcome.PASSED, "there is no champion to compare with"
    judged = [
        segment_row(rows, column, value, metric, size.rows)
        for (column, value), size in question.segments.items()
        if size.is_judged(rules.min_segment_rows)
    ]
    remedy = "configure segments with more rows, or test on more days"
    left_out = "".join(
        not_judged(column, _segments_of(question, column), question.count, rules, remedy)
        for column in dict.fromkeys(column for column, _ in question.segments)
    )
    if not judged:
        raise NoEvidence(f"no segment has {required_size(rules)}", remedy)
    degraded = [row for row in judged if _is_degraded(row, rules)]
    worst = sorted(degraded or judged, key=lambda row: row["improvement"])[
        : MAX_NAMED if degraded else 1
    ]
    listed = ", ".join(
        f"{row['segment_column']}={row['segment']} {row['improvement']:+.3f} ({_bounds(row)})"
        for row in worst
    )
    limit = (
        "limit: any loss"
        if rules.segment_rule == "literal"
        else f"limit: an interval below -{rules.segment_tolerance:g}"
    )
    return GateOutcome.APPROVABLE if degraded else GateOutcome.PASSED, (
        f"{metric} of the {'degraded' if degraded else 'worst'} of {len(judged)} judged segments: "
        f"{listed}; {limit}{left_out}"
    )


def _segments_of(question: Question, column: str) -> dict[str, Size]:
    """Segment of a column → size of its test rows."""
    return {value: size for (of, value), size in question.segments.items() if of == column}


def _is_degraded(row: Mapping[str, Any], rules: ReleaseRules) -> bool:
    if rules.segment_rule == "literal":
        return bool(row["improvement"] < 0)
    return bool(row["high"] < -rules.segment_tolerance)


def _groups_are_close(question: Question, fairness: EvidenceTable, rules: ReleaseRules) -> Finding:
    if (column := rules.sensitive_feature) is None:
        return GateOutcome.PASSED, "no sensitive feature is configured, so fairness was not judged"
    rows = evidence_rows(question, fairness)
    rows = rows[rows["attribute"] == column]
    remedy = "gate an attribute with larger groups, or test on more days"
    outcomes, findings = [], []
    for rate in RATES[question.task]:
        sizes = question.groups[rate]
        judged = [name for name, size in sizes.items() if size.is_judged(rules.min_segment_rows)]
        left_out = not_judged(column, sizes, question.count, rules, remedy)
        if len(judged) < 2:
            raise NoEvidence(
                f"fewer than two groups of {column} have {required_size(rules)} for their {rate}",
                remedy,
            )
        for group in judged:
            group_row(rows, group, rate, sizes[group].rows)
        gap = group_row(rows, GAP, rate, question.count)
        outcome, found = _gap_within(gap, question, rules)
        outcomes.append(outcome)
        findings.append(f"{rate} of {len(judged)} groups {found}{left_out}")
    worst = max(outcomes, key=[*GateOutcome].index)
    final = (
        f". The limit of {rules.max_group_gap:g} cannot be approved: reduce the gap and train "
        "another model"
        if worst is GateOutcome.FINAL
        else ""
    )
    return worst, f"gaps between groups of {column}: {'; '.join(findings)}{final}"


def _gap_within(gap: Mapping[str, Any], question: Question, rules: ReleaseRules) -> Finding:
    """Whether one gap is within the limit, and within the limit relative to the champion's gap."""
    found, limit = f"{gap['challenger']:.3f} ({_bounds(gap)})", rules.max_group_gap
    if gap["challenger"] > limit:
        return GateOutcome.FINAL, f"{found}, above the limit of {limit:g}"
    above_champion = ""
    if not question.is_first:
        of_champion = finite(gap["champion"], f"{gap['metric']} of the champion's groups")
        if gap["low"] > of_champion + rules.max_gap_above_champion:
            above_champion = (
                f", more than {rules.max_gap_above_champion:g} above the champion's "
                f"{of_champion:.3f}"
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
