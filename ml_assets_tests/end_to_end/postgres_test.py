"""Instance, ledger, online store and source database on a real Postgres: the same as on SQLite."""

from dataclasses import replace

import dagster as dg
import pytest

from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.online.rows import OnlineRow
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import Project, bad_days

pytestmark = pytest.mark.slow

DAYS, LAST = "2013-01-02...2013-01-05", "2013-01-05"
ORIGINS = "flight_delays/origin_state"


def online() -> list[OnlineRow]:
    """Rows of airports in the online store of the environment."""
    rows = Workspace.of_environment().online.rows_of_days(ORIGINS, [LAST])
    return sorted((replace(row, written_at=None) for row in rows), key=lambda row: row.entity)


def test_everything_on_postgres_gives_the_versions_of_sqlite(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.materialize_daily(DAYS).succeeded
    assert project.materialize(f'key:"{ORIGINS}"', DAYS).succeeded
    on_sqlite, online_on_sqlite = project.versions(), online()

    with postgres_url() as url:
        monkeypatch.setenv("ML_ASSETS_DATA", str(project.data / "elsewhere"))
        monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", url)
        monkeypatch.setenv("ML_ASSETS_SOURCE_URL", url)
        settings.cache_clear()
        load(SourceSystems.of(settings()), lambda table, done, total: None, "2013-01-21")
        with dg.DagsterInstance.get() as instance:
            there = Project(project.data / "elsewhere", project.definitions, instance)
            outcome = there.materialize_daily(DAYS)
            origins = there.materialize(f'key:"{ORIGINS}"', DAYS)
            on_postgres, online_on_postgres = there.versions(), online()
            results = there.check('key:"sources/flights"', DAYS)
            days = there.materialized_days("sources/flights")

    assert outcome.succeeded, outcome.failed_steps
    assert origins.succeeded, origins.failed_steps
    assert online_on_postgres == online_on_sqlite
    assert len(online_on_sqlite) == 3
    assert {key: version for key, version in on_postgres.items() if "source_" not in key[0]} == {
        key: version for key, version in on_sqlite.items() if "source_" not in key[0]
    }
    assert len(results) == 4 * 8
    assert bad_days(results) == set()
    assert days == {"2013-01-02", "2013-01-03", "2013-01-04", "2013-01-05"}
