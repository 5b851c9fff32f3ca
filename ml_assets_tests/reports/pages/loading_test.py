"""What the pages show, read from a lake with the tables of some days."""

from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from ml_assets import nouns
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.log import AlertLog
from ml_assets.alerts.state import Evaluation
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.position import Position
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.reports.pages.loading import RECORDED, load_pages
from ml_assets.reports.pages.state import IndexState, PageState
from ml_assets_tests.reports.pages import world

DAYS = 12


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in which the pipeline has monitored some days."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    world.write(lake, world.tables(DAYS))
    return lake


def loaded(lake: Lake) -> dict[str, PageState]:
    """Pipeline → its state."""
    return {state.name: state for state in index(lake).pipelines}


def index(lake: Lake) -> IndexState:
    """What the index shows."""
    url = lake.ledger.url
    return load_pages(lake, ApprovalLog(url), AlertLog(url))


def same(found: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Whether two frames have the same rows."""
    order = [DAY, *(name for name in ("feature", "segment", "metric") if name in expected)]
    one, other = (rows.sort_values(order).reset_index(drop=True) for rows in (found, expected))
    pd.testing.assert_frame_equal(one, other, check_dtype=False, check_like=True)
    return True


def test_a_state_has_the_stored_rows_and_the_window_of_the_newest_report(lake: Lake) -> None:
    state, stored = loaded(lake)[world.PIPELINE], world.tables(DAYS)

    assert same(state.monitored.performance, stored[nouns.PERFORMANCE])
    assert same(state.monitored.reports, stored[nouns.PERFORMANCE_REPORT])
    assert same(state.monitored.drift, stored[nouns.DRIFT_REPORT])
    assert same(state.released.champions, stored[nouns.CHAMPION])
    profiled = sorted(state.monitored.profiles[DAY].unique())
    assert profiled[-1] == world.days(DAYS)[-1]
    assert len(profiled) < DAYS + 1
    assert {*state.monitored.reference[DAY]} == {world.AS_OF}
    assert state.metric == world.METRIC
    assert "version 2" in state.released.card
    assert state.problems == []


def test_pipelines_that_have_not_begun_come_last(lake: Lake) -> None:
    states = loaded(lake)

    assert next(iter(states)) == world.PIPELINE
    assert [name for name, state in states.items() if state.is_begun] == [world.PIPELINE]
    assert states["flight_forest"].status.champion is None


def test_an_altered_table_is_named_and_the_others_are_shown(lake: Lake) -> None:
    table = DeltaTable(lake.path(f"{world.PIPELINE}/{nouns.DRIFT_REPORT}"))
    table.delete(f"{DAY} = '{world.days(DAYS)[3]}'")

    state = loaded(lake)[world.PIPELINE]

    [problem] = state.problems
    assert f"{world.PIPELINE}/{nouns.DRIFT_REPORT}" in problem
    assert state.monitored.drift.empty
    assert len(state.monitored.performance)


def test_quarantined_partitions_and_rejected_rows_are_those_of_the_pipeline_and_its_sources(
    lake: Lake,
) -> None:
    lake.ledger.append(
        [
            Entry("sources/weather", "2013-04-05", Status.QUARANTINED, reason="no rows"),
            Entry("sources/flights", "2013-04-04", Status.STORED, rows=9, dead_letters=3),
            Entry("sources/flights_dead_letters", "2013-04-04", Status.STORED, rows=3),
        ]
    )

    state = loaded(lake)[world.PIPELINE]

    assert [(one.table, one.reason) for one in state.unusable] == [("sources/weather", "no rows")]
    assert [(one.table, one.dead_letters) for one in state.rejected] == [("sources/flights", 3)]


def test_alerts_are_those_of_the_pipeline_and_its_sources_the_most_severe_first(
    lake: Lake,
) -> None:
    findings = [
        Finding("feature_drifted", world.PIPELINE, "temp", "it drifted"),
        Finding("day_quarantined", "sources", "sources/weather", "no rows"),
        Finding("performance_dropped", world.PIPELINE, "auc", "it fell"),
        Finding("performance_dropped", "flight_forest", "auc", "of another one"),
    ]
    AlertLog(lake.ledger.url).update(Evaluation(findings, {}), world.AT)

    found = index(lake)
    [page] = found.begun

    assert [alert.message for alert in page.alerts] == ["it fell", "no rows", "it drifted"]
    assert page.next_step.command == f"ml-assets alerts show {page.alerts[0].id}"
    assert [alert.message for alert in found.alerts] == [
        "it fell", "of another one", "no rows", "it drifted",
    ]  # fmt: skip


def test_what_is_recorded_moves_the_position(lake: Lake) -> None:
    position = Position(lake.ledger.url, RECORDED)
    before = position.now()
    unchanged = position.now()
    lake.ledger.append([Entry("a/b", "2024-01-01", Status.STORED)])
    after = position.now()
    alerts = AlertLog(lake.ledger.url)
    found = [Finding("performance_dropped", "a", "auc", "it fell")]
    alerts.update(Evaluation(found, {}), world.AT)

    assert before == unchanged
    assert len({before, after, position.now()}) == 3
