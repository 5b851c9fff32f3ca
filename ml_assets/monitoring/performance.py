"""Labels that arrived on a day, joined with their predictions, and the performance of a day.

Labels are partitioned by their day of arrival. Performance is partitioned by the predicted day and
recomputed whenever labels for it arrive.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

import pandas as pd

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.errors import ContractViolation
from ml_assets.learning.evaluation import OVERALL, EvaluationRules, segment_metrics
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.predictions import PREDICTION, prediction_columns, probability_column
from ml_assets.learning.scoring import PREDICTION_ID, prediction_ids
from ml_assets.learning.specification import Classes, ModelSpecification

PREDICTION_DAY = "prediction_day"
OF_PREDICTION = ["model_version", "model_as_of", "is_late"]
COVERAGE, MEAN_PREDICTION = "label_coverage", "mean_prediction"
PREDICTED_SHARE, MEAN_PROBABILITY = "predicted_share", "mean_probability"
"""Names of metrics, followed by ``_`` and a class: share of the predictions that are of the class, and
its mean probability."""
LATE_SHARE = "late_share"
"""Name of the metric: share of the day's rows that arrived after the day was scored."""
ONE_CLASS = "only one class among the labels: undefined"
SOME_CLASSES = "not every class is among the labels: undefined"
NOTHING = "nothing was predicted"
NO_LABELS = "no label has arrived yet"
TOO_FEW = "too few labels to judge the segment"

MIN_SEGMENT_ROWS = 100
"""Labels of a day that a segment needs; with fewer, its metric is noise."""


def arrived_labels(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    day: str,
    calendar: Calendar,
    scored_days: Collection[str],
    key: Sequence[str],
    segments: Sequence[str],
    label: str,
    known_at: str,
    delay: timedelta,
    within: int,
    of_day: str = DAY,
    classes: Classes = (),
    only_predicted: bool = False,
) -> pd.DataFrame:
    """Labels that arrived on a day, each with its prediction.

    A label arrives ``delay`` after it was known. Labels that were known before the day of
    their prediction arrive on that day. So do labels without ``known_at``, for rejection.

    Args:
        predictions: predictions of the days that labels may belong to, with ``ds``.
        outcomes: outcomes of the same days, with ``of_day``, the key, the label and ``known_at``.
        day: the day of arrival.
        calendar: partitions of predictions and labels.
        scored_days: days with predictions; outcomes of other days are ignored.
        key: columns that identify a row in both.
        segments: segment columns of the predictions.
        label: label column of ``outcomes``.
        known_at: column with the time at which the label was known.
        delay: time from ``known_at`` to the arrival of a label.
        within: number of partitions after its prediction by which a label must have arrived.
        of_day: column of ``outcomes`` with the day of the prediction.
        classes: classes of a multiclass task; empty for other tasks.
        only_predicted: labels without a prediction are left out, as nobody has to request one.

    Returns:
        Rows of the pipeline's label contract, without duplicates. Another label without a prediction
        has a null ``prediction``, so that its contract rejects it.

    Raises:
        ContractViolation: a label arrives later than ``within`` allows.
    """
    outcomes = outcomes.assign(**{DAY: outcomes[of_day].astype("str")})
    outcomes = outcomes[outcomes[DAY].isin(scored_days) & (outcomes[DAY] <= day)]
    arrived_at = outcomes[known_at] + delay
    start, end = calendar.bounds(day)
    _refuse_too_late(outcomes[arrived_at >= end], day, within, calendar)
    is_early = (outcomes[DAY] == day) & ~(arrived_at >= start)
    arrived = outcomes[is_early | ((arrived_at >= start) & (arrived_at < end))]
    labels = pd.DataFrame(
        {
            DAY: day,
            PREDICTION_ID: prediction_ids(arrived, key),
            PREDICTION_DAY: arrived[DAY],
            "label": arrived[label] if classes else arrived[label].astype("float64"),
            "known_at": arrived[known_at],
        }
    ).drop_duplicates()
    known = predictions[[PREDICTION_ID, *prediction_columns(classes), *OF_PREDICTION, *segments]]
    how: Literal["inner", "left"] = "inner" if only_predicted else "left"
    return labels.merge(known, on=PREDICTION_ID, how=how, validate="many_to_one")


