"""The URLs that notifications of alerts are sent to, by level, as Apprise understands them.

They are secret: no message, log or row contains one.
"""

import logging
import re
from types import ModuleType

from pydantic import BaseModel, Field, SecretStr, field_validator

BETWEEN_URLS = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""As Apprise splits its own lists: a comma within a URL belongs to the URL."""


class AlertUrls(BaseModel, extra="forbid", frozen=True, hide_input_in_errors=True):
    """Apprise URLs of each level, separated by commas or blanks; see docs/alert_routes.md."""

    critical: SecretStr = Field(SecretStr(""), description="Routes of critical alerts.")
    warning: SecretStr = Field(SecretStr(""), description="Routes of warnings.")
    info: SecretStr = Field(SecretStr(""), description="Routes of what is worth seeing only.")

    @field_validator("critical", "warning", "info")
    @classmethod
    def _are_understood(cls, value: SecretStr) -> SecretStr:
        for number, url in enumerate(split(value), 1):
            if apprise().Apprise.instantiate(url.get_secret_value()) is None:
                raise ValueError(
                    f"Apprise does not understand its URL number {number}, which is not shown as it is secret; "
                    "expected for example 'slack://…' or 'pagerduty://…', see docs/alert_routes.md"
                )
        return value


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
