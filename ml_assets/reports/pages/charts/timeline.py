"""The chart of champions and decisions on one time axis."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.monitoring.contracts.retraining import KEEP, RETRAIN
from ml_assets.release.decision import AWAITING, BLOCKED, PASSED
from ml_assets.reports.pages.charts.chart import (
    PARTITION,
    ROWS,
    Chart,
    Column,
    chart_of,
    time_axis,
)
from ml_assets.reports.pages.state import PageState
from ml_assets.reports.pages.timeline import Event, events, spans

STEP, PADDING = 36, 10
"""Pixels of a lane, and at the ends of the time axis."""

SHAPES = {
    KEEP: "circle",
    PASSED: "square",
    AWAITING.replace("_", " "): "triangle-up",
    RETRAIN: "diamond",
    BLOCKED: "cross",
}
"""What was decided → shape, in the order of the colours."""


def timeline_charts(state: PageState) -> list[Chart]:
    """Champions, release decisions and retraining decisions on one time axis."""
    return [_timeline(state, found)] if (found := events(state)) else []


def _timeline(state: PageState, found: Sequence[Event]) -> Chart:
    import altair as alt

    serving = spans(state)
    frame = pd.DataFrame(
        [
            *(
                {DAY: one.first, "until": one.last, "lane": "champion", "what": one.what, "why": ""}
                for one in serving
            ),
            *(
                {
                    DAY: one.day,
                    "until": "",
                    "lane": one.lane,
                    "what": one.verdict,
                    "why": one.reason,
                }
                for one in found
            ),
        ]
    )
    lanes = ["champion", "release", "retraining"]
    base = alt.Chart(alt.NamedData(ROWS)).encode(
        x=time_axis(PADDING),
        y=alt.Y("lane:N").title(None).scale(domain=lanes).axis(ticks=False, domain=False),
    )
    tooltip: list[Any] = [
        alt.Tooltip(f"{DAY}_text:N", title="Partition"),
        alt.Tooltip("lane:N", title="of"),
        alt.Tooltip("what:N", title="what"),
    ]
    verdicts, legend = list(SHAPES), alt.Legend(orient="top", title=None, columns=3)
    is_span = "datum.lane == 'champion'"
    drawn = alt.layer(
        base.transform_filter(is_span)
        .mark_bar(style="serving", height=16, cornerRadius=3)
        .encode(x2="until:T", tooltip=tooltip),
        base.transform_filter(f"!({is_span})")
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            shape=alt.Shape("what:N")
            .scale(domain=verdicts, range=list(SHAPES.values()))
            .legend(legend),
            color=alt.Color("what:N").scale(domain=verdicts, range="category").legend(legend),
            tooltip=tooltip,
        ),
    ).properties(height=STEP * len(lanes))
    return chart_of(
        drawn,
        frame,
        [
            PARTITION,
            Column("until", "Until", "partition"),
            Column("lane", "Of", "text"),
            Column("what", "What", "text"),
            Column("why", "Why", "text"),
        ],
        id="timeline",
        title="Champions, releases and retraining",
        caption="Bars are the time in which a model serves; marks are decisions on its day.",
        summary=f"{len(serving)} champions and {len(found)} decisions.",
    )
