"""Performance of the champion in the last partitions, with intervals and limits, as known at the end of a day.

``performance`` measures single days and changes when labels arrive; a report never does. An
interval is a bootstrap of days, widened as days are few, and a limit is broken only if the interval
is beyond it, for a segment one that allows for the number of segments. A segment with too few rows
to show a drop is measured in a longer window.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.learning.evaluation import OVERALL, segment_values
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.scoring import PREDICTION_ID, are_of
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.contracts.rolling import PerformanceReport
from ml_assets.monitoring.limits import ReportRules
from ml_assets.monitoring.performance import (
    PREDICTION_DAY,
)
from ml_assets.monitoring.span import Case, Span, measured_in, simultaneous
from ml_assets.release.champion import Champion

NAN = float("nan")
TOO_YOUNG = "not judged: the champion has predicted for less than a window"
NOT_AT_RELEASE = "no limit: it was not measured at release"


def performance_report(  # noqa: PLR0917
    specification: ModelSpecification,
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    evaluation: pd.DataFrame,
    champion: Champion,
    rules: ReportRules,
    *,
    day: str,
) -> pd.DataFrame:
    """The champion's performance in the last partitions, as known at the end of a day.

    Args:
        specification: specification of the model.
        predictions: predictions of the windows' partitions, with ``ds``, model and segments; of other
            models and late ones are ignored.
        labels: labels that arrived by the day, in the order of arrival; the last of repeated labels counts.
        evaluation: rows of the ``Evaluation`` contract of the champion, which may be none.
        champion: the champion of the day.
        rules: windows, metrics and limits.
        day: the day.

    Returns:
        Rows of the ``PerformanceReport`` contract with ``ds``: all metrics of all rows, and of each segment
        the main one and those with a limit.
    """
    predictions, labels = (_of(rows, champion) for rows in (predictions, labels))
    last = labels.drop_duplicates(PREDICTION_ID, keep="last")
    last = last[are_of(last, predictions)]
    end = _end(predictions, last, rules, day)
    spans = [
        Span(specification, predictions, last, (first, end), rules) for first in rules.windows(end)
    ]
    is_whole = bool((predictions[DAY] <= spans[0].first).any())
    released = _at_release(evaluation)
    segments = list(_segments(predictions, rules.segments))
    tests = sum(spans[-1].is_enough(*segment) for segment in segments if segment[0] != OVERALL)
    judged = [rules.main(specification), *rules.performance.limits]
    records = []
    for column, value in segments:
        chosen = spans[0]
        for name in _metrics(specification, rules, column):
            then = released.get((column, value, name), {})
            candidates = spans if name in judged else [chosen]
            case = Case(column, value, name, then, 1 if column == OVERALL else tests)
            found, chosen_now = _measured(candidates, case, rules)
            if name == judged[0]:
                chosen = chosen_now
            records.append(
                {
                    DAY: day,
                    "model_as_of": champion.as_of,
                    "segment_column": column,
                    "segment": value,
                    "metric": name,
                    **(found if is_whole else _unjudged(found)),
                }
            )
    return pd.DataFrame(records, columns=[DAY, *columns(PerformanceReport)])


def report_summary(report: pd.DataFrame) -> dict[str, float | int | str]:
    """The overall values as metadata, and which limits are broken."""
    overall = report[report["segment_column"] == OVERALL]
    values = {
        row["metric"]: row["note"] if pd.isna(row["value"]) else float(row["value"])
        for row in overall.to_dict("records")
    }
    broken = report[report["is_breached"].astype("bool")]
    names = [
        f"{row['metric']} of {segment_name(row['segment_column'], row['segment'])}"
        for row in broken.to_dict("records")
    ]
    return {
        **values,
        "breached": len(names),
        **({"limits broken": ", ".join(names)} if names else {}),
    }


def segment_name(column: str, value: str) -> str:
    """A segment in words: ``region=north``."""
    return "all rows" if column == OVERALL else f"{column}={value}"


def _of(rows: pd.DataFrame, champion: Champion) -> pd.DataFrame:
    """The rows of the champion's own predictions that were made in time."""
    is_own = rows["model_version"] == champion.fingerprint
    return rows[is_own & ~rows["is_late"].astype("bool")].reset_index(drop=True)


