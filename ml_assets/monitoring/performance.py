"""Labels as they arrive, joined with their predictions, and performance by what is known by then.

A label belongs to the day it arrived on; performance belongs to the day that was predicted and is
computed again whenever labels of it arrive.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from ml_assets.cadence import days_between
from ml_assets.content import DAY
from ml_assets.errors import ContractViolation
from ml_assets.learning.evaluation import OVERALL, EvaluationRules, segment_metrics
from ml_assets.learning.scoring import PREDICTION_ID, prediction_ids
from ml_assets.learning.specification import ModelSpecification

PREDICTION_DAY = "prediction_day"
OF_PREDICTION = ["prediction", "model_version", "model_as_of", "is_late"]
COVERAGE, MEAN_PREDICTION = "label_coverage", "mean_prediction"
LATE_SHARE = "late_share"
"""Share of the day's rows that came after it was scored."""
ONE_CLASS = "only one class among the labels: undefined"
NO_LABELS = "no label has arrived yet"
TOO_FEW = "too few labels to judge a segment by"

MIN_SEGMENT_ROWS = 100
"""Labels of a day that a segment is judged by; with fewer its metric is noise."""


def arrived_labels(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    day: str,
    bounds: tuple[datetime, datetime],
    scored_days: Collection[str],
    key: Sequence[str],
    segments: Sequence[str],
    label: str,
    known_at: str,
    delay_days: int,
    within_days: int,
    of_day: str = DAY,
) -> pd.DataFrame:
    """Labels that arrived on a day, each with its prediction.

    A label arrives when it is known, ``delay_days`` later, and not before the day of its prediction
    begins: what is known earlier arrives on that day. So does a label of which nobody knows when it
    was known, for its contract to reject.

    Args:
        predictions: predictions of the days that labels may belong to, with ``ds``.
        outcomes: outcomes of the same days, with ``of_day``, the key, the label and ``known_at``.
        day: the day of arrival.
        bounds: its first moment and the first moment after it.
        scored_days: days that have predictions; outcomes of other days are nobody's label.
        key: columns that identify a row in both.
        segments: columns of the predictions that performance is cut by.
        label: label column of ``outcomes``.
        known_at: column that says when the label was known.
        delay_days: days that a label takes from there to here.
        within_days: days after its prediction by which a label must have arrived.
        of_day: column of ``outcomes`` with the day of the prediction.

    Returns:
        Rows of the pipeline's label contract. A label without a prediction has no ``prediction``,
        so that its contract rejects it; the same label twice is one.

    Raises:
        ContractViolation: a label arrives later than ``within_days`` allows.
    """
    outcomes = outcomes.assign(**{DAY: outcomes[of_day].astype("str")})
    outcomes = outcomes[outcomes[DAY].isin(scored_days) & (outcomes[DAY] <= day)]
    arrived_at = outcomes[known_at] + pd.Timedelta(days=delay_days)
    _refuse_too_late(outcomes[arrived_at >= bounds[1]], day, within_days)
    is_early = (outcomes[DAY] == day) & ~(arrived_at >= bounds[0])
    arrived = outcomes[is_early | ((arrived_at >= bounds[0]) & (arrived_at < bounds[1]))]
    labels = pd.DataFrame(
        {
            DAY: day,
            PREDICTION_ID: prediction_ids(arrived, key),
            PREDICTION_DAY: arrived[DAY],
            "label": arrived[label].astype("float64"),
            "known_at": arrived[known_at],
        }
    ).drop_duplicates()
    known = predictions[[PREDICTION_ID, *OF_PREDICTION, *segments]]
    return labels.merge(known, on=PREDICTION_ID, how="left", validate="many_to_one")


def _refuse_too_late(not_arrived: pd.DataFrame, day: str, within_days: int) -> None:
    """A label that no later day would look back on must not be lost in silence."""
    ages = {of_day: days_between(of_day, day) for of_day in not_arrived[DAY].unique()}
    overdue = not_arrived[not_arrived[DAY].map(ages) >= within_days]
    if len(overdue):
        raise ContractViolation(
            f"{len(overdue)} labels of {overdue[DAY].iloc[0]} have not arrived {within_days} days "
            "later, and no later day looks back on them. Raise 'arrive_within_days' of the labels in "
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
    """Metrics of a day's predictions by the labels that have arrived.

    Rows that came late were not predicted in time: they count in ``late_share`` alone.

    Args:
        specification: the model's.
        predictions: (n, …) predictions of the day.
        labels: labels that arrived on any day, in the order of arrival; of a label that came twice
            the last counts.
        segments: columns whose values are judged one by one.
        day: the day.
        rules: what is measured.

    Returns:
        Rows of the ``Performance`` contract; coverage is there even when no label is.
    """
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
        "mean_label": labelled[specification.label].mean(),
    }
    coverage = len(labelled) / len(predictions) if len(predictions) else float("nan")
    further = [
        {**overall, "metric": COVERAGE, "value": coverage},
        {**overall, "metric": MEAN_PREDICTION, "value": predictions["prediction"].mean()},
        {**overall, "metric": LATE_SHARE, "value": late_share},
    ]
    if labelled.empty:
        main, *_ = rules.of_task(specification.task)
        further.append({**overall, "metric": main, "value": math.nan})
    found = pd.DataFrame([*metrics.to_dict("records"), *further])
    notes = [_note(row, is_predicted=len(predictions) > 0) for row in found.to_dict("records")]
    return found.assign(note=notes)


def _note(row: Mapping[Any, Any], *, is_predicted: bool) -> str:
    if not pd.isna(row["value"]):
        return ""
    if not is_predicted:
        return "nothing was predicted"
    if row["segment_column"] != OVERALL and row["rows"] < MIN_SEGMENT_ROWS:
        return TOO_FEW
    return ONE_CLASS if row["rows"] else NO_LABELS


def headline(found: pd.DataFrame) -> dict[str, float | str]:
    """The overall metrics for people and for plots over the days; undefined ones say why."""
    overall = found[found["segment_column"] == OVERALL]
    return {
        row["metric"]: row["note"] if pd.isna(row["value"]) else float(row["value"])
        for row in overall.to_dict("records")
    }
