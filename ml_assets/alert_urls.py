"""The URLs that notifications of alerts are sent to, by level, as Apprise understands them.

They are secret: no message, log or row contains one.
"""

import logging
import os
import re
from pathlib import Path
from types import ModuleType

from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr, field_validator

from ml_assets.errors import ConfigurationError

BETWEEN_URLS = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""As Apprise splits its own lists: a comma within a URL belongs to the URL."""


UNEXPANDED = re.compile(r"\$\{(\w+)\}")
"""A variable in a URL, with its name."""


class AlertUrls(BaseModel, extra="forbid", frozen=True, hide_input_in_errors=True):
    """Apprise URLs of each level, separated by commas or blanks; see docs/alert_routes.md."""

    critical: SecretStr = Field(SecretStr(""), description="Routes of critical alerts.")
    warning: SecretStr = Field(SecretStr(""), description="Routes of warnings.")
    info: SecretStr = Field(SecretStr(""), description="Routes of alerts of level info.")

    @field_validator("critical", "warning", "info")
    @classmethod
    def _are_understood(cls, value: SecretStr) -> SecretStr:
        for number, url in enumerate(split(value), 1):
            if problem := _problem(url):
                raise ValueError(f"its URL number {number} {problem}; see docs/alert_routes.md")
        return value


def _problem(url: SecretStr) -> str:
    """Why a URL is refused, without a secret part of it; empty if it is usable."""
    text = url.get_secret_value()
    if found := UNEXPANDED.search(text):
        return (
            f"contains the variable {found[1]} in place of its value: export {found[1]}, and let the shell expand it "
            "(double quotes)"
        )
    library, scheme = apprise(), text.partition("://")[0].lower()
    if library.Apprise.instantiate(text) is not None:
        return ""
    if scheme in library.NotificationManager():
        return f"is no usable {scheme}:// URL: Apprise does not accept the rest of it, which is secret and not shown"
    return (
        "is of no service that Apprise knows, and not shown as it is secret; expected for example 'slack://…' or "
        "'pagerduty://…'"
    )


def refuse_unset_variables(file: Path, start: str) -> None:
    """Refuse a route in a file with a variable that is not set: it would be empty there, and the route missing.

    Args:
        file: a ``.env``, which may be missing.
        start: start of the names of the routes' variables.

    Raises:
        ConfigurationError: a variable is not set.
    """
    if not file.exists():
        return
    expanded, known = dotenv_values(file), {*os.environ}
    for name, value in dotenv_values(file, interpolate=False).items():
        is_route = name.upper().startswith(start)
        if is_route and os.environ.get(name, expanded[name]) == expanded[name]:
            unset = [one for one in UNEXPANDED.findall(value or "") if one not in known]
            if unset:
                raise ConfigurationError(
                    f"{name} in .env contains the variable {unset[0]}, which is not set. Expected its value: export "
                    f"{unset[0]}. To leave the route out in this shell: export {unset[0]}= {name}="
                )
        known.add(name)


def split(urls: SecretStr) -> list[SecretStr]:
    """The single URLs of a level."""
    text = urls.get_secret_value().strip(" \t\r\n,")
    return [SecretStr(url) for url in BETWEEN_URLS.split(text) if url]


def public_part(url: SecretStr) -> str:
    """A URL without its query, and with secrets as Apprise masks them: it stays the same if only these change.

    Args:
        url: a URL that Apprise understands.
    """
    receiver = apprise().Apprise.instantiate(url.get_secret_value())
    return str(receiver.url(privacy=True)).partition("?")[0]


def apprise() -> ModuleType:
    """The library, imported when a URL is used: it takes a quarter of a second.

    Its own log messages contain parts of URLs: nothing but its results tells what happened.
    """
    import apprise as library

    logging.getLogger("apprise").propagate = False
    return library
