"""The retraining decision of a day, from evidence and a policy.

The evidence is what was known at the end of the day: arrived labels, drift reports, the champion
and earlier retraining requests. Labels that arrive later never change a decision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.cadence import DAYS, day_of
from ml_assets.content import DAY
from ml_assets.durations import partitions
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.predictions import scored_rows
from ml_assets.monitoring.calibration import Calibration, calibration
from ml_assets.monitoring.contracts.retraining import KEEP, RETRAIN
from ml_assets.monitoring.drift_windows import (
    confirmed,
    drift_in_windows,
    drifted,
    is_judged,
    of_day,
)
from ml_assets.monitoring.evidence import RetrainingEvidence
from ml_assets.monitoring.policy import Policy
from ml_assets.release.champion import Champion


@dataclass(frozen=True)
class _Window:
    """The champion's performance in one window with enough labels."""

    metric: float
    calibration: Calibration
    labels: int


@dataclass(frozen=True)
class _Signal:
    """Result of one rule: whether it requests a retraining, and its finding as text."""

    rule: str
    is_raised: bool
    finding: str


def decide(evidence: RetrainingEvidence, policy: Policy) -> pd.DataFrame:
    """Decide on a day's evidence.

    Args:
        evidence: what was known at the end of the day.
        policy: the retraining policy.

    Returns:
        One row of the ``RetrainingDecision`` contract with ``ds``.
    """
    windows = [
        _window(evidence, policy, end)
        for end in policy.window_ends(evidence.day, evidence.calendar)
    ]
    signals = _signals(evidence, policy, windows)
    verdict, rule, reason = _verdict(evidence, policy, signals)
    champion, newest = evidence.champion, windows[0]
    drift = of_day(evidence.drift, evidence.day, _reference(evidence))
    nan = float("nan")
    return pd.DataFrame(
        [
            {
                DAY: evidence.day,
                "verdict": verdict,
                "reason": reason,
                "rule": rule,
                "policy": policy.name,
                "as_of": evidence.next_as_of if verdict == RETRAIN else "",
                "champion": champion.fingerprint if champion else "",
                "champion_as_of": champion.as_of if champion else "",
                "metric_at_release": champion.value if champion else nan,
                "metric_now": newest.metric if newest else nan,
                "mean_prediction": newest.calibration.mean_prediction if newest else nan,
                "mean_label": newest.calibration.mean_label if newest else nan,
                "labels": newest.labels if newest else 0,
                "drifted_structural": drifted(drift, "structural"),
                "drifted_features": drifted(drift),
                "strongest_drift": _strongest(drift),
                "data_growth": _growth(evidence) if champion else nan,
                "asked_before": len(_within_budget(evidence, policy)),
            }
        ]
    )


def _verdict(
    evidence: RetrainingEvidence, policy: Policy, signals: Sequence[_Signal]
) -> tuple[str, str, str]:
    """Verdict, deciding rule, and reason."""
    raised = [signal for signal in signals if signal.is_raised]
    if not raised:
        return KEEP, "nothing", "; ".join(signal.finding for signal in signals)
    reason = "; ".join(signal.finding for signal in raised)
    if limit := _limit(evidence, policy):
        rule, why = limit
        return KEEP, rule, f"{reason}; but {why}"
    return RETRAIN, raised[0].rule, reason


def _limit(evidence: RetrainingEvidence, policy: Policy) -> tuple[str, str] | None:
    """The limit that prevents a retraining, and the reason; None for none."""
    last, calendar = max(evidence.requested_days, default=None), evidence.calendar
    cooldown = partitions(policy, "cooldown", calendar)
    if last is not None and calendar.between(last, evidence.day) < cooldown:
        age = DAYS.between(day_of(last), day_of(evidence.day))
        why = f"a retraining was requested {age} days ago, on {last}"
        return "cooldown", f"{why}, and the cooldown is {policy.cooldown.words}"
    if evidence.champion and len(_within_budget(evidence, policy)) >= policy.budget:
        limit = f"{policy.budget} in {policy.budget_window.words}"
        return "budget", f"the budget of {limit} is exhausted"
    return None


def _signals(
    evidence: RetrainingEvidence, policy: Policy, windows: Sequence[_Window | None]
) -> list[_Signal]:
    champion = evidence.champion
    if champion is None:
        return [_first_model(evidence, policy)]
    found = list[_Signal]()
    if evidence.new_members:
        new = ", ".join(f"{name} as of {as_of}" for name, as_of in evidence.new_members.items())
        found.append(_Signal("members", True, f"members have a new champion: {new}"))
    if policy.performance_drop is not None:
        found.append(_performance(evidence, champion, policy, windows))
    if policy.calibration_error is not None:
        found.append(_calibration(evidence, policy, windows))
    if policy.drifted_structural is not None:
        found.append(_drift(evidence, policy, policy.drifted_structural, "structural"))
    if policy.drifted_features is not None:
        found.append(_drift(evidence, policy, policy.drifted_features, None))
    if (limit := policy.data_growth) is not None:
        growth = _growth(evidence)
        grown = f"the training window has grown by {growth:.0%} since the champion's (limit {limit:.0%})"
        found.append(_Signal("data_growth", growth >= limit, grown))
    if policy.each_month:
        found.append(_new_month(evidence))
    return found or [_Signal("nothing", False, f"policy '{policy.name}' has no signals")]


