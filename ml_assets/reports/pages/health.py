"""Health at a glance: what a person wants to know first, as tiles."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.alert import AlertState
from ml_assets.alerts.finding import Level
from ml_assets.alerts.messages import counted
from ml_assets.alerts.severity import counts
from ml_assets.content import DAY
from ml_assets.learning.evaluation import OVERALL
from ml_assets.lineage.status.values import StageProgress
from ml_assets.monitoring.contracts.drift import CALENDAR
from ml_assets.reports.pages.state import PageState

Tone = Literal["plain", "good", "attention", "urgent"]


@dataclass(frozen=True)
class Tile:
    """One figure.

    Attributes:
        label: what it is.
        value: the figure, in a few characters.
        detail: what it means, a sentence.
        tone: whether somebody should look at it.
    """

    label: str
    value: str
    detail: str
    tone: Tone = "plain"


def tiles(state: PageState) -> list[Tile]:
    """The tiles of a pipeline."""
    return [
        _champion(state),
        _waiting(state),
        _newest(state),
        _alerts(state),
        _metric(state),
        _drift(state),
    ]


def _champion(state: PageState) -> Tile:
    champion = state.status.champion
    if champion is None:
        return Tile("Champion", "none", "No model was released yet.", "attention")
    name = f"version {champion.version}" if champion.version else f"as of {champion.as_of}"
    return Tile(
        "Champion",
        name,
        f"Serves since {champion.serves_from}, released by {champion.released_by}.",
        "good",
    )


def _waiting(state: PageState) -> Tile:
    waiting = state.status.waiting
    if not waiting:
        return Tile("Waits for a person", "nothing", "No release waits for an approval.", "good")
    days = ", ".join(one.as_of for one in waiting)
    return Tile(
        "Waits for a person", counted(len(waiting), "release"), f"As of {days}.", "attention"
    )


def _newest(state: PageState) -> Tile:
    of_predictions = [
        stage
        for stage in state.status.stages
        if stage.table == f"{state.name}/{nouns.PREDICTIONS}" and stage.last_day
    ]
    if not of_predictions:
        return Tile("Newest predictions", "none", "Nothing was predicted yet.", "attention")
    [stage] = of_predictions
    gap, distance = _without_rows(stage), _distance(stage)
    tone: Tone = "attention" if gap or stage.behind else "plain" if stage.behind is None else "good"
    detail = " ".join(filter(None, [gap, distance]))
    return Tile("Newest predictions", stage.stored_day or "none", detail, tone)


def _without_rows(stage: StageProgress) -> str:
    """That the last day of a stage has no rows; empty if it has."""
    if stage.is_last_stored:
        return ""
    later = " later" if stage.stored_day else ""
    return f"Nothing{later} was predicted: {stage.last_day} was {stage.last_state}."


def _distance(stage: StageProgress) -> str:
    """How far a stage is behind the sources; empty if it only lacks rows."""
    if stage.behind is None:
        return "How far the sources are is unknown."
    if stage.behind:
        return f"{counted(stage.behind, stage.unit)} behind the extracted sources."
    return "As new as the extracted sources." if stage.is_last_stored else ""


def _alerts(state: PageState) -> Tile:
    levels = counts(state.alerts)
    if not levels:
        return Tile("Open alerts", "none", "Nothing is known to be wrong.", "good")
    found = ", ".join(levels.values())
    taken = sum(alert.state is AlertState.ACKNOWLEDGED for alert in state.alerts)
    detail = f"{found}; {taken} acknowledged." if taken else f"{found}."
    tone: Tone = (
        "urgent"
        if Level.CRITICAL in levels
        else "attention"
        if Level.WARNING in levels
        else "plain"
    )
    return Tile("Open alerts", str(len(state.alerts)), detail, tone)


def _metric(state: PageState) -> Tile:
    """The main metric of the newest performance report."""
    reports = state.monitored.reports
    is_main = (reports["metric"] == state.metric) & (reports["segment_column"] == OVERALL)
    seen = reports[is_main & reports["value"].notna()].sort_values(DAY)
    if seen.empty:
        has_labels = state.overall["value"].notna().any()
        why = "No report has measured it yet." if has_labels else "No label has arrived yet."
        return Tile(state.metric or "Performance", "not judged", why)
    last = seen.iloc[-1]
    gain = (last["value"] - last["limit"]) * (1 if state.higher_is_better else -1)
    perhaps = " (worse, perhaps by chance)" if gain < 0 and not last["is_breached"] else ""
    parts = [
        f"{last['low']:.3f} to {last['high']:.3f}" if pd.notna(last["low"]) else "",
        f"limit {last['limit']:.3f}{perhaps}" if pd.notna(last["limit"]) else "",
        f"{last['window_first']} to {last['window_last']}",
        "provisional" if last["is_provisional"] else "",
        last["note"],
    ]
    is_good = gain >= 0 and not last["is_provisional"]
    tone: Tone = "urgent" if last["is_breached"] else "good" if is_good else "plain"
    return Tile(state.metric, f"{last['value']:.3f}", f"{'; '.join(filter(None, parts))}.", tone)


def _drift(state: PageState) -> Tile:
    drift = state.monitored.drift
    drift = drift[(drift[DAY] == drift[DAY].max()) & (drift["group"] != CALENDAR)]
    if drift.empty:
        return Tile("Drift", "unknown", "No drift report is stored yet.")
    drifted = drift["drifted"].astype("bool")
    first = drift.sort_values("likely_cause_rank").iloc[0]
    most = first[["ratio", "missing_ratio"]].max()
    return Tile(
        "Drifted features",
        f"{int(drifted.sum())} of {len(drift)}",
        f"Most: {first['feature']}, {most:.2f} × its threshold.",
        "attention" if drifted.any() else "good",
    )
