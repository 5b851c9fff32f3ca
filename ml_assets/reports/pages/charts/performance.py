"""Charts of performance: the main metric and label coverage by partition, the main metric by segment."""

import numpy as np
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

HEIGHT, LOW_HEIGHT, STEP = 240, 90, 22
"""Pixels of a chart, of a low one, and of a row of segments."""

MOVING = 7
"""Partitions of the moving mean, which evens out weekdays."""

RECENT = 28
"""Newest partitions that the value of a segment is a mean of."""

MAX_SEGMENTS = 20
"""Segments that are shown, those with most labels."""


def performance_charts(state: PageState) -> list[Chart]:
    """The main metric by partition, label coverage, and the main metric by segment."""
    found = state.monitored.performance
    main = found[found["metric"] == state.metric]
    overall = main[main["segment_column"] == OVERALL].sort_values(DAY)
    if not overall["value"].notna().any():
        return []
    coverage = found[found["metric"] == COVERAGE].sort_values(DAY)
    segments = [
        _segments(state, str(column), rows, overall)
        for column, rows in main[main["segment_column"] != OVERALL].groupby("segment_column")
    ]
    return [_metric(state, overall), _coverage(coverage), *filter(None, segments)]


def _metric(state: PageState, overall: pd.DataFrame) -> Chart:
    import altair as alt

    frame = overall.assign(
        moving=overall["value"]
        .rolling(MOVING, min_periods=1)
        .mean()
        .where(overall["value"].notna()),
        released=_at_release(state, overall[DAY]),
    )
    tooltip = [
        alt.Tooltip(f"{DAY}_text:N", title="Partition"),
        alt.Tooltip("value:Q", title=state.metric, format=".4f"),
        alt.Tooltip("moving:Q", title=f"mean of {MOVING}", format=".4f"),
        alt.Tooltip("released:Q", title="at release", format=".4f"),
        alt.Tooltip("rows:Q", title="labels", format=","),
    ]
    y = alt.Y("value:Q").title(None).scale(zero=False).axis(minExtent=EXTENT, maxExtent=EXTENT)
    base = alt.Chart(alt.NamedData(ROWS)).encode(x=time_axis())
    drawn = alt.layer(
        base.mark_point(style="faint", size=18, filled=True).encode(y=y, tooltip=tooltip),
        base.mark_line(style="quiet", interpolate="step-after").encode(y="released:Q"),
        base.mark_line(style="accent").encode(y="moving:Q"),
    ).properties(height=HEIGHT)
    last = frame[frame["value"].notna()].iloc[-1]
    better = "higher" if state.higher_is_better else "lower"
    return chart_of(
        drawn,
        frame,
        [
            PARTITION,
            Column("value", state.metric),
            Column("moving", f"Mean of {MOVING}"),
            Column("released", "At release"),
            Column("rows", "Labels"),
        ],
        id="performance",
        title=f"{state.metric} by {state.calendar.cadence.unit}",
        caption=f"Dots are single {state.calendar.cadence.unit}s, the line is the mean of the last {MOVING}, the dashed line the value of the champion at its release. A {better} value is better.",
        summary=f"{state.metric} was {last['moving']:.3f} on average in the {MOVING} partitions to {last[DAY]}.",
    )


def _at_release(state: PageState, days: pd.Series) -> np.ndarray:
    """(n,) metric at release of the champion of each day."""
    champions = state.released.champions
    champions = champions[champions["metric"] == state.metric].sort_values("serves_from")
    if champions.empty:
        return np.full(len(days), np.nan)
    place = np.searchsorted(
        champions["serves_from"].to_numpy("object"), days.to_numpy("object"), side="right"
    )
    return np.array([np.nan, *champions["value"]])[place]


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


def _segments(
    state: PageState, column: str, rows: pd.DataFrame, overall: pd.DataFrame
) -> Chart | None:
    """The main metric of each segment in the newest partitions, weighted by their labels."""
    import altair as alt

    first = sorted(overall[DAY])[-RECENT:][0]
    recent = rows[(rows[DAY] >= first) & rows["value"].notna()]
    if recent.empty:
        return None
    frame = pd.DataFrame(
        [
            {"segment": name, **_weighted(of_segment)}
            for name, of_segment in recent.groupby("segment", observed=True)
        ]
    )
    frame = frame.sort_values("rows", ascending=False).head(MAX_SEGMENTS)
    of_all = overall[(overall[DAY] >= first) & overall["value"].notna()]
    frame["overall"] = _weighted(of_all)["value"]
    frame = frame.sort_values("value", ascending=not state.higher_is_better)
    base = alt.Chart(alt.NamedData(ROWS)).encode(
        y=alt.Y("segment:N").title(None).sort(None).axis(labelLimit=120)
    )
    tooltip = [
        alt.Tooltip("segment:N", title=column),
        alt.Tooltip("value:Q", title=state.metric, format=".4f"),
        alt.Tooltip("lowest:Q", title="lower quarter", format=".4f"),
        alt.Tooltip("highest:Q", title="upper quarter", format=".4f"),
        alt.Tooltip("rows:Q", title="labels", format=","),
    ]
    drawn = alt.layer(
        base.mark_rule(style="quiet").encode(x="overall:Q", y=alt.value(0), y2=alt.value("height")),
        base.mark_rule(style="span").encode(
            x=alt.X("lowest:Q").title(None).scale(zero=False).axis(tickCount=5), x2="highest:Q"
        ),
        base.mark_point(style="dot", filled=True, size=70).encode(x="value:Q", tooltip=tooltip),
    ).properties(height=STEP * len(frame))
    worst = frame.iloc[-1]
    return chart_of(
        drawn,
        frame,
        [
            Column("segment", column, "text"),
            Column("value", state.metric),
            Column("lowest", "Lower quarter"),
            Column("highest", "Upper quarter"),
            Column("rows", "Labels"),
            Column("overall", "All rows"),
        ],
        id=f"segments-{column}",
        title=f"{state.metric} by {column}",
        caption=f"Mean of the last {RECENT} partitions, weighted by labels; bars reach from the lower to the upper quarter of the partitions, the dashed line is the value of all rows. Partitions with too few labels of a segment do not count.",
        summary=f"The weakest is {worst['segment']} with {worst['value']:.3f}, against {worst['overall']:.3f} of all rows.",
        is_narrow=True,
    )


def _weighted(rows: pd.DataFrame) -> dict[str, float]:
    value = float(np.average(rows["value"], weights=rows["rows"]))
    low, high = rows["value"].quantile([0.25, 0.75])
    return {"value": value, "lowest": low, "highest": high, "rows": int(rows["rows"].sum())}
