"""A break in one source column: one alert with its segment and cause, and what ends it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from ml_assets.alerts.alert import Alert, AlertState
from ml_assets.alerts.evaluation import Source, evaluate
from ml_assets.alerts.finding import Level
from ml_assets.alerts.sources.performance import KIND, performance_dropped
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.cadence import DAYS, Span
from ml_assets.content import DAY
from ml_assets.monitoring.policy import NO_POLICY
from ml_assets.workspace import Workspace
from ml_assets_tests.components.shop import TABLES, definitions, plain, rows
from ml_assets_tests.prepared import build_once, new_home, opened, opened_copy
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

PIPELINE = "shop"
AS_OF, SCORED = "2024-02-10", "2024-02-10...2024-02-29"
BROKEN_FROM = "2024-02-18"
"""First day on which the north counts its items in dozens; written down before any run."""

FEATURES = 'key:"shop/raw" or group:shop__features'
RELEASED = "group:shop__training or group:shop__release"
MONITORED = "group:shop__predictions or group:shop__monitoring"

BROKEN = "broken_until"
"""File in the data folder with the last such day; without it nothing is broken."""

TEXT = (
    TABLES
    + """---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: shop
  features: shop/orders
  labels: {asset: shop/weights, column: weight}
  segments: [region]
  test_window: 6d
  release: {min_segment_rows: 100}  # there are sixty orders a day
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items, hour]
    categorical: [region]
    hyperparameters: {random_state: 0}
"""
)


def delivered(home: Path, days: list[str]) -> pd.DataFrame:
    """The orders as the source has them: the north in dozens while it is broken."""
    found = rows().loc[lambda every: every[DAY].isin(days)]
    marker = home / BROKEN
    if not marker.exists():
        return found
    until = marker.read_text("utf-8")
    in_dozens = found[DAY].between(BROKEN_FROM, until) & (found["region"] == "north")
    return found.assign(items=np.where(in_dozens, found["items"] / 12, found["items"]))


def of_home(home: Path, folder: Path) -> dg.Definitions:
    """The definitions of this pipeline alone, whose ``defs.yaml`` is in a folder."""
    return definitions(folder, TEXT, plain("raw", partial(delivered, home / "data")))


@pytest.fixture(scope="session")
def quiet_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion and the days that it scored before the break; copy it, do not change it."""

    def build(home: Path) -> None:
        new_home(home)
        with opened(home, of_home(home, home / "defs")) as project:
            process(project, FEATURES, "2024-01-01...2024-02-17")
            process(project, RELEASED, AS_OF)
            process(project, MONITORED, f"{AS_OF}...2024-02-17")

    return build_once(tmp_path_factory, "shop_before_a_break", build)


@pytest.fixture
def shop(tmp_path: Path, quiet_home: Path) -> Iterator[Project]:
    """A project with this pipeline alone, before the break."""
    home = tmp_path / "home"
    with opened_copy(quiet_home, home, of_home(home, tmp_path / "defs")) as project:
        yield project


def process(shop: Project, selection: str, days: str) -> None:
    """Materialize assets; every step has to succeed."""
    done = shop.materialize(selection, days)
    assert done.succeeded, done.failed_steps


def processed(shop: Project, *, broken_until: str) -> None:
    """The other days of features, and the days that the champion scored, with a break until a day."""
    if broken_until:
        (shop.data / BROKEN).write_text(broken_until, "utf-8")
    process(shop, FEATURES, f"{BROKEN_FROM}...2024-02-29")
    process(shop, MONITORED, SCORED)


def alerts_after(first: str, last: str) -> list[Alert]:
    """All alerts after an evaluation at the end of each of these days."""
    workspace = Workspace.of_environment()
    pipeline = WatchedPipeline(PIPELINE, DAYS, NO_POLICY)
    for one in Span(first, last).days():
        now = datetime.fromisoformat(one).replace(tzinfo=UTC) + timedelta(days=1)
        find = partial(performance_dropped, workspace.lake, pipeline, one, now)
        workspace.alerts.update(evaluate([Source(KIND, find, PIPELINE)]), now)
    return workspace.alerts.alerts()


def test_without_a_break_there_is_no_alert(shop: Project) -> None:
    processed(shop, broken_until="")

    assert alerts_after(AS_OF, "2024-02-29") == []


def test_a_break_of_one_column_is_one_alert_with_its_cause_until_the_source_is_repaired(
    shop: Project,
) -> None:
    processed(shop, broken_until="2024-02-21")

    [alert] = alerts_after(AS_OF, "2024-02-21")
    assert (alert.level, alert.pipeline, alert.state) == (
        Level.CRITICAL,
        PIPELINE,
        AlertState.OPEN,
    )
    assert BROKEN_FROM <= alert.since <= "2024-02-21"
    assert "with region north;" in alert.message
    assert "region south" not in alert.message
    assert "likely due to `items`" in alert.message
    assert f"since {BROKEN_FROM}" in alert.message
    assert "from shop/orders.items" in alert.message
    [resolved] = alerts_after("2024-02-22", "2024-02-29")
    assert (resolved.id, resolved.state) == (alert.id, AlertState.RESOLVED)


def test_a_break_that_lasts_stays_open_until_a_new_model_serves(shop: Project) -> None:
    processed(shop, broken_until="2024-02-29")

    [alert] = alerts_after(AS_OF, "2024-02-28")
    assert alert.state is AlertState.OPEN

    process(shop, RELEASED, "2024-02-29")
    [decision] = shop.lake.read("shop/release_decision", ["2024-02-29"]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    process(shop, MONITORED, "2024-02-29")
    [resolved] = alerts_after("2024-02-29", "2024-02-29")
    assert (resolved.id, resolved.state) == (alert.id, AlertState.RESOLVED)
