"""URLs of routes: how they are separated, what is refused, and that none is shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from ml_assets.alert_urls import split
from ml_assets.environment import lines
from ml_assets.errors import ConfigurationError
from ml_assets.settings import settings

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/#ml"
TOKEN = "TIiajkdnlazkcOXrIdevi7"
PAGERDUTY = "pagerduty://integration1@apikey1"


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env``, and no settings of another test."""
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(SLACK, [SLACK], id="one"),
        pytest.param(f"{SLACK},{PAGERDUTY}", [SLACK, PAGERDUTY], id="comma"),
        pytest.param(f" {SLACK}\n , {PAGERDUTY} ,", [SLACK, PAGERDUTY], id="blanks"),
        pytest.param(
            f"mailto://h?to=a,b {SLACK}", ["mailto://h?to=a,b", SLACK], id="comma in a URL"
        ),
    ],
)
def test_urls_are_separated_as_apprise_does(text: str, expected: list[str]) -> None:
    assert [url.get_secret_value() for url in split(SecretStr(text))] == expected


def test_each_level_has_its_urls_which_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_ALERTS__CRITICAL", f"{PAGERDUTY} {SLACK}")

    found = settings()

    assert len(split(found.alerts.critical)) == len([PAGERDUTY, SLACK])
    assert split(found.alerts.warning) == []
    assert TOKEN not in f"{found!r} {found} {found.model_dump_json()}"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        pytest.param(f"slack://{TOKEN}", 1, id="token of another form"),
        pytest.param(f"unknown://{TOKEN}@host", 1, id="unknown service"),
        pytest.param(TOKEN, 1, id="no URL"),
        pytest.param(f"{SLACK} pagerduty://{TOKEN}", 2, id="second of two"),
    ],
)
def test_a_url_that_apprise_does_not_understand_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], value: str, number: int
) -> None:
    monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", value)

    with pytest.raises(
        ConfigurationError, match=f"ML_ASSETS_ALERTS__WARNING: .*{number}"
    ) as caught:
        settings()
    assert TOKEN not in f"{caught.value} {caught.value.__context__} {capfd.readouterr()}"


def test_a_level_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_ALERTS__CRITCAL", SLACK)

    with pytest.raises(ConfigurationError, match="ML_ASSETS_ALERTS__CRITCAL") as caught:
        settings()
    assert "Did you mean 'ML_ASSETS_ALERTS__CRITICAL'?" in str(caught.value)
    assert "ML_ASSETS_ALERTS__INFO" in str(caught.value)


def test_a_url_of_a_known_service_is_refused_with_its_scheme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", f"slack://{TOKEN}")

    with pytest.raises(
        ConfigurationError,
        match="ML_ASSETS_ALERTS__WARNING: its URL number 1 is no usable slack:// URL",
    ):
        settings()


def test_a_variable_that_was_not_expanded_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", f"{SLACK} json://${{HOOK_HOST}}/{TOKEN}")

    with pytest.raises(
        ConfigurationError, match="URL number 2 contains the variable HOOK_HOST"
    ) as caught:
        settings()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("${SLACK_URL}", id="URL"),
        pytest.param("slack://${SLACK_URL}", id="token"),
    ],
)
def test_a_route_of_a_file_with_a_variable_that_is_not_set_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    (tmp_path / ".env").write_text(f"ML_ASSETS_ALERTS__WARNING={value}\n")
    monkeypatch.delenv("SLACK_URL", raising=False)

    with pytest.raises(
        ConfigurationError,
        match=r"ML_ASSETS_ALERTS__WARNING in \.env .* SLACK_URL, which is not set",
    ):
        settings()

    monkeypatch.setenv("SLACK_URL", SLACK.removeprefix(value.partition("$")[0]))
    settings.cache_clear()
    assert len(split(settings().alerts.warning)) == 1
    for name in ("SLACK_URL", "ML_ASSETS_ALERTS__WARNING"):
        monkeypatch.setenv(name, "")
    settings.cache_clear()
    assert split(settings().alerts.warning) == []


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [
        pytest.param(SLACK, True, id="written out"),
        pytest.param(f"slack://${{TOKEN}},{SLACK}", True, id="the second written out"),
        pytest.param("slack://${TOKEN}", False, id="token of a variable"),
        pytest.param("${SLACK_URL} ${PAGERDUTY_URL}", False, id="URLs of variables"),
        pytest.param("", False, id="none"),
    ],
)
def test_a_settings_file_that_is_committed_holds_no_url(
    tmp_path: Path, value: str, is_refused: bool
) -> None:
    file = tmp_path / "production.env"
    file.write_text(f"ML_ASSETS_ALERTS__WARNING='{value}'\n")

    if not is_refused:
        assert file.read_text().strip() in lines(tmp_path, file)
        return
    with pytest.raises(ConfigurationError, match="ML_ASSETS_ALERTS__WARNING") as caught:
        lines(tmp_path, file)
    assert TOKEN not in str(caught.value)


def test_apprise_is_not_imported_while_nothing_is_configured_or_delivered(tmp_path: Path) -> None:
    program = (
        "import sys, ml_assets.alerts.delivery.delivering, ml_assets.definitions\n"
        "ml_assets.definitions.project_definitions()\n"
        "sys.exit('apprise' in sys.modules)"
    )
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("ML_ASSETS_ALERTS")
    }

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=variables | {"PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )

    assert ended.returncode == 0
