"""Source: predictions that match a rule for high-risk cases, of the last partition or of the log."""

from collections.abc import Iterator, Mapping

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.rules import AlertRule
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.conditions import SCORE, holds
from ml_assets.learning.predictions import PREDICTION
from ml_assets.ledger.overview import Overview
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog

ID = "prediction_id"


def high_risk_predictions(
    lake: Lake, log: PredictionLog | None, pipeline: WatchedPipeline, until: str
) -> Iterator[Finding]:
    """One finding for each rule that predictions of the last partition match.

    Args:
        lake: the project's tables.
        log: the prediction log, if there is one; its answers are of a later time than those in the lake.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
    """
    if not pipeline.rules:
        return
    is_logged = log is not None and pipeline.is_logged
    pages = _logged(log, pipeline, until) if log and is_logged else _stored(lake, pipeline, until)
    judged, found = 0, {rule.name: list[pd.DataFrame]() for rule in pipeline.rules}
    for rows in pages:
        judged += len(rows)
        for rule in pipeline.rules:
            found[rule.name].append(matching(rows, rule))
    for rule in pipeline.rules:
        matches = pd.concat(found[rule.name]) if judged else pd.DataFrame()
        if len(matches):
            yield _finding(pipeline, rule, matches, judged)


def matching(rows: pd.DataFrame, rule: AlertRule) -> pd.DataFrame:
    """The rows that match a rule, without their segments.

    Args:
        rows: (n, …) predictions with ``score`` and segments.
        rule: the rule.
    """
    return rows.loc[holds(rule.when, rows, len(rows)), [DAY, ID, SCORE]]


def _finding(pipeline: WatchedPipeline, rule: AlertRule, found: pd.DataFrame, rows: int) -> Finding:
    first = found.sort_values([SCORE, ID], ascending=[False, True]).iloc[0]
    day = str(first[DAY])
    return Finding(
        kind="high_risk_prediction",
        pipeline=pipeline.name,
        subject=rule.name,
        message=(
            f"{len(found):,} of {rows:,} predictions of {day} match '{rule.name}', the highest is "
            f"{first[SCORE]:.3g} of {first[ID]}"
        ),
        since=day,
        until=day,
        command=f"ml-assets trace {pipeline.name} --prediction {first[ID]}",
        own_level=rule.level,
    )


def _stored(lake: Lake, pipeline: WatchedPipeline, until: str) -> Iterator[pd.DataFrame]:
    table = pipeline.table(nouns.PREDICTIONS)
    day = Overview(lake.ledger.url).last_stored(table, until)
    if day is not None:
        score = SCORE if pipeline.has_classes else PREDICTION
        rows = lake.read(table, [day], columns=[DAY, ID, score, *pipeline.segments])
        yield rows.rename(columns={score: SCORE})


def _logged(log: PredictionLog, pipeline: WatchedPipeline, until: str) -> Iterator[pd.DataFrame]:
    day = log.last_day(pipeline.name, until)
    for page in log.pages(pipeline.name, day) if day else ():
        rows = pd.DataFrame([{DAY: day, **_row(one, pipeline)} for one in page])
        yield rows.astype({SCORE: float})


def _row(entry: LoggedPrediction, pipeline: WatchedPipeline) -> Mapping[str, object]:
    given = {**entry.features, **entry.request}
    score = entry.prediction.get(SCORE if pipeline.has_classes else PREDICTION)
    segments = {name: given.get(name) for name in pipeline.segments}
    return {ID: entry.prediction_id, SCORE: score, **segments}
