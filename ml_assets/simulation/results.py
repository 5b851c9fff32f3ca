"""What a backtest gave: metrics by month, retrainings and what became of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.cadence import Span
from ml_assets.configuration.documents import pipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.learning.metrics import METRICS, Scored
from ml_assets.ledger.entries import usable_hashes
from ml_assets.monitoring.contracts.retraining import RETRAIN
from ml_assets.simulation.plans import BacktestPlan

PROMOTED = "promoted"
"""What became of a model that is a champion."""


@dataclass
class BacktestResult:
    """What living through history gave.

    Attributes:
        policy: name of the policy.
        metric: name of the pipeline's main metric.
        months: month → predictions labelled, the metric of all of them, days with structural drift
            (0 when the policy does not look at drift).
        mean: mean of the months.
        retrains: as-of day, reason, and what became of the release of each model asked for:
            promoted, or the verdict that kept it from that.
        not_scored: day → why it has no predictions.
        failures: step → error of everything else that failed.
        seconds: how long it took.
        peak_mib: largest memory of its process.
        inputs: hash of the data, code and policy it comes from.
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
    """What is stored of a pipeline between the plan's days, month by month.

    Args:
        lake: where the decisions were made.
        plan: pipeline and days.
    """
    days = Span(plan.start, plan.end).days()
    columns = ["prediction_day", "prediction", "label"]
    labels = _stored(lake, f"{plan.pipeline}/labels", columns, days)
    drift = _stored(lake, f"{plan.pipeline}/drift_report", ["group", "drifted"], days)
    said = pipeline(plan.pipeline)
    metric = said.evaluation.of_task(said.estimator.task)[0]
    months = [
        {
            "month": month,
            "rows": len(rows),
            "value": _measured(metric, rows),
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
            for day, entry in lake.ledger.latest(f"{plan.pipeline}/predictions", days).items()
            if entry.reason
        },
    )


def _measured(metric: str, rows: pd.DataFrame) -> float | None:
    """The metric; None where it is undefined."""
    scored = Scored.of(rows["label"], rows["prediction"], rows[DAY], threshold=math.inf)
    value = METRICS[metric].value(scored)
    return None if math.isnan(value) else value


def _retrains(lake: Lake, plan: BacktestPlan) -> list[dict[str, str]]:
    asked = _stored(lake, f"{plan.pipeline}/retraining_decision", ["verdict", "as_of", "reason"])
    asked = asked[(asked["verdict"] == RETRAIN) & (asked["as_of"] <= plan.end)]
    decided = _stored(lake, f"{plan.pipeline}/release_decision", ["verdict", "reason"])
    decisions = decided.set_index(DAY)
    released = set(_stored(lake, f"{plan.pipeline}/champion", ["fingerprint"])[DAY])
    return [
        {
            "as_of": row["as_of"],
            "reason": row["reason"],
            "release": PROMOTED
            if row["as_of"] in released
            else str(decisions["verdict"].get(row["as_of"], "not decided")),
            "release_reason": str(decisions["reason"].get(row["as_of"], "")),
        }
        for row in asked.sort_values(DAY).to_dict("records")
    ]


def _stored(
    lake: Lake, table: str, columns: Sequence[str], days: Sequence[str] | None = None
) -> pd.DataFrame:
    """Rows of the days that may be read; none, with the columns, when there are none."""
    there = sorted(usable_hashes(lake.ledger.latest(table, days)))
    if not there:
        return pd.DataFrame(columns=[DAY, *columns])
    return lake.read(table, there, columns=[DAY, *columns])


def save(results: Sequence[BacktestResult], path: Path) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(result) for result in results], indent=2), "utf-8")
