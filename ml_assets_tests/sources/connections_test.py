"""Named connections: which are known, what they are for, and that no message has their secrets."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_assets.errors import ConfigurationError, MLAssetsError, SourceMissing, SourceUnavailable
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.settings import settings
from ml_assets.sources.clock import Clock
from ml_assets.sources.connections import Connections, SourceSpecification
from ml_assets.sources.file_names import FilePattern
from ml_assets_tests.database_url_test import everything_reported
from ml_assets_tests.sources.systems import new_lab, source_table

SECRET = "hunter2zebra"
FILES = FilePattern("%Y-%m-%d.csv")
START, END = datetime(2013, 7, 8, tzinfo=UTC), datetime(2013, 7, 9, tzinfo=UTC)


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ML_ASSETS_{name}", value)
        settings.cache_clear()

    return change


def test_connections_have_names_and_two_have_a_default(
    variables: Callable[..., None], tmp_path: Path
) -> None:
    variables(CONNECTIONS__SHOP="postgres://u@h/d", CONNECTIONS__OLD_FILES="s3://bucket/a")

    assert settings().connection_urls == {
        "source_database": f"sqlite:///{tmp_path}/source.db",
        "source_files": f"{tmp_path}/source_files",
        "shop": "postgresql+psycopg2://u@h/d",
        "old_files": "s3://bucket/a",
    }


@pytest.mark.parametrize(
    ("name", "url", "message"),
    [
        pytest.param("SOURCE_DATABASE", "sqlite:///x", "set by ML_ASSETS_SOURCE_URL", id="default"),
        pytest.param("MY-SHOP", "sqlite:///x", "is not a name", id="name"),
        pytest.param("SHOP", f"postgresql://u:{SECRET}@h:port/d", "cannot be used", id="port"),
    ],
)
def test_connections_that_cannot_be_used_are_refused_without_their_url(
    variables: Callable[..., None], name: str, url: str, message: str
) -> None:
    variables(**{f"CONNECTIONS__{name}": url})

    with pytest.raises(ConfigurationError, match=message) as refused:
        settings()

    assert SECRET not in everything_reported(refused.value)


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        pytest.param(
            "shp",
            "readings/daily is not usable: 'connection' is 'shp'. There is no connection 'shp'. "
            "Known: shop, source_database, source_files. Did you mean 'shop'? A connection is set "
            "by ML_ASSETS_CONNECTIONS__SHP",
            id="unknown",
        ),
        pytest.param("shop", "Connection 'shop' is a database, but files need a folder", id="kind"),
    ],
)
def test_a_table_of_an_unusable_connection_is_broken_when_definitions_load(
    tmp_path: Path, connection: str, message: str
) -> None:
    documents = [
        source_table("daily", connection=connection, files="%Y-%m-%d.csv"),
        source_table("other", table="readings"),
    ]
    with new_lab(tmp_path).project(documents, {"shop": "sqlite:///shop.db"}) as project:
        broken = broken_assets(project.definitions.resolve_asset_graph())

    assert [*broken] == ["readings/daily"]
    assert message in broken["readings/daily"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param(
            f"s3://key:{SECRET}@bucket/a?endpoint_override=127.0.0.1:1&scheme=http&region=x"
            "&request_timeout=1&connect_timeout=1",
            SourceUnavailable,
            id="object store that does not answer",
        ),
        pytest.param(f"memory://{SECRET}@bucket/a", SourceMissing, id="no files"),
        pytest.param(f"nothing://u:{SECRET}@host/a", ConfigurationError, id="unknown scheme"),
        pytest.param(f"/nowhere/{'a'}", SourceMissing, id="no folder"),
    ],
)
def test_folders_that_cannot_be_read_are_reported_without_secrets(
    url: str, error: type[MLAssetsError]
) -> None:
    wanted = SourceSpecification("lab", files=FILES, clock=Clock("at"))

    with pytest.raises(error) as refused:
        Connections({"lab": url}).source(wanted).rows(START, END)

    assert SECRET not in everything_reported(refused.value)
    assert "ML_ASSETS_CONNECTIONS__LAB" in str(refused.value)
