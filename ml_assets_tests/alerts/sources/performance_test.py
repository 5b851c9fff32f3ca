"""A limit that the performance breaks is a finding, with its likely cause."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.sources.performance import performance_dropped
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.cadence import Span
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets_tests.releases import PIPELINE, store

LAST = "2013-09-14"
LATER = datetime(9999, 1, 1, tzinfo=UTC)
"""Long after a report was stored, so that it waits for no causes."""

OVERALL = {"segment_column": "all", "segment": "all"}
EV = {"segment_column": "carrier", "segment": "EV"}


WORSE = {"is_breached": False}
"""Worse than the limit, but not by more than chance."""


def report(lake: Lake, *breaches: dict[str, Any], day: str = LAST) -> None:
    """Store a report of a day; all rows and one carrier are within their limits unless they are given."""
    usual = {
        "metric": "precision",
        "window_first": "2013-09-08",
        "window_last": LAST,
        "value": 0.71,
        "limit": 0.8,
        "rows": 1204,
        "is_breached": False,
        "is_provisional": False,
        "model_as_of": "2013-09-01",
    }
    broken = [{**usual, "is_breached": True, **breach} for breach in breaches]
    said = [(row["segment_column"], row["segment"]) for row in broken]
    rest = [
        {**usual, "value": 0.85, **each}
        for each in (OVERALL, EV)
        if (each["segment_column"], each["segment"]) not in said
    ]
    store(lake, "performance_report", pd.DataFrame([*broken, *rest]).assign(**{DAY: day}))


def cause(lake: Lake, **changes: Any) -> None:
    """Store the cause of the breach of the carrier."""
    row = {
        DAY: LAST,
        **EV,
        "metric": "precision",
        "rank": 1,
        "is_likely": True,
        "feature": "origin_late_share_3h",
        "ratio": 3.14,
        "since": "2013-09-09",
        "columns": '["sources/flights.dep_delay"]',
    }
    store(lake, "likely_causes", pd.DataFrame([{**row, **changes}]))


def found(lake: Lake, pipeline: WatchedPipeline) -> list[Finding]:
    """The findings of the last day."""
    return [*performance_dropped(lake, pipeline, "2013-12-31", LATER)]


def test_a_broken_limit_of_a_segment_is_a_finding_with_its_cause(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, day="2013-09-12")
    report(lake, EV, day="2013-09-13")
    report(lake, EV)
    cause(lake)

    (only,) = found(lake, pipeline)

    assert only.message == (
        "precision of carrier EV fell to 0.71 (threshold 0.8; 1,204 predictions, 7 days to "
        "2013-09-14); likely due to `origin_late_share_3h` (3.1 × its threshold since 2013-09-09), "
        "from sources/flights.dep_delay"
    )
    assert (only.kind, only.pipeline) == ("performance_dropped", PIPELINE)
    assert (only.subject, only.segment) == ("precision", "carrier=EV")
    assert (only.since, only.until) == ("2013-09-13", LAST)


def test_a_cause_that_is_not_likely_is_not_named(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, EV)
    cause(lake, is_likely=False)

    (only,) = found(lake, pipeline)

    assert only.message.endswith("; no likely cause among the features")


def test_the_cause_of_another_segment_is_not_named(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, EV)
    cause(lake, segment="UA")

    (only,) = found(lake, pipeline)

    assert only.message.endswith("; no likely cause among the features")


def test_columns_that_cannot_be_told_apart_are_both_named(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, EV)
    cause(lake, columns='["sources/planes.seats", "sources/planes.year"]')

    (only,) = found(lake, pipeline)

    assert only.message.endswith("from sources/planes.seats or sources/planes.year")


def test_a_breach_of_all_rows_is_one_finding_that_names_its_segments(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, OVERALL, EV)

    (only,) = found(lake, pipeline)

    assert only.message == (
        "precision fell to 0.71 (threshold 0.8; 1,204 predictions, 7 days to 2013-09-14), with "
        "carrier EV; its cause was not looked for yet"
    )
    assert only.segment == ""


def test_a_breach_of_a_segment_that_spreads_to_all_rows_stays_one_finding_of_the_segment(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, EV, day="2013-09-13")
    report(lake, OVERALL, EV)

    (only,) = found(lake, pipeline)

    assert (only.segment, only.since) == ("carrier=EV", "2013-09-13")
    assert only.own_level is None
    assert "; of all rows 0.71; " in only.message


def test_a_breach_of_a_segment_alone_is_a_warning(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, EV)

    (only,) = found(lake, pipeline)

    assert only.own_level is Level.WARNING


def test_a_report_with_too_few_labels_ends_no_breach(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, OVERALL, day="2013-09-13")
    report(lake, {**OVERALL, "is_provisional": True, "is_breached": False})

    (only,) = found(lake, pipeline)

    assert only.until == "2013-09-13"


def test_a_new_champion_ends_the_breach_of_the_last_one(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, OVERALL, day="2013-09-13")
    new = {**WORSE, "model_as_of": "2013-09-14"}
    report(lake, {**OVERALL, **new}, {**EV, **new})

    assert found(lake, pipeline) == []


def test_a_report_is_told_with_its_causes(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, EV)

    assert [*performance_dropped(lake, pipeline, "2013-12-31", datetime.now(UTC))] == []
    cause(lake)
    assert [*performance_dropped(lake, pipeline, "2013-12-31", datetime.now(UTC))] != []


def test_an_error_rises(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, {**OVERALL, "metric": "mae", "value": 13.14, "limit": 11})

    (only,) = found(lake, pipeline)

    assert only.message.startswith("mae rose to 13.1 (threshold 11; 1,204 predictions")


def test_a_limit_that_holds_again_is_no_finding(lake: Lake, pipeline: WatchedPipeline) -> None:
    report(lake, EV, day="2013-09-13")
    report(lake)

    assert found(lake, pipeline) == []


def test_a_value_that_is_worse_by_chance_begins_no_drop(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, {**OVERALL, **WORSE})

    assert found(lake, pipeline) == []


def test_a_drop_of_all_rows_lasts_until_their_value_is_within_its_limit(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, OVERALL, day="2013-09-11")
    report(lake, {**OVERALL, **WORSE, "value": 0.78}, day="2013-09-12")
    cause(lake, **OVERALL, **{DAY: "2013-09-11"})

    (worse_by_chance,) = found(lake, pipeline)
    report(lake, day="2013-09-13")
    report(lake, {**OVERALL, **WORSE, "value": 0.78})

    assert (worse_by_chance.since, worse_by_chance.until) == ("2013-09-11", "2013-09-12")
    assert worse_by_chance.message.startswith("precision fell to 0.78 ")
    assert "likely due to `origin_late_share_3h`" in worse_by_chance.message
    assert found(lake, pipeline) == []


def test_a_drop_that_has_lasted_for_many_days_keeps_its_first_day(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    days = Span("2013-08-01", LAST).days()
    report(lake, OVERALL, day=days[0])
    for day in days[1:]:
        report(lake, {**OVERALL, **WORSE}, day=day)

    (only,) = found(lake, pipeline)

    assert (only.since, only.until) == (days[0], LAST)


def test_a_drop_of_a_segment_ends_when_chance_explains_it(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    report(lake, EV, day="2013-09-13")
    report(lake, {**EV, **WORSE})

    assert found(lake, pipeline) == []


def test_an_error_that_is_higher_than_its_limit_lasts(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    mae = {**OVERALL, "metric": "mae", "limit": 11}
    report(lake, {**mae, "value": 13.1}, day="2013-09-12")
    report(lake, {**mae, **WORSE, "value": 11.2}, day="2013-09-13")

    (only,) = found(lake, pipeline)
    report(lake, {**mae, **WORSE, "value": 10.9})

    assert only.until == "2013-09-13"
    assert found(lake, pipeline) == []


def test_nothing_is_found_before_there_is_a_report(lake: Lake, pipeline: WatchedPipeline) -> None:
    assert found(lake, pipeline) == []
    report(lake, EV)
    assert [*performance_dropped(lake, pipeline, "2013-09-13", LATER)] == []


def test_a_drop_of_a_segment_that_spread_is_the_same_after_hundreds_of_days(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    days = Span("2013-01-01", LAST).days()[::-30][::-1]
    report(lake, EV, day=days[0])
    for day in days[1:]:
        report(lake, OVERALL, EV, day=day)

    (only,) = found(lake, pipeline)

    assert (only.segment, only.since, only.until) == ("carrier=EV", days[0], LAST)
