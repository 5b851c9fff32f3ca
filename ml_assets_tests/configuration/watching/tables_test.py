"""What alerts know of tables, from their documents."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets import nouns
from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import Cadence, Calendar
from ml_assets.configuration.models import pipeline
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.configuration.watching.pipelines import watched_pipelines
from ml_assets.configuration.watching.tables import watched_predictions, watched_tables
from ml_assets.durations import Duration
from ml_assets.planning.inputs import Input
from ml_assets_tests.project_files import documents_below

NEW_YORK = Calendar(timezone="America/New_York")
HOURS = Calendar(Cadence.HOURLY)


def inputs(table: WatchedTable) -> list[tuple[str, list[str]]]:
    """Inputs of a table with what one of its partitions reads of each."""
    key = table.calendar.first_of("2013-06-10")
    return [(item.table, item.days_of(key)) for item in table.inputs]


def test_the_tables_of_the_project_are_known_with_the_newest_that_they_read() -> None:
    tables, broken = watched_tables()
    known = {table.key: table for table in tables}

    assert broken == {}
    assert known["sources/flights"] == WatchedTable("sources/flights", NEW_YORK, "2013-12-31")
    assert "sources/planes" not in known
    assert inputs(known["flight_delays/flight_features"]) == [
        ("sources/flights", ["2013-06-10"]),
        ("sources/weather", ["2013-06-10"]),
    ]
    assert inputs(known["airport_weather/weather_features"]) == [
        ("sources/hourly_weather", ["2013-06-09-21:00"])
    ]


def test_predictions_read_the_features() -> None:
    pipelines, _ = watched_pipelines()
    found = {one.name: one.predictions for one in pipelines}

    assert found["flight_delays"] == WatchedTable(
        f"flight_delays/{nouns.PREDICTIONS}",
        NEW_YORK,
        "2013-12-31",
        inputs=[Input("flight_delays/flight_features", calendar=NEW_YORK)],
    )


def test_predictions_from_the_log_wait_for_what_was_logged() -> None:
    config = pipeline("flight_delays")
    assert isinstance(config, BatchPredictionsConfiguration)
    serving = config.serving.model_copy(update={"predictions": "log"})
    changes = {"serving": serving, "fresh_within": Duration.parse("2h")}

    found = watched_predictions(config.model_copy(update=changes))

    assert found.fresh_within == timedelta(hours=2)
    assert [one.table for one in found.inputs] == ["flight_delays/logged_predictions"]


CHAINED = """
type: ml_assets.components.Defaults
attributes: {owners: ["team:a"], fresh_within: 6h, days: {first: "2013-01-01"}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: a/orders
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.shop.Orders
  inputs: {raw: {asset: a/raw, cadence: hourly, window: {from: -7d, to: 0d}}}
---
type: ml_assets.components.ChainedFeatures
attributes:
  key: a/chained
  features: a/orders
  predictions: {weight: {pipeline: weight, join_keys: {order: order}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: a/broken
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.shop.Nothing
  inputs: {raw: {asset: a/raw}}
"""


@pytest.fixture
def chained(tmp_path: Path) -> Iterator[None]:
    """A project of three tables, of which one is broken."""
    (tmp_path / "defs.yaml").write_text(CHAINED, "utf-8")
    with documents_below(tmp_path):
        yield


@pytest.mark.usefixtures("chained")
def test_predictions_in_features_are_not_waited_for_and_broken_tables_named() -> None:
    tables, broken = watched_tables()
    known = {table.key: table for table in tables}

    assert {*broken} == {"a/broken"}
    assert all(table.fresh_within == timedelta(hours=6) for table in tables)
    [(raw, hours)] = inputs(known["a/orders"])
    assert (raw, hours[0], hours[-1]) == ("a/raw", "2013-06-09-00:00", "2013-06-09-23:00")
    assert [(one.table, one.is_optional) for one in known["a/chained"].inputs] == [
        ("a/orders", False),
        ("weight/predictions", True),
    ]
