"""Routes: the receivers of notifications of a level. Messages contain their names, never their URLs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import SecretStr

from ml_assets.alert_urls import AlertUrls, public_part, split
from ml_assets.alerts.finding import Level
from ml_assets.content import digest
from ml_assets.environment import ALERT_URLS

PAGERDUTY = "pagerduty"

MARK_LENGTH = 6
"""Number of hexadecimal digits that distinguish the routes of a level."""


@dataclass(frozen=True)
class Route:
    """One receiver of notifications.

    Attributes:
        name: level, hash of what is not secret in the URL, and service: ``critical-3f9a1c (pagerduty)``. It does not
            depend on other routes, unless these differ in secrets or options only: then a number follows the hash.
        level: whose notifications it receives.
        url: its Apprise URL.
        number: place of the URL among those of the level, from 1.
    """

    name: str
    level: Level
    url: SecretStr
    number: int

    @property
    def service(self) -> str:
        """The scheme of its URL, such as ``slack``."""
        return service_of(self.url)

    @property
    def variable(self) -> str:
        """The environment variable of its URL."""
        return f"{ALERT_URLS}{self.level.value.upper()}"

    @property
    def place(self) -> str:
        """Where its URL is written, for messages."""
        return f"URL number {self.number} of {self.variable}"

    @property
    def former_name(self) -> str:
        """Its name in notifications of earlier versions, with its number in place of the hash."""
        return f"{self.level.value}-{self.number} ({self.service})"


def routes_of(urls: AlertUrls) -> list[Route]:
    """The routes of all levels; none when nothing is configured."""
    return [
        route for level in Level for route in _of_level(level, split(getattr(urls, level.value)))
    ]


def _of_level(level: Level, urls: list[SecretStr]) -> Iterator[Route]:
    alike = Counter[str]()
    for number, url in enumerate(urls, 1):
        mark = digest(public_part(url))[:MARK_LENGTH]
        alike[mark] += 1
        marked = mark if alike[mark] == 1 else f"{mark}-{alike[mark]}"
        yield Route(f"{level.value}-{marked} ({service_of(url)})", level, url, number)


def keeps_incidents(route: str) -> bool:
    """Whether an alert stays open at a route until its end is sent, even if it is silenced here.

    Args:
        route: name of the route, which this process need not know otherwise.
    """
    return route.endswith(f"({PAGERDUTY})")


def service_of(url: SecretStr) -> str:
    """The scheme of a URL."""
    return url.get_secret_value().partition("://")[0].lower()