def _end(predictions: pd.DataFrame, labels: pd.DataFrame, rules: ReportRules, day: str) -> str:
    """The newest partition that has its labels by now; the day itself if none has."""
    predicted = predictions[DAY].value_counts()
    labelled = labels[PREDICTION_DAY].value_counts()
    for end in rules.ends(day):
        count = predicted.get(end, 0)
        if count and labelled.get(end, 0) / count >= rules.performance.min_coverage:
            return end
    return day


def _segments(predictions: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield OVERALL, OVERALL
    for column in names:
        for value in sorted(segment_values(predictions[column]).unique()):
            yield column, value


def _metrics(specification: ModelSpecification, rules: ReportRules, column: str) -> list[str]:
    names = rules.evaluation.of_task(specification.task)
    shown = names if column == OVERALL else names[:1]
    return list(dict.fromkeys([*shown, *rules.performance.limits]))


def _at_release(evaluation: pd.DataFrame) -> dict[tuple[str, str, str], Mapping[Any, Any]]:
    """Segment column, segment and metric → its row on the test rows of the release."""
    return {
        (row["segment_column"], row["segment"], row["metric"]): row
        for row in evaluation[evaluation["split"] == "test"].to_dict("records")
    }


def _measured(spans: Sequence[Span], case: Case, rules: ReportRules) -> tuple[dict[str, Any], Span]:
    """A metric of a segment in the first window that shows a drop or its absence, or else in the last."""
    is_main = case.metric == rules.evaluation.of_task(METRICS[case.metric].task)[0]
    at_release = case.then.get("value", NAN)
    for span in spans:
        found = measured_in(span, case, rules)
        drop = rules.drop(is_main, found["value"] if math.isnan(at_release) else at_release)
        limit, is_beyond = _judged(found, case, rules, is_main=is_main)
        if is_beyond or (found["high"] - found["low"]) / 2 <= drop:
            break
    is_provisional = not found["coverage"] >= rules.performance.min_coverage
    lacks_limit = is_main and math.isnan(limit)
    judged = {
        **found,
        "note": found["note"] or (NOT_AT_RELEASE if lacks_limit else ""),
        "at_release": at_release,
        "limit": limit,
        "is_provisional": is_provisional,
        "is_breached": is_beyond and not is_provisional,
    }
    return judged, span


def _unjudged(found: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a champion that is younger than the shortest window."""
    return {**found, "is_breached": False, "note": found["note"] or TOO_YOUNG}


def _judged(
    now: Mapping[str, Any], case: Case, rules: ReportRules, *, is_main: bool
) -> tuple[float, bool]:
    """The limit, and whether the interval is beyond it; NaN without one.

    The value at release has an interval of its own: the loss must exceed the drop with both (the interval of a
    difference of two independent estimates, by the recovery of variances from their bounds).
    """
    then, sign = case.then, 1 if METRICS[case.metric].higher_is_better else -1
    bad, good = ("low", "high") if sign > 0 else ("high", "low")
    margin = abs(now[good] - now["value"])
    if absolute := rules.performance.limits.get(case.metric):
        limit = absolute.value
    elif is_main and not math.isnan(then.get("value", NAN)):
        limit = then["value"] - sign * rules.drop(is_main, then["value"])
        margin = math.hypot(margin, then["value"] - then[bad])
    else:
        return NAN, False
    if math.isnan(margin):
        return limit, False
    wider = simultaneous(now["days"], case.tests, rules.evaluation.confidence)
    return limit, bool(sign * (limit - now["value"]) > wider * margin)
