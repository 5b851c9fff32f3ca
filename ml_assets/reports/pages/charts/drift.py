"""Charts of drift: features by partition, and distributions now against the reference."""

from collections.abc import Sequence

import pandas as pd

from ml_assets.cadence import PARTITION_HOURS, Calendar
from ml_assets.content import DAY
from ml_assets.monitoring.contracts.drift import CALENDAR, GROUPS
from ml_assets.reports.pages.charts.chart import (
    PARTITION,
    ROWS,
    Chart,
    Column,
    chart_of,
    time_axis,
)
from ml_assets.reports.pages.charts.distributions import Distribution, distributions
from ml_assets.reports.pages.state import PageState

MONTH_HOURS = 30.4 * 24
"""Hours of a month on average."""

HEIGHT, STEP = 180, 17
"""Pixels of a distribution, and of a feature in the heat map."""

STEPS = [0.5, 1, 1.5, 2]
"""Ratios to the threshold at which the colour of the heat map changes; from 1 on, it is drift."""

MAX_DISTRIBUTIONS = 12
CLOSEST = 3
"""Features that are shown if none has drifted."""


def drift_charts(state: PageState) -> list[Chart]:
    """The heat map of features by partition; none without a drift report."""
    drift = state.monitored.drift
    shown = drift[drift["group"] != CALENDAR]
    return [_heat_map(state.calendar, shown)] if len(shown) else []


def distribution_charts(state: PageState) -> list[Chart]:
    """Now against reference, of the features that have drifted, or else of the closest ones."""
    drift, found = state.monitored.drift, state.monitored
    newest = drift[(drift[DAY] == drift[DAY].max()) & (drift["group"] != CALENDAR)]
    ranked = newest.sort_values("likely_cause_rank")
    drifted = ranked.loc[ranked["drifted"].astype("bool"), "feature"].tolist()
    chosen = drifted[:MAX_DISTRIBUTIONS] or ranked["feature"].tolist()[:CLOSEST]
    if not len(found.reference) or not len(found.profiles):
        return []
    ratios = newest.assign(most=newest[["ratio", "missing_ratio"]].max(axis=1))
    by_feature = dict(zip(ratios["feature"], ratios["most"], strict=True))
    return [
        _distribution(one, by_feature[one.feature])
        for one in distributions(found.reference, found.profiles, chosen)
    ]


def _heat_map(calendar: Calendar, drift: pd.DataFrame) -> Chart:
    import altair as alt

    frame = drift.assign(most=drift[["ratio", "missing_ratio"]].max(axis=1)).sort_values(DAY)
    order = _order(frame)
    width = PARTITION_HOURS.get(calendar.cadence, MONTH_HOURS) * 3_600_000
    drawn = (
        alt.Chart(alt.NamedData(ROWS))
        .transform_calculate(until=f"datum.{DAY} + {width:.0f}")
        .mark_rect()
        .encode(
            x=time_axis(),
            x2="until:T",
            y=alt.Y("feature:N").title(None).sort(order).axis(labelLimit=150, ticks=False),
            color=alt.Color("most:Q")
            .scale(type="threshold", domain=STEPS, range="heatmap")
            .legend(title="Distance ÷ threshold", orient="top", direction="horizontal"),
            tooltip=[
                alt.Tooltip("feature:N", title="Feature"),
                alt.Tooltip(f"{DAY}_text:N", title="Partition"),
                alt.Tooltip("ratio:Q", title="distance ÷ threshold", format=".2f"),
                alt.Tooltip("missing_ratio:Q", title="missing ÷ threshold", format=".2f"),
                alt.Tooltip("group:N", title="group"),
            ],
        )
        .properties(height=STEP * len(order))
    )
    newest = frame[frame[DAY] == frame[DAY].max()]
    drifted = newest.loc[newest["drifted"].astype("bool"), "feature"].tolist()
    return chart_of(
        drawn,
        frame,
        [
            PARTITION,
            Column("feature", "Feature", "text"),
            Column("group", "Group", "text"),
            Column("most", "Larger ratio"),
            Column("ratio", "Distance ÷ threshold"),
            Column("missing_ratio", "Missing ÷ threshold"),
        ],
        id="drift",
        title=f"Drift of {len(order)} features",
        caption="How far the last days are from the rows that the champion was trained on, relative to what is usual for the feature: orange is 1 and more. Structural features come first; features of the calendar are left out, as they move with the date.",
        summary=f"On {newest[DAY].iloc[0]}, {_counted(drifted)}.",
    )


def _order(frame: pd.DataFrame) -> list[str]:
    """Features by group, in each those first that moved most."""
    most = frame.groupby(["group", "feature"], observed=True)["most"].max().reset_index()
    most["place"] = most["group"].map(GROUPS.index)
    return most.sort_values(["place", "most"], ascending=[True, False])["feature"].tolist()


def _counted(drifted: Sequence[str]) -> str:
    if not drifted:
        return "no feature has drifted"
    verb = "feature has" if len(drifted) == 1 else "features have"
    return f"{len(drifted)} {verb} drifted: {', '.join(drifted)}"


def _distribution(found: Distribution, ratio: float) -> Chart:
    import altair as alt

    drawn = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_bar()
        .encode(
            x=alt.X("value:N")
            .title(None)
            .sort(None)
            .axis(
                labelAngle=0 if found.has_ranges else -40,
                labelOverlap=found.has_ranges,
                labelLimit=110,
            ),
            xOffset=alt.XOffset("of:N").sort(None),
            y=alt.Y("share:Q").title(None).axis(format="%", tickCount=4),
            color=alt.Color("of:N")
            .sort(None)
            .scale(range="category")
            .legend(title=None, orient="top"),
            tooltip=[
                alt.Tooltip("value:N", title=found.feature),
                alt.Tooltip("of:N", title="of"),
                alt.Tooltip("share:Q", title="share", format=".1%"),
            ],
        )
        .properties(height=HEIGHT)
    )
    missing = (
        f" Without a value: {found.now_missing:.1%} now, {found.reference_missing:.1%} in the reference."
        if max(found.now_missing, found.reference_missing) > 0
        else ""
    )
    return chart_of(
        drawn,
        found.rows(),
        [Column("value", "Value", "text"), Column("of", "Of", "text"), Column("share", "Share")],
        id=f"distribution-{found.feature}",
        title=found.feature,
        caption="",
        summary=f"{ratio:.2f} × its threshold.{missing}",
    )
