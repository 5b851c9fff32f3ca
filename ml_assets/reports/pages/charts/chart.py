"""A chart of a page: a Vega-Lite specification without colours, and the table that it shows.

The page draws the chart in the colours of the reader's theme and offers the same rows as a table.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ml_assets.content import DAY

if TYPE_CHECKING:
    import altair as alt

Kind = Literal["partition", "number", "text"]

ROWS = "rows"
"""Name of the data in a specification."""

DIGITS = 5
"""Significant digits of numbers in a page: more than a chart can show."""


@dataclass(frozen=True)
class Column:
    """A column of the table behind a chart.

    Attributes:
        name: field of the specification.
        title: heading.
        kind: how it is shown; a partition is drawn at the time at which it begins.
    """

    name: str
    title: str
    kind: Kind = "number"


PARTITION = Column(DAY, "Partition", "partition")

EXTENT = 38
"""Pixels of the vertical axes of charts below each other, whose time axes then begin at the same place."""

TIME_FORMAT = {
    "year": "%Y",
    **dict.fromkeys(("quarter", "month"), "%b %Y"),
    **dict.fromkeys(("week", "day", "date"), "%-d %b"),
    "hours": "%H:%M",
}


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        id: identifier in the page.
        title: what it shows, in a few words.
        caption: how to read it, a sentence or two.
        summary: what a reader who does not see it should know.
        spec: Vega-Lite specification, whose data is called ``ROWS``.
        columns: columns of the table.
        rows: values of the table, in the order of the columns.
        is_narrow: whether it may stand beside others.
    """

    id: str
    title: str
    caption: str
    summary: str
    spec: dict[str, Any]
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    is_narrow: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The data from which the script of the page draws the chart."""
        return {
            "id": self.id,
            "title": self.title,
            "spec": self.spec,
            "columns": [asdict(column) for column in self.columns],
            "rows": self.rows,
        }


def chart_of(
    drawn: "alt.Chart | alt.LayerChart | alt.FacetChart",
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    id: str,  # noqa: A002 - as in HTML
    title: str,
    caption: str,
    summary: str,
    is_narrow: bool = False,
) -> Chart:
    """A chart of the rows of a frame."""
    values = [_plain(frame[column.name]) for column in columns]
    whole = drawn.properties(width="container").to_dict(validate=False)
    spec = {key: value for key, value in whole.items() if key != "config"}
    return Chart(
        id, title, caption, summary, spec, columns, [*zip(*values, strict=True)], is_narrow
    )


def time_axis(padding: int = 0) -> "alt.X":
    """The horizontal axis of the partitions.

    Args:
        padding: pixels at both ends that marks reach into.
    """
    import altair as alt

    axis = alt.Axis(
        format=TIME_FORMAT,
        labelOverlap=True,
        labelSeparation=6,
        labelFlush=False,
        grid=False,
        title=None,
    )
    return alt.X(f"{DAY}:T", axis=axis, scale=alt.Scale(type="utc", padding=padding))


def _plain(values: pd.Series) -> list[Any]:
    """Values as JSON has them, numbers with few digits."""
    return [_value(value) for value in values.tolist()]


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return None if value is pd.NA else value
