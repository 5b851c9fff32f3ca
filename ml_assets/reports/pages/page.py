"""Renders the page of a pipeline, and the index, from their states: the same text for the same state."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.alerts.finding import Level
from ml_assets.alerts.kinds import KINDS
from ml_assets.content import DAY
from ml_assets.monitoring.contracts.retraining import RETRAIN
from ml_assets.release.decision import AWAITING, BLOCKED, PASSED
from ml_assets.reports.pages.charts.drift import distribution_charts, drift_charts
from ml_assets.reports.pages.charts.performance import performance_charts
from ml_assets.reports.pages.charts.timeline import timeline_charts
from ml_assets.reports.pages.health import tiles
from ml_assets.reports.pages.state import IndexState, PageState
from ml_assets.reports.pages.timeline import events

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")

INDEX = "index.html"
"""File of the index; ``<pipeline>.html`` is that of a pipeline."""

SECTIONS = {
    "health": "Health",
    "alerts": "Alerts",
    "performance": "Performance",
    "drift": "Drift",
    "decisions": "Decisions and releases",
    "rejected": "Rejected data",
    "card": "Model card",
}

SHOWN_EVENTS = 6
SHOWN_REJECTED = 50
"""Decisions, and partitions with rejected rows, that are listed."""

SPARK = (200, 40)
"""Width and height of a line in the index."""

EVENT_TONES = {
    PASSED: "good",
    AWAITING.replace("_", " "): "attention",
    BLOCKED: "urgent",
    RETRAIN: "attention",
}
LEVEL_TONES = {Level.CRITICAL: "urgent", Level.WARNING: "attention", Level.INFO: "plain"}


def pages_of(state: IndexState, library: str) -> dict[str, str]:
    """File name → HTML: the index, and the page of each pipeline that has begun.

    Args:
        state: all pipelines and alerts.
        library: script that defines ``vegaEmbed``, which draws the charts.
    """
    of_pipelines = {f"{one.name}.html": page_of(one, library) for one in state.begun}
    return {INDEX: index_of(state)} | of_pipelines


def page_of(state: PageState, library: str) -> str:
    """The page of one pipeline, as a self-contained HTML document; see ``pages_of``."""
    performance, drift = performance_charts(state), drift_charts(state)
    shown, timeline = distribution_charts(state), timeline_charts(state)
    every = [*performance, *drift, *shown, *timeline]
    causes = [one for one in state.unusable if not one.is_consequence]
    return _rendered(
        "page.html.jinja",
        [_in_page(library), _script("charts.js.jinja"), _script("news.js.jinja")],
        title=f"{state.name}: health, performance, drift",
        at=state.at,
        state=state,
        sections=SECTIONS.items(),
        tiles=tiles(state),
        tones=LEVEL_TONES,
        kinds=KINDS,
        event_tones=EVENT_TONES,
        performance=performance,
        drift=drift,
        distributions=shown,
        distributions_are=_which(state),
        timeline=timeline,
        events=events(state),
        SHOWN_EVENTS=SHOWN_EVENTS,
        causes=causes,
        consequences=len(state.unusable) - len(causes),
        rejected=state.rejected[:SHOWN_REJECTED],
        rejected_rows=sum(entry.dead_letters for entry in state.rejected),
        card=_card(state.released.card),
        data=_json([chart.document for chart in every]),
    )


def index_of(state: IndexState) -> str:
    """The page that leads to the others, with all alerts."""
    return _rendered(
        "index.html.jinja",
        [_script("news.js.jinja")],
        title="Pipelines: health",
        at=state.at,
        problems=state.problems,
        alerts=state.alerts,
        tones=LEVEL_TONES,
        kinds=KINDS,
        pages={
            one.name: {"tiles": tiles(one), "line": _line(one), "metric": one.metric}
            for one in state.begun
        },
        waiting=[one.name for one in state.pipelines if not one.is_begun],
    )


def _rendered(template: str, scripts: Sequence[str], **values: object) -> str:
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    ]
    found = _environment().get_template(template)
    return found.render(**values, scripts=scripts, script_hashes=hashes)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _script(name: str) -> str:
    return _in_page((TEMPLATES / name).read_text("utf-8"))


def _in_page(script: str) -> str:
    """A script that does not end the element that it is in."""
    return re.sub(r"</(script)", r"<\\/\1", script, flags=re.IGNORECASE)


def _json(value: object) -> str:
    """JSON that contains no markup."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _which(state: PageState) -> str:
    drift = state.monitored.drift
    newest = drift[drift[DAY] == drift[DAY].max()]
    if newest["drifted"].astype("bool").any():
        return "Shares of the values of the features that have drifted, the strongest first."
    return "No feature has drifted; these are closest to their thresholds."


def _line(state: PageState) -> str:
    """Points of the main metric over time; empty for fewer than two."""
    values = state.overall["value"].dropna().rolling(7, min_periods=1).mean()
    if len(values) < 2:
        return ""
    low, high = values.min(), values.max()
    width, height = SPARK
    return " ".join(
        f"{place / (len(values) - 1) * width:.1f},{height - 2 - (value - low) / ((high - low) or 1) * (height - 4):.1f}"
        for place, value in enumerate(values)
    )


def _card(text: str) -> str:
    """The model card as HTML below a heading of the page; its tables can be scrolled by keyboard."""
    if not text:
        return ""
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    html = re.sub(r"<(/?)h([1-3])>", lambda tag: f"<{tag[1]}h{int(tag[2]) + 2}>", html)
    region = '<div class="scroll" tabindex="0" role="region" aria-label="Table of the model card"><table>'
    return html.replace("<table>", region).replace("</table>", "</table></div>")
