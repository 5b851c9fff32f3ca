"""Charts of performance: the main metric and label coverage by partition, the main metric by segment."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.content import DAY
from ml_assets.learning.evaluation import OVERALL
from ml_assets.monitoring.performance import COVERAGE
from ml_assets.reports.pages.charts.chart import (
    EXTENT,
    PARTITION,
    ROWS,
    Chart,
    Column,
    chart_of,
    time_axis,
)
from ml_assets.reports.pages.state import PageState

if TYPE_CHECKING:
    import altair as alt

HEIGHT, LOW_HEIGHT, STEP = 240, 90, 22
"""Pixels of a chart, of a low one, and of a row of segments."""

MOVING = 7
"""Partitions of the moving mean, which evens out weekdays."""

MAX_SEGMENTS = 25
"""Segments that are shown, those with most labels."""

OF_REPORT = ["rolling", "low", "high", "limit", "at_release", "is_provisional", "is_breached"]


def performance_charts(state: PageState) -> list[Chart]:
    """The main metric by partition, label coverage, and the main metric by segment."""
    daily = state.overall
    if not daily["value"].notna().any():
        return []
    found = state.monitored.performance
    coverage = found[found["metric"] == COVERAGE].sort_values(DAY)
    return [_metric(state, daily), _coverage(coverage), *_by_segment(state)]


def _metric(state: PageState, daily: pd.DataFrame) -> Chart:
    import altair as alt

    frame = _with_report(state, daily)
    has_report = frame["low"].notna().any()
    tooltip = [
        alt.Tooltip(f"{DAY}_text:N", title="Partition"),
        alt.Tooltip("value:Q", title="of the partition", format=".4f"),
        alt.Tooltip("rolling:Q", title="of the window", format=".4f"),
        alt.Tooltip("low:Q", title="from", format=".4f"),
        alt.Tooltip("high:Q", title="to", format=".4f"),
        alt.Tooltip("limit:Q", title="limit", format=".4f"),
        alt.Tooltip("rows:Q", title="labels", format=","),
    ]

    def y_of(column: str) -> alt.Y:
        axis = alt.Axis(title=None, minExtent=EXTENT, maxExtent=EXTENT)
        return alt.Y(f"{column}:Q", axis=axis, scale=alt.Scale(zero=False))

    base = alt.Chart(alt.NamedData(ROWS)).encode(x=time_axis())
    layers = {
        "low": base.mark_area(style="band").encode(y=y_of("low"), y2="high:Q"),
        "limit": base.mark_line(style="quiet", interpolate="step-after").encode(y="limit:Q"),
        "value": base.mark_point(style="faint", size=18, filled=True).encode(
            y=y_of("value"), tooltip=tooltip
        ),
        "rolling": base.mark_line(style="accent").encode(y="rolling:Q", tooltip=tooltip),
        "is_breached": base.transform_filter("datum.is_breached")
        .mark_point(style="alarm", shape="triangle-down", filled=True, size=55)
        .encode(y="rolling:Q", tooltip=tooltip),
    }
    drawn = alt.layer(*_with_values(layers, frame)).properties(height=HEIGHT)
    unit = state.calendar.cadence.unit
    line = (
        "the line is the window of a performance report with its interval, the dashed line the limit, triangles are drops beyond it"
        if has_report
        else f"the line is the mean of the last {MOVING}"
    )
    return chart_of(
        drawn,
        frame,
        [
            PARTITION,
            Column("value", state.metric),
            Column("rolling", "Of the window"),
            Column("low", "From"),
            Column("high", "To"),
            Column("limit", "Limit"),
            Column("at_release", "At release"),
            Column("rows", "Labels"),
            Column("is_provisional", "Provisional", "text"),
            Column("is_breached", "Beyond its limit", "text"),
        ],
        id="performance",
        title=f"{state.metric} by {unit}",
        caption=f"Dots are single {unit}s, {line}. A {'higher' if state.higher_is_better else 'lower'} value is better.",
        summary=_newest(state, frame),
    )


def _with_report(state: PageState, daily: pd.DataFrame) -> pd.DataFrame:
    """The metric by partition with its window, interval and limit; without reports, a moving mean."""
    reports = state.monitored.reports
    is_main = (reports["metric"] == state.metric) & (reports["segment_column"] == OVERALL)
    found = reports[is_main].rename(columns={"value": "rolling"})
    if found.empty:
        mean = daily["value"].rolling(MOVING, min_periods=1).mean()
        nothing = dict.fromkeys(OF_REPORT[1:-2], float("nan"))
        return daily.assign(rolling=mean, **nothing, is_provisional=False, is_breached=False)
    joined = daily[[DAY, "value", "rows"]].merge(found[[DAY, *OF_REPORT]], on=DAY, how="outer")
    flags = {name: joined[name].eq(other=True) for name in OF_REPORT[-2:]}
    return joined.assign(**flags).sort_values(DAY)


def _newest(state: PageState, frame: pd.DataFrame) -> str:
    known = frame[frame["rolling"].notna()]
    if known.empty:
        return f"{state.metric} has no value in any window yet."
    last = known.iloc[-1]
    interval = f" ({last['low']:.3f} to {last['high']:.3f})" if pd.notna(last["low"]) else ""
    limit = f", limit {last['limit']:.3f}" if pd.notna(last["limit"]) else ""
    provisional = ", provisional" if last["is_provisional"] else ""
    return f"{state.metric} was {last['rolling']:.3f}{interval} on {last[DAY]}{limit}{provisional}."


def _with_values(layers: "Mapping[str, alt.Chart]", frame: pd.DataFrame) -> "list[alt.Chart]":
    """The layers whose column has a value that is drawn: a scale of nothing has no extent."""
    drawn = frame[[*layers]].replace({False: None}).notna().any()
    return [layer for column, layer in layers.items() if drawn[column]]


def _coverage(coverage: pd.DataFrame) -> Chart:
    import altair as alt

    drawn = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_area(style="filled", interpolate="step", line=False)
        .encode(
            x=time_axis(),
            y=alt.Y("value:Q")
            .title(None)
            .scale(domain=[0, 1])
            .axis(format="%", tickCount=2, minExtent=EXTENT, maxExtent=EXTENT),
            tooltip=[
                alt.Tooltip(f"{DAY}_text:N", title="Partition"),
                alt.Tooltip("value:Q", title="labels arrived", format=".1%"),
            ],
        )
        .properties(height=LOW_HEIGHT)
    )
    last = coverage.iloc[-1]
    return chart_of(
        drawn,
        coverage,
        [PARTITION, Column("value", "Share with a label"), Column("rows", "Labels")],
        id="coverage",
        title="Labels that have arrived",
        caption="Share of the predictions whose label is known. A metric of a partition with few labels is provisional.",
        summary=f"{last['value']:.0%} of the predictions of {last[DAY]} have a label.",
    )


def _by_segment(state: PageState) -> Iterator[Chart]:
    """A chart for each segment column of the newest performance report."""
    reports = state.monitored.reports
    newest = reports[(reports[DAY] == reports[DAY].max()) & (reports["metric"] == state.metric)]
    known = newest[(newest["segment_column"] != OVERALL) & newest["value"].notna()]
    overall = newest[newest["segment_column"] == OVERALL]
    for column, rows in known.groupby("segment_column"):
        shown = rows.sort_values("rows", ascending=False).head(MAX_SEGMENTS)
        ordered = shown.sort_values("value", ascending=not state.higher_is_better)
        frame = ordered.assign(overall=overall["value"].max())
        yield _segments(state, str(column), frame, len(rows) - len(shown))


def _segments(state: PageState, column: str, frame: pd.DataFrame, left_out: int) -> Chart:
    import altair as alt

    base = alt.Chart(alt.NamedData(ROWS)).encode(
        y=alt.Y("segment:N").title(None).sort(None).axis(labelLimit=120)
    )
    tooltip = [
        alt.Tooltip("segment:N", title=column),
        alt.Tooltip("value:Q", title=state.metric, format=".4f"),
        alt.Tooltip("low:Q", title="from", format=".4f"),
        alt.Tooltip("high:Q", title="to", format=".4f"),
        alt.Tooltip("limit:Q", title="limit", format=".4f"),
        alt.Tooltip("rows:Q", title="labels", format=","),
        alt.Tooltip("window_first:N", title="since"),
    ]
    x = alt.X("value:Q", axis=alt.Axis(title=None, tickCount=5), scale=alt.Scale(zero=False))
    layers = {
        "overall": base.mark_rule(style="quiet").encode(
            x="overall:Q", y=alt.value(0), y2=alt.value("height")
        ),
        "low": base.mark_rule(style="span").encode(x="low:Q", x2="high:Q"),
        "limit": base.mark_tick(style="limit", thickness=2, height=12).encode(x="limit:Q"),
        "value": base.mark_point(style="dot", filled=True, size=70).encode(x=x, tooltip=tooltip),
        "is_breached": base.transform_filter("datum.is_breached")
        .mark_point(style="alarm", shape="triangle-down", filled=True, size=90)
        .encode(x="value:Q", tooltip=tooltip),
    }
    drawn = alt.layer(*_with_values(layers, frame)).properties(height=STEP * len(frame))
    worst = frame.iloc[-1]
    more = f" {left_out} smaller segments are left out." if left_out else ""
    return chart_of(
        drawn,
        frame,
        [
            Column("segment", column, "text"),
            Column("value", state.metric),
            Column("low", "From"),
            Column("high", "To"),
            Column("limit", "Limit"),
            Column("rows", "Labels"),
            Column("coverage", "Coverage"),
            Column("window_first", "Since", "text"),
            Column("is_provisional", "Provisional", "text"),
            Column("is_breached", "Beyond its limit", "text"),
            Column("overall", "All rows"),
        ],
        id=f"segments-{column}",
        title=f"{state.metric} by {column}",
        caption=f"Value and interval in the window of the newest report; the orange tick is the limit of the segment, the dashed line the value of all rows.{more}",
        summary=f"The weakest is {worst['segment']} with {worst['value']:.3f}, against {worst['overall']:.3f} of all rows.",
        is_narrow=True,
    )
