"""Database URLs: invalid ones are refused, and no message contains a part of a secret."""

import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.database_url import parsed, redact
from ml_assets.errors import ConfigurationError, LedgerUnavailable, SourceUnavailable
from ml_assets.ledger.ledger import Ledger
from ml_assets.settings import settings
from ml_assets.sources.database import SourceDatabase
from ml_assets_tests.project import ROOT, database_table

SECRET = "hunter2zebra"
PIECES = ("hunter2", "zebra")

MALFORMED = {
    "no scheme": SECRET,
    "scheme only": f"{SECRET}://host/name",
    "empty scheme": f"://u:{SECRET}@host/name",
    "one slash": f"postgresql:/u:{SECRET}@host/name",
    "blank in scheme": f"postgres ql://u:{SECRET}@host/name",
    "unknown database": f"foo://u:{SECRET}@host/name",
    "unknown driver": f"postgresql+{SECRET}://u:p@host/name",
    "port is a word": f"postgresql://u:{SECRET}@host:port/name",
    "password as port": f"postgresql://u@host:{SECRET}/name",
    "port with a word": f"postgresql://u:p@host:54{SECRET}/name",
    "port too large": f"postgresql://u:{SECRET}@host:654321/name",
    "at in password": "postgresql://u:hunter2@zebra@host/name",
    "at and slash in password": "postgresql://u:p@hunter2/zebra@host/name",
    "at and colon in password": "postgresql://u:p@hunter2:zebra@host/name",
    "at and hash in password": "postgresql://u:p@hunter2#zebra@host/name",
    "at and question mark": "postgresql://u:p@hunter2?zebra@host/name",
    "open bracket": f"postgresql://[::1{SECRET}/name",
    "braces in host": f"postgresql://u:p@{{{SECRET}}}/name",
    "blank in host": f"postgresql://u:p@{SECRET} host/name",
    "sqlite with a server": f"sqlite://u:{SECRET}@host/name",
    "driver that is not installed": f"postgresql+asyncpg://u:{SECRET}@host/name",
    "new line": f"postgresql://u:p@host\n{SECRET}/name",
}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable, no ``.env``."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "LAKE", "SOURCE_URL", "POSTGRES_URL", "REGISTRY_URL", "SHARED"):
        monkeypatch.delenv(f"ML_ASSETS_{name}", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def everything_reported(error: BaseException) -> str:
    """The texts of an error, of its causes and of its traceback."""
    texts = ["".join(traceback.format_exception(error))]
    waiting: list[BaseException | None] = [error]
    while waiting:
        if item := waiting.pop():
            texts += [str(item), repr(item)]
            waiting += [item.__cause__, item.__context__]
    return "\n".join(texts)


def assert_nothing_reported(text: str) -> None:
    """The text contains no part of the secret."""
    assert not [piece for piece in PIECES if piece in text], text


@pytest.mark.parametrize("variable", ["SOURCE_URL", "POSTGRES_URL", "REGISTRY_URL"])
@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_url_is_refused_by_its_variable_without_any_part_of_it(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    url: str,
) -> None:
    monkeypatch.setenv(f"ML_ASSETS_{variable}", url)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ConfigurationError, match=f"ML_ASSETS_{variable} cannot be used") as caught:
        settings()

    assert_nothing_reported(everything_reported(caught.value) + caplog.text)
    assert "postgresql://user:password@host:5432/name" in str(caught.value)


