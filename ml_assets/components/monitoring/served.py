"""The features that were predicted with: of the feature table, or of what services answered."""

from collections.abc import Sequence

import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.rows import logged_features
from ml_assets.planning.inputs import Input


def feature_input(pipeline: PipelineContext, *, is_logged: bool) -> Input:
    """The features of the same day, or the answers whose features the log has.

    Args:
        pipeline: the pipeline.
        is_logged: whether its predictions are from the prediction log.
    """
    return pipeline.daily_input(
        pipeline.table(nouns.LOGGED_PREDICTIONS) if is_logged else pipeline.features
    )


def counted_names(pipeline: PipelineContext, *, is_logged: bool) -> dict[str, list[str]]:
    """The columns that are counted, for the column lineage: events name features in the log."""
    if not is_logged:
        return {"counted": pipeline.names["feature_table"]}
    kinds = ("features", "numeric", "categorical", "text")
    return {"counted": [nouns.LOGGED_PREDICTIONS], **{kind: ["event_id"] for kind in kinds}}


def served_features(
    log: PredictionLog,
    pipeline: str,
    answers: pd.DataFrame,
    contract: type[Contract],
    names: Sequence[str],
) -> pd.DataFrame:
    """The features of logged predictions, which stay in the log.

    Args:
        log: the prediction log.
        pipeline: name of the pipeline.
        answers: (n,) days and event ids of its logged predictions.
        contract: contract with all columns of the features.
        names: the features.

    Returns:
        (m, …) ``ds`` and the features of those that the log still has, one row for each event.
    """
    entries = log.read(pipeline, [*answers[DAY].unique()])
    wanted = {*answers["event_id"]}
    return logged_features([one for one in entries if one.event_id in wanted], contract, names)


def profiled_before_erasure(
    ledger: Ledger, table: str, answers: pd.DataFrame, features: pd.DataFrame
) -> dict[str, Entry]:
    """Day → entry of its stored profile, of days some of whose answers the log has no more.

    Args:
        ledger: the ledger.
        table: table of the profiles.
        answers: (n,) days of logged predictions.
        features: (m,) days of those that the log still has.
    """
    found = features[DAY].value_counts()
    answered = answers[DAY].value_counts()
    days = [str(day) for day, count in answered.items() if found.get(day, 0) < count]
    latest = ledger.latest(table, days) if days else {}
    return {day: entry for day, entry in latest.items() if entry.status is Status.STORED}
