"""Routes: where notifications of a level are sent to. Their names are told everywhere, their URLs nowhere."""

from dataclasses import dataclass

from pydantic import SecretStr

from ml_assets.alert_urls import AlertUrls, split
from ml_assets.alerts.finding import Level

PAGERDUTY = "pagerduty"


@dataclass(frozen=True)
class Route:
    """One receiver of notifications.

    Attributes:
        name: level, number within the level, and service: ``critical-1 (pagerduty)``.
        level: whose notifications it receives.
        url: its Apprise URL.
    """

    name: str
    level: Level
    url: SecretStr

    @property
    def service(self) -> str:
        """The scheme of its URL, such as ``slack``."""
        return service_of(self.url)

    @property
    def keeps_incidents(self) -> bool:
        """Whether an alert stays open there until its end is told, even if it is silenced here."""
        return self.service == PAGERDUTY


def routes_of(urls: AlertUrls) -> list[Route]:
    """The routes of all levels; none when nothing is configured."""
    return [
        Route(f"{level.value}-{number} ({service_of(url)})", level, url)
        for level in Level
        for number, url in enumerate(split(getattr(urls, level.value)), 1)
    ]


def service_of(url: SecretStr) -> str:
    """The scheme of a URL."""
    return url.get_secret_value().partition("://")[0].lower()
