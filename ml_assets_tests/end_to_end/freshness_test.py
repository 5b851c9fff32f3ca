"""A table that says how soon its partitions are stored, from its document to its alert and back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.alerts.alert import AlertState
from ml_assets.cadence import DAYS, weekday
from ml_assets.configuration import documents
from ml_assets.orchestration.alerts.evaluating import AlertSources
from ml_assets.workspace import Workspace
from ml_assets_tests.components.empty_weekdays_test import FIRST, LAST, WEEKEND, text
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

TABLES = 'key:"market/prices" or key:"market/before"'
FRIDAY = "2024-01-12"


def provide(home: Path, last: str) -> None:
    """Write the source's file with prices up to a day."""
    days = [day for day in DAYS.keys(FIRST, last) if weekday(day) not in WEEKEND]
    file = home / "data" / "source_files" / "prices.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"at": days, "price": range(len(days))}).to_csv(file, index=False)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Project]:
    """Prices of working days, and what was known of them when a day began, up to a Friday."""
    new_home(tmp_path)
    provide(tmp_path, FRIDAY)
    said = text().replace("attributes: {owners:", "attributes: {fresh_within: 6h, owners:", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "DEFS", tmp_path / "defs")
        documents.read_anew()
        with opened(tmp_path, definitions(tmp_path / "defs", said)) as project:
            documents.read_anew()
            project.materialize(TABLES, f"{FIRST}...{FRIDAY}")
            yield project
    documents.read_anew()


def alerts(project: Project, now: str) -> dict[str, str]:
    """Table → message of its alert that is not resolved, after an evaluation at a time."""
    workspace = Workspace.of_environment()
    AlertSources(workspace, project.instance).update(
        datetime.fromisoformat(now).replace(tzinfo=UTC)
    )
    found = workspace.alerts.alerts()
    assert {one.kind for one in found} <= {"table_stale"}
    return {one.subject: one.message for one in found if one.state is not AlertState.RESOLVED}


def test_a_late_day_opens_an_alert_and_the_run_that_stores_it_resolves_it(
    market: Project, tmp_path: Path
) -> None:
    assert alerts(market, "2024-01-15T12:00") == {}
    assert alerts(market, "2024-01-16T05:59") == {}

    late = alerts(market, "2024-01-16T07:00")
    provide(tmp_path, LAST)
    market.materialize(TABLES, f"2024-01-13...{LAST}")

    assert late == {
        "market/prices": "market/prices 2024-01-15 is 60 min late, due 2024-01-16 06:00 UTC; it waits "
        "for its source system",
        "market/before": "market/before 2024-01-15 is 60 min late, due 2024-01-16 06:00 UTC; it waits "
        "for market/prices 2024-01-14, missing since 2024-01-15 00:00 UTC",
    }
    assert alerts(market, "2024-01-16T08:00") == {}
    assert alerts(market, "2024-03-01T00:00") == {}
