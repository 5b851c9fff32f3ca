"""Results of a backtest: metrics by month, retrainings and their releases."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.cadence import Span
from ml_assets.configuration.models import pipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.predictions import prediction_columns, scored_rows
from ml_assets.learning.specification import Classes
from ml_assets.ledger.entries import usable_hashes
from ml_assets.monitoring.contracts.retraining import RETRAIN
from ml_assets.simulation.plans import BacktestPlan

PROMOTED = "promoted"
"""Release outcome of a model that became champion."""


@dataclass
class BacktestResult:
    """Result of a backtest.

    Attributes:
        policy: name of the policy.
        metric: name of the pipeline's main metric.
        months: for each month, number of labelled predictions, their metric, and number of days
            with structural drift (0 when the policy does not use drift).
        mean: mean metric of the months.
        retrains: as-of day, reason and release outcome of each requested model: promoted, or the
            verdict of the decision.
        not_scored: day → why it has no predictions.
        failures: step → error, of all other failures.
        seconds: duration.
        peak_mib: peak memory of its process, MiB.
        inputs: hash of the data, code and policy.
    """

    policy: str
    metric: str
    months: list[dict[str, Any]]
    mean: float
    retrains: list[dict[str, str]]
    not_scored: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mib: int = 0
    inputs: str = ""


def describe(lake: Lake, plan: BacktestPlan) -> BacktestResult:
    """The result of a plan, from the tables of its pipeline.

    Args:
        lake: the lake of the backtest.
        plan: pipeline and days.
    """
    days = Span(plan.start, plan.end).days()
    config = pipeline(plan.pipeline)
    metric = config.evaluation.of_task(config.estimator.task)[0]
    classes = config.estimator.classes
    columns = ["prediction_day", *prediction_columns(classes), "label"]
    labels = _stored(lake, f"{plan.pipeline}/{nouns.LABELS}", columns, days)
    drift = _stored(lake, f"{plan.pipeline}/{nouns.DRIFT_REPORT}", ["group", "drifted"], days)
    months = [
        {
            "month": month,
            "rows": len(rows),
            "value": _measured(metric, rows, classes),
            "drifted_days": drift.loc[
                drift["drifted"].astype("bool")
                & (drift["group"] == "structural")
                & (drift[DAY].str[:7] == month),
                DAY,
            ].nunique(),
        }
        for month, rows in labels.groupby(labels["prediction_day"].str[:7])
    ]
    known = [float(month["value"]) for month in months if month["value"] is not None]
    return BacktestResult(
        policy=plan.name,
        metric=metric,
        months=months,
        mean=sum(known) / len(known) if known else float("nan"),
        retrains=_retrains(lake, plan),
        not_scored={
            day: entry.reason
            for day, entry in lake.ledger.latest(
                f"{plan.pipeline}/{nouns.PREDICTIONS}", days
            ).items()
            if entry.reason
        },
    )


def _measured(metric: str, rows: pd.DataFrame, classes: Classes) -> float | None:
    """The metric; None where it is undefined."""
    scored = scored_rows(rows, "label", classes, np.zeros(len(rows)))
    value = METRICS[metric].value(scored)
    return None if math.isnan(value) else value


def _retrains(lake: Lake, plan: BacktestPlan) -> list[dict[str, str]]:
    rows = _stored(
        lake, f"{plan.pipeline}/{nouns.RETRAINING_DECISION}", ["verdict", "as_of", "reason"]
    )
    rows = rows[(rows["verdict"] == RETRAIN) & (rows["as_of"] <= plan.end)]
    decided = _stored(lake, f"{plan.pipeline}/{nouns.RELEASE_DECISION}", ["verdict", "reason"])
    decisions = decided.set_index(DAY)
    released = set(_stored(lake, f"{plan.pipeline}/{nouns.CHAMPION}", ["fingerprint"])[DAY])
    return [
        {
            "as_of": row["as_of"],
            "reason": row["reason"],
            "release": PROMOTED
            if row["as_of"] in released
            else str(decisions["verdict"].get(row["as_of"], "not decided")),
            "release_reason": str(decisions["reason"].get(row["as_of"], "")),
        }
        for row in rows.sort_values(DAY).to_dict("records")
    ]


def _stored(
    lake: Lake, table: str, columns: Sequence[str], days: Sequence[str] | None = None
) -> pd.DataFrame:
    """Rows of the stored days; an empty frame with the columns if there are none."""
    stored = sorted(usable_hashes(lake.ledger.latest(table, days)))
    if not stored:
        return pd.DataFrame(columns=[DAY, *columns])
    return lake.read(table, stored, columns=[DAY, *columns])


def save(results: Sequence[BacktestResult], path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(result) for result in results], indent=2), "utf-8")