@pytest.mark.parametrize("make", [SourceDatabase, Ledger], ids=["source", "ledger"])
@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_url_is_refused_wherever_it_comes_from(make: type, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(url)

    assert_nothing_reported(everything_reported(caught.value))


@pytest.mark.parametrize(
    "lake",
    [
        pytest.param(f"s3://key:{SECRET}@bucket/lake", id="key and secret"),
        pytest.param("s3://key:hunter2/zebra@bucket/lake", id="slash in the secret"),
        pytest.param(f"s3://bucket/lake?secret={SECRET}", id="as an option"),
        pytest.param(f"s3://{SECRET}@bucket/lake", id="token"),
        pytest.param(f"abfss://box:{SECRET}@account/lake", id="azure"),
    ],
)
def test_a_lake_with_credentials_is_refused_without_them(
    monkeypatch: pytest.MonkeyPatch, lake: str
) -> None:
    monkeypatch.setenv("ML_ASSETS_LAKE", lake)

    with pytest.raises(ConfigurationError, match="ML_ASSETS_LAKE") as caught:
        settings()

    assert_nothing_reported(everything_reported(caught.value))


@pytest.mark.parametrize(
    "lake", ["s3://bucket/lake", "abfss://box@account.dfs.core.windows.net/lake", "/tmp/a:b@c"]
)
def test_a_lake_without_credentials_is_taken(monkeypatch: pytest.MonkeyPatch, lake: str) -> None:
    monkeypatch.setenv("ML_ASSETS_LAKE", lake)

    assert settings().lake_uri == lake


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f'{{"lake": "x", "ledger_url": "postgresql://u:{SECRET}@h"', id="no JSON"),
        pytest.param(f'{{"ledger_url": "postgresql://u:{SECRET}@h"}}', id="incomplete"),
        pytest.param(
            f'{{"lake": "x", "ledger_url": "foo://u:{SECRET}@h", "tables": []}}', id="unknown"
        ),
    ],
)
def test_settings_in_json_are_refused_without_their_secrets(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ML_ASSETS_SHARED", value)

    with pytest.raises(ConfigurationError, match="ML_ASSETS_SHARED") as caught:
        settings()

    assert_nothing_reported(everything_reported(caught.value))


UNREACHABLE = {
    "password": f"postgresql+psycopg2://u:{SECRET}@127.0.0.1:1/name",
    "user": f"postgresql+psycopg2://{SECRET}:p@127.0.0.1:1/name",
    "host": f"postgresql+psycopg2://u:p@{SECRET}.invalid:1/name",
    "option": f"postgresql+psycopg2://u@127.0.0.1:1/name?sslmode={SECRET}",
    "socket": f"postgresql+psycopg2://u@/name?host=/nowhere/{SECRET}",
}


@pytest.mark.parametrize("url", UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_database_that_does_not_answer_is_reported_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr("ml_assets.ledger.database.CREATE_ATTEMPTS", 1)
    now = datetime(2013, 1, 1, tzinfo=UTC)

    with pytest.raises(LedgerUnavailable) as of_ledger:
        Ledger(url).tables()
    with pytest.raises(SourceUnavailable) as of_source:
        database_table(url, "flights", "time_hour").rows(now, now)

    for caught in (of_ledger, of_source):
        assert_nothing_reported(everything_reported(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "at in password",
        *(pytest.param(url, marks=pytest.mark.slow) for url in ("scheme only", "password as port")),
    ],
)
def test_commands_and_code_locations_print_no_part_of_it(tmp_path: Path, url: str) -> None:
    environment = {
        "DAGSTER_HOME": str(tmp_path),
        "ML_ASSETS_DATA": str(tmp_path / "data"),
        "ML_ASSETS_COMPUTE_LOGS": str(tmp_path / "logs"),
        "ML_ASSETS_POSTGRES_URL": MALFORMED[url],
    }
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text("utf-8"), "utf-8")
    bin_ = Path(sys.executable).parent

    for command in (["ml-assets", "checks"], ["dagster", "instance", "info"]):
        done = subprocess.run(
            [str(bin_ / command[0]), *command[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode
        assert "ML_ASSETS_POSTGRES_URL" in done.stderr
        assert_nothing_reported(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40ss@db.internal:5433/name",
        "postgresql://u:p/s:s#s?s@host/name",
        "postgresql://u@[::1]:5432/name",
        "postgresql://u@/name?host=/var/run/postgresql",
        "sqlite:////tmp/a@b.db",
        "sqlite://",
    ],
)
def test_a_good_url_is_read(url: str) -> None:
    assert parsed(url.replace("postgresql:", "postgresql+psycopg2:")).get_backend_name()


def test_hiding_changes_whole_words_only() -> None:
    url = sa.make_url("postgresql://u:pass@host/name")
    error = ValueError('user "u" at "host" of unit: pass, not passed', 5)

    redact(error, url)

    assert error.args == ('user "***" at "***" of unit: ***, not passed', 5)
