"""Settings: defaults, what is refused, and that secrets stay secret."""

from pathlib import Path

import pytest

from ml_assets.environment import CHECKOUT, lines, refuse_unknown_names
from ml_assets.errors import ConfigurationError
from ml_assets.settings import Settings, settings, with_driver


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable, no ``.env``."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "DATA",
        "LAKE",
        "SOURCE_URL",
        "POSTGRES_URL",
        "RETRY_WAITS",
        "EXECUTOR",
        "SENSORS",
    ):
        monkeypatch.delenv(f"ML_ASSETS_{name}", raising=False)
    settings.cache_clear()


def test_everything_is_below_data_by_default(tmp_path: Path) -> None:
    found = settings()

    assert found.lake_uri == str(tmp_path / "data" / "lake")
    assert found.source_database_url == f"sqlite:///{tmp_path / 'data' / 'source.db'}"
    assert found.ledger_url == f"sqlite:///{tmp_path / 'data' / 'ledger.db'}"
    assert found.online_url == f"sqlite:///{tmp_path / 'data' / 'online.db'}"
    assert found.retry_waits == [30, 120, 600, 3600]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("postgresql://u@h/d", "postgresql+psycopg2://u@h/d", id="plain"),
        pytest.param("postgres://u@h/d", "postgresql+psycopg2://u@h/d", id="short"),
        pytest.param("postgresql+psycopg2://u@h/d", "postgresql+psycopg2://u@h/d", id="named"),
        pytest.param("sqlite:///x.db", "sqlite:///x.db", id="sqlite"),
    ],
)
def test_postgres_urls_get_the_driver_dagster_needs(url: str, expected: str) -> None:
    assert with_driver(url) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("RETRY_WAITS", "[-1]", id="negative wait"),
        pytest.param("EXECUTOR", "cluster", id="unknown executor"),
        pytest.param("SERVING__MAX_ROWS", "0", id="limit of a group"),
    ],
)
def test_an_unusable_value_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"ML_ASSETS_{name}", value)

    with pytest.raises(ConfigurationError, match=f"ML_ASSETS_{name}"):
        settings()


def test_a_url_without_a_scheme_is_refused_without_being_printed() -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_driver("secret-host/secret")
    assert "secret" not in str(caught.value)


def test_the_online_store_is_in_postgres_where_the_ledger_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", "postgresql://u@h/d")

    assert settings().online_url == settings().ledger_url == "postgresql+psycopg2://u@h/d"


def test_passwords_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", "postgresql://u:hunter2@h/d")

    assert "hunter2" not in repr(Settings())


def test_the_env_file_is_absolute(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").touch()

    assert f"DAGSTER_HOME={tmp_path}" in lines(tmp_path)
    assert all("=" in line and "./" not in line for line in lines(tmp_path))


def test_an_environment_shares_dagster_yaml_and_has_data_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "staging.env"
    file.write_text("ML_ASSETS_SENSORS=stopped\nML_ASSETS_DATA=../elsewhere\n")
    home = tmp_path / "staging"
    home.mkdir()
    (home / ".env").write_text("\n".join(lines(home, file)))
    monkeypatch.chdir(home)

    found = settings()

    assert f"DAGSTER_HOME={CHECKOUT}" in lines(home, file)
    assert found.sensors == "stopped"
    assert found.data == home / "../elsewhere"
    assert f"ML_ASSETS_COMPUTE_LOGS={found.data}/dagster/compute_logs" in lines(home, file)


def test_the_committed_environments_are_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted((CHECKOUT / "environments").glob("*.env"))
    assert files
    for file in files:
        home = tmp_path / file.stem
        home.mkdir()
        (home / ".env").write_text("\n".join(lines(home, file)))
        monkeypatch.chdir(home)
        settings.cache_clear()

        assert settings().data == home / "data"


@pytest.mark.parametrize(
    ("password", "is_refused"),
    [
        pytest.param(":hunter2", True, id="written out"),
        pytest.param(":$hunter2", True, id="with a dollar"),
        pytest.param(":${DB_PASSWORD}", False, id="of a variable"),
        pytest.param("", False, id="none"),
    ],
)
def test_a_settings_file_holds_no_password(tmp_path: Path, password: str, is_refused: bool) -> None:
    file = tmp_path / "production.env"
    file.write_text(f"ML_ASSETS_POSTGRES_URL=postgresql://u{password}@h/d\n")

    if not is_refused:
        assert file.read_text().strip() in lines(tmp_path, file)
        return
    with pytest.raises(ConfigurationError, match="ML_ASSETS_POSTGRES_URL") as caught:
        lines(tmp_path, file)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        pytest.param("ML_ASSETS_ALERT__WARNING", "mean 'ML_ASSETS_ALERTS__WARNING'?", id="section"),
        pytest.param("ML_ASSETS_ALERTS_WARNING", "mean 'ML_ASSETS_ALERTS__WARNING'?", id="one _"),
        pytest.param("ML_ASSETS_RETRY_WAIT", "mean 'ML_ASSETS_RETRY_WAITS'?", id="setting"),
        pytest.param("ml_assets_sensor", "mean 'ML_ASSETS_SENSORS'?", id="lower case"),
        pytest.param("ML_ASSETS_DATA__FOLDER", "mean 'ML_ASSETS_DATA'?", id="key of a value"),
        pytest.param("ML_ASSETS_COMPUTE_LOG", "mean 'ML_ASSETS_COMPUTE_LOGS'?", id="Dagster's"),
    ],
)
@pytest.mark.parametrize("is_file", [True, False], ids=["in .env", "exported"])
def test_a_variable_that_no_setting_has_is_refused_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reported: str, *, is_file: bool
) -> None:
    file = tmp_path / ".env"
    known = {**dict.fromkeys(Settings.model_fields), "alerts": ["warning"], "connections": []}
    refuse_unknown_names(file, known)
    if is_file:
        file.write_text(f"ML_ASSETS_DATA=a\n{name}=hunter2\n")
    else:
        monkeypatch.setenv(name, "hunter2")

    with pytest.raises(ConfigurationError) as refused:
        refuse_unknown_names(file, known)

    assert f"{name} is unknown. Did you {reported}" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "ML_ASSETS_SERVICE_HOST",
        "ML_ASSETS_SERVICE_PORT_HTTP",
        "ML_ASSETS_PORT",
        "ML_ASSETS_UI_PORT_3000_TCP_ADDR",
    ],
)
def test_variables_that_kubernetes_sets_for_a_service_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "10.0.0.1")

    refuse_unknown_names(tmp_path / ".env", dict.fromkeys(Settings.model_fields))


def test_settings_refuse_a_variable_that_none_of_them_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ML_ASSETS_CONNECTIONS__SHOP_2", "/shop")
    monkeypatch.setenv("ML_ASSETS_ALERT__WARNING", "json://localhost")
    settings.cache_clear()

    with pytest.raises(ConfigurationError, match="Did you mean 'ML_ASSETS_ALERTS__WARNING'"):
        settings()

    monkeypatch.delenv("ML_ASSETS_ALERT__WARNING")
    assert "shop_2" in settings().connections
    settings.cache_clear()