def _first_model(evidence: RetrainingEvidence, policy: Policy) -> _Signal:
    minimum = partitions(policy, "min_training_window", evidence.calendar)
    is_enough = evidence.trainable_days >= minimum
    return _Signal(
        "no_champion",
        is_enough,
        f"there is no champion yet, and {evidence.trainable_days} training days "
        f"({minimum} required)",
    )


def _performance(
    evidence: RetrainingEvidence,
    champion: Champion,
    policy: Policy,
    windows: Sequence[_Window | None],
) -> _Signal:
    metric = champion.metric
    sign = 1 if METRICS[metric].higher_is_better else -1
    limit = policy.performance_drop or 0.0
    drops = [
        None
        if window is None or math.isnan(window.metric)
        else sign * (champion.value - window.metric)
        for window in windows
    ]
    raised, count = confirmed(policy, [None if d is None else d > limit for d in drops])
    if windows[0] is None:
        return _Signal("performance", False, _too_few(evidence, policy))
    if drops[0] is None:
        undefined = f"{metric} is undefined: the labels of the newest window lack a class"
        return _Signal("performance", False, undefined)
    relation = "worse" if drops[0] > 0 else "better"
    return _Signal(
        "performance",
        raised,
        f"{metric} {windows[0].metric:.3f} over the last {policy.evaluation_window.words} of labels is "
        f"{abs(drops[0]):.3f} {relation} than the {champion.value:.3f} of its release (limit "
        f"{limit:g} worse, in {count} of the last {policy.windows} windows)",
    )


def _calibration(
    evidence: RetrainingEvidence, policy: Policy, windows: Sequence[_Window | None]
) -> _Signal:
    limit = policy.calibration_error or 0.0
    errors = [None if window is None else window.calibration.error for window in windows]
    raised, count = confirmed(policy, [None if e is None else e > limit for e in errors])
    newest = windows[0]
    if newest is None:
        return _Signal("calibration", False, _too_few(evidence, policy))
    return _Signal(
        "calibration",
        raised,
        f"{newest.calibration.finding} (limit {limit:g}, in {count} of the last {policy.windows} windows)",
    )


def _drift(evidence: RetrainingEvidence, policy: Policy, limit: int, group: str | None) -> _Signal:
    rule = "drifted_structural" if group else "drifted_features"
    what = f"{group} features" if group else "features"
    ends = policy.window_ends(evidence.day, evidence.calendar)
    reference = _reference(evidence)
    newest = of_day(evidence.drift, evidence.day, reference)
    if newest.empty:
        return _Signal(rule, False, f"{evidence.day} has no drift report")
    if not is_judged(newest):
        rows = int(newest["rows"].min())
        too_few = f"the newest window has too few rows to judge drift of {what}: {rows}"
        return _Signal(rule, False, too_few)
    found = drift_in_windows(
        evidence.drift, ends, reference=reference, policy=policy, limit=limit, group=group
    )
    strongest = f", strongest {_strongest(found.reports[0])}" if found.counts[0] else ""
    return _Signal(
        rule,
        found.is_confirmed,
        f"{found.counts[0]} {what} have drifted{strongest} (limit {limit}, in {found.times} of the last "
        f"{policy.windows} windows)",
    )


def _new_month(evidence: RetrainingEvidence) -> _Signal:
    calendar = evidence.calendar
    next_month = calendar.shifted(evidence.day, 1)[:7]
    last = max(evidence.requested_days, default=None)
    month = calendar.shifted(last, 1)[:7] if last else ""
    return _Signal(
        "each_month",
        month < next_month,
        f"the last requested retraining is as of {month or 'never'}, and the month is {next_month}",
    )


def _window(evidence: RetrainingEvidence, policy: Policy, end: str) -> _Window | None:
    """Performance of the champion's own predictions in one window; None for too few labels."""
    champion, rows = evidence.champion, _labels_until(evidence, policy, end)
    if champion is None or len(rows) < policy.min_labels:
        return None
    scored = scored_rows(rows, "label", evidence.classes, np.zeros(len(rows)))
    return _Window(
        metric=METRICS[champion.metric].value(scored),
        calibration=calibration(scored, evidence.classes),
        labels=len(rows),
    )


def _labels_until(evidence: RetrainingEvidence, policy: Policy, end: str) -> pd.DataFrame:
    """Labels of the champion's own predictions in the window that ends with a partition."""
    length = partitions(policy, "evaluation_window", evidence.calendar)
    first = evidence.calendar.shifted(end, 1 - length)
    labels, champion = evidence.labels, evidence.champion
    of_champion = labels["model_version"] == (champion.fingerprint if champion else "")
    return labels[of_champion & (labels[DAY] >= first) & (labels[DAY] <= end)]


def _reference(evidence: RetrainingEvidence) -> str:
    return evidence.champion.as_of if evidence.champion else ""


def _strongest(report: pd.DataFrame) -> str:
    return str(report.sort_values("likely_cause_rank")["feature"].iloc[0]) if len(report) else ""


def _growth(evidence: RetrainingEvidence) -> float:
    return evidence.trainable_days / max(evidence.champion_days, 1) - 1


def _within_budget(evidence: RetrainingEvidence, policy: Policy) -> list[str]:
    first = policy.budget_start(evidence.day, evidence.calendar)
    return [day for day in evidence.requested_days if day > first]


def _too_few(evidence: RetrainingEvidence, policy: Policy) -> str:
    arrived, span = len(_labels_until(evidence, policy, evidence.day)), policy.evaluation_window
    wanted = f"fewer than {policy.min_labels} labels of the champion's predictions have arrived"
    return f"{wanted}: {arrived} in the last {span.words}"
