"""Tiles: what a person sees first, and whether somebody should look at it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ml_assets.alerts.alert import AlertState
from ml_assets.alerts.finding import Level
from ml_assets.lineage.status.values import WaitingRelease
from ml_assets.reports.pages.health import Tile, tiles
from ml_assets.reports.pages.state import Monitored, PageState
from ml_assets_tests.reports.pages import world


def tile(state: PageState, label: str) -> Tile:
    """The tile with a label."""
    [found] = [one for one in tiles(state) if one.label == label]
    return found


def with_report(**changes: object) -> PageState:
    """The state with changes of the newest report on all rows."""
    state = world.state()
    reports = state.monitored.reports.copy()
    newest = (reports["ds"] == reports["ds"].max()) & (reports["segment_column"] == "all")
    for name, value in changes.items():
        reports.loc[newest, name] = value
    return replace(state, monitored=replace(state.monitored, reports=reports))


def with_status(**changes: object) -> PageState:
    state = world.state()
    return replace(state, status=replace(state.status, **changes))


def behind(days: int | None) -> PageState:
    return with_status(stages=[replace(world.predicted("2013-04-30", days), next_day="2013-05-01")])


def skipped(stored: str, behind: int = 0) -> PageState:
    """The newest predictions were skipped."""
    stage = world.predicted("2013-05-31", behind, last_state="skipped", stored_day=stored)
    return with_status(stages=[stage])


@pytest.mark.parametrize(
    ("state", "label", "value", "detail", "tone"),
    [
        pytest.param(
            world.state, "Champion", "version 2", "released by gates", "good", id="champion"
        ),
        pytest.param(world.empty, "Champion", "none", "No model", "attention", id="no champion"),
        pytest.param(
            lambda: with_status(waiting=[WaitingRelease("2013-04-29", "waiting", "", "")]),
            "Waits for a person",
            "1 release",
            "2013-04-29",
            "attention",
            id="a release waits",
        ),
        pytest.param(
            lambda: behind(0), "Newest predictions", "2013-04-30", "As new", "good", id="newest"
        ),
        pytest.param(
            lambda: behind(2),
            "Newest predictions",
            "2013-04-30",
            "2 days behind",
            "attention",
            id="behind",
        ),
        pytest.param(
            lambda: behind(None),
            "Newest predictions",
            "2013-04-30",
            "unknown",
            "plain",
            id="unknown",
        ),
        pytest.param(
            lambda: skipped("2013-05-30"),
            "Newest predictions",
            "2013-05-30",
            "Nothing later was predicted: 2013-05-31 was skipped.",
            "attention",
            id="newest skipped",
        ),
        pytest.param(
            lambda: skipped("", behind=1),
            "Newest predictions",
            "none",
            "Nothing was predicted: 2013-05-31 was skipped. 1 day behind the extracted sources.",
            "attention",
            id="all skipped",
        ),
        pytest.param(world.state, "Open alerts", "1", "1 critical.", "urgent", id="critical alert"),
        pytest.param(
            lambda: world.state(
                alerts=[
                    world.alert(level=Level.WARNING, state=AlertState.ACKNOWLEDGED),
                    world.alert(level=Level.INFO),
                ]
            ),
            "Open alerts",
            "2",
            "1 warning, 1 info; 1 acknowledged.",
            "attention",
            id="acknowledged warning",
        ),
        pytest.param(
            lambda: world.state(
                alerts=[world.alert(level=level) for level in (*Level, Level.WARNING)]
            ),
            "Open alerts",
            "4",
            "1 critical, 2 warnings, 1 info.",
            "urgent",
            id="several alerts",
        ),
        pytest.param(
            lambda: world.state(alerts=[]), "Open alerts", "none", "", "good", id="no alert"
        ),
        pytest.param(
            world.state, "auc", "0.700", "0.680 to 0.720; limit 0.680", "good", id="metric"
        ),
        pytest.param(
            lambda: with_report(is_breached=True), "auc", "0.700", "", "urgent", id="breached"
        ),
        pytest.param(
            lambda: with_report(is_provisional=True),
            "auc",
            "0.700",
            "provisional",
            "plain",
            id="provisional",
        ),
        pytest.param(
            lambda: with_report(value=0.6, note="no interval"),
            "auc",
            "0.600",
            "; no interval.",
            "plain",
            id="below, not judged",
        ),
        pytest.param(
            lambda: with_report(value=0.67),
            "auc",
            "0.670",
            "limit 0.680 (worse, perhaps by chance)",
            "plain",
            id="below by chance",
        ),
        pytest.param(world.empty, "auc", "not judged", "No label", "plain", id="no label"),
        pytest.param(
            world.state, "Drifted features", "3 of 22", "feature_0", "attention", id="drifted"
        ),
        pytest.param(world.empty, "Drift", "unknown", "No drift report", "plain", id="no report"),
    ],
)
def test_tile(
    state: Callable[[], PageState], label: str, value: str, detail: str, tone: str
) -> None:
    found = tile(state(), label)

    assert (found.value, found.tone) == (value, tone)
    assert detail in found.detail


def test_a_metric_without_report_is_not_judged() -> None:
    state = world.state()
    monitored = replace(state.monitored, reports=Monitored().reports)

    found = tile(replace(state, monitored=monitored), "auc")

    assert (found.value, found.detail) == ("not judged", "No report has measured it yet.")