def _refuse_too_late(not_arrived: pd.DataFrame, day: str, within: int, calendar: Calendar) -> None:
    """Refuse labels that no later day would process."""
    ages = {of_day: calendar.between(of_day, day) for of_day in not_arrived[DAY].unique()}
    overdue = not_arrived[not_arrived[DAY].map(ages) >= within]
    if len(overdue):
        raise ContractViolation(
            f"{len(overdue)} labels of {overdue[DAY].iloc[0]} have not arrived {within} "
            f"{calendar.cadence} partitions later, and no later one processes them. Raise 'arrive_within' of the labels in "
            "defs.yaml."
        )


def performance(
    specification: ModelSpecification,
    predictions: pd.DataFrame,
    labels: pd.DataFrame,
    segments: Sequence[str],
    *,
    day: str,
    rules: EvaluationRules,
) -> pd.DataFrame:
    """Metrics of a day's predictions, from the labels that have arrived.

    Late rows, which were not predicted in time, count in ``late_share`` only.

    Args:
        specification: specification of the model.
        predictions: (n, …) predictions of the day.
        labels: labels that arrived on any day, in the order of arrival; the last of repeated labels
            counts.
        segments: segment columns.
        day: the predicted day.
        rules: metrics to compute.

    Returns:
        Rows of the ``Performance`` contract, including coverage even without labels.
    """
    classes = specification.classes
    late_share = predictions["is_late"].mean()
    predictions = predictions[~predictions["is_late"]]
    last = labels.drop_duplicates(PREDICTION_ID, keep="last")[[PREDICTION_ID, "label"]]
    labelled = predictions.merge(last, on=PREDICTION_ID, validate="one_to_one").rename(
        columns={"label": specification.label}
    )
    metrics = segment_metrics(
        specification,
        labelled.assign(**{DAY: day}),
        segments,
        rules,
        min_rows=MIN_SEGMENT_ROWS,
    )
    overall = {
        DAY: day,
        "segment_column": OVERALL,
        "segment": OVERALL,
        "rows": len(labelled),
        "mean_label": math.nan if classes else labelled[specification.label].mean(),
    }
    coverage = len(labelled) / len(predictions) if len(predictions) else float("nan")
    further = [
        {**overall, "metric": COVERAGE, "value": coverage},
        *(
            {**overall, "metric": name, "value": value}
            for name, value in _of_predictions(predictions, classes).items()
        ),
        {**overall, "metric": LATE_SHARE, "value": late_share},
    ]
    if labelled.empty:
        main, *_ = rules.of_task(specification.task)
        further.append({**overall, "metric": main, "value": math.nan})
    found = pd.DataFrame([*metrics.to_dict("records"), *further])
    notes = [_note(row, is_predicted=len(predictions) > 0) for row in found.to_dict("records")]
    return found.assign(note=notes)


def _of_predictions(predictions: pd.DataFrame, classes: Classes) -> dict[str, float]:
    """Metrics of predictions alone, without labels: the mean, or the shares of the classes."""
    if not classes:
        return {MEAN_PREDICTION: predictions[PREDICTION].mean()}
    shares = {
        f"{PREDICTED_SHARE}_{name}": (predictions[PREDICTION] == name).mean() for name in classes
    }
    means = {
        f"{MEAN_PROBABILITY}_{name}": predictions[probability_column(name)].mean()
        for name in classes
    }
    return {**shares, **means}


def _note(row: Mapping[Any, Any], *, is_predicted: bool) -> str:
    if not pd.isna(row["value"]):
        return ""
    if not is_predicted:
        return NOTHING
    if row["segment_column"] != OVERALL and row["rows"] < MIN_SEGMENT_ROWS:
        return TOO_FEW
    if not row["rows"]:
        return NO_LABELS
    return SOME_CLASSES if METRICS[row["metric"]].needs_all_classes else ONE_CLASS


def headline(found: pd.DataFrame) -> dict[str, float | str]:
    """The overall metrics as metadata; the note instead of an undefined value."""
    overall = found[found["segment_column"] == OVERALL]
    return {
        row["metric"]: row["note"] if pd.isna(row["value"]) else float(row["value"])
        for row in overall.to_dict("records")
    }
