"""Instance, ledger and source database on a real Postgres: the same versions as on SQLite."""

import dagster as dg
import pytest

from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.settings import settings
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import Project, bad_days

pytestmark = pytest.mark.slow

DAYS = "2013-01-02...2013-01-05"


def test_everything_on_postgres_gives_the_versions_of_sqlite(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.materialize_daily(DAYS).succeeded
    on_sqlite = project.versions()

    with postgres_url() as url:
        monkeypatch.setenv("ML_ASSETS_DATA", str(project.data / "elsewhere"))
        monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", url)
        monkeypatch.setenv("ML_ASSETS_SOURCE_URL", url)
        settings.cache_clear()
        load(SourceSystems.of(settings()), lambda table, done, total: None, "2013-01-21")
        with dg.DagsterInstance.get() as instance:
            there = Project(project.data / "elsewhere", project.definitions, instance)
            outcome = there.materialize_daily(DAYS)
            on_postgres = there.versions()
            results = there.check('key:"sources/flights"', DAYS)
            days = there.materialized_days("sources/flights")

    assert outcome.succeeded, outcome.failed_steps
    assert {key: version for key, version in on_postgres.items() if "source_" not in key[0]} == {
        key: version for key, version in on_sqlite.items() if "source_" not in key[0]
    }
    assert len(results) == 4 * 8
    assert bad_days(results) == set()
    assert days == {"2013-01-02", "2013-01-03", "2013-01-04", "2013-01-05"}
