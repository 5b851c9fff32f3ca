"""Database URLs: strict parsing, and error messages without secrets.

The message about an invalid URL contains no part of it: if a password contains an unescaped ``@``,
``/`` or ``:``, parts of it are parsed as host, port or database name.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import ConfigurationError, sentence

EXPECTED = (
    "Expected for example 'sqlite:///data/source.db' or 'postgresql://user:password@host:5432/name', "
    "with special characters of user and password escaped ('@' as '%40', '/' as '%2F', ':' as '%3A')"
)
HIDDEN = "***"
MAX_PORT = 65535
PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/]*@")
"""User and password of a URL in a text."""
HOST = re.compile(r"[A-Za-z0-9._:,%-]*")
"""Characters of host names and addresses; others are part of a password that is not escaped."""


def parsed(url: str | sa.URL, variable: str = "") -> sa.URL:
    """Parse a database URL.

    Args:
        url: SQLAlchemy URL.
        variable: its environment variable, for the message.

    Raises:
        ConfigurationError: the URL is invalid; the message contains no part of it.
    """
    if isinstance(url, sa.URL):
        return url
    found, problem = _read(url)
    if found is None or problem:
        name = variable or "A database URL"
        fix = f" Correct {variable}." if variable else " Correct the ML_ASSETS_…_URL variable."
        raise ConfigurationError(f"{name} cannot be used: {sentence(problem)} {EXPECTED}.{fix}")
    return found


def _read(url: str) -> tuple[sa.URL | None, str]:
    """The URL, or a problem. Errors are not propagated, as their tracebacks contain the URL."""
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None, "it is not a URL with a scheme, a host and a numeric port"
    try:
        found.get_dialect().import_dbapi()
    except sa.exc.ArgumentError:
        return None, "SQLAlchemy has no database for its scheme"
    except ImportError:
        return None, "the driver for its scheme is not installed"
    return found, _problem(found, url)


def _problem(url: sa.URL, text: str) -> str:
    if url.get_backend_name() == "sqlite":
        has_server = url.host or url.username or url.password or url.port
        return "SQLite needs 'sqlite:///' and a path, without a server" if has_server else ""
    if text.count("@") > 1 or not HOST.fullmatch(url.host or ""):
        return "its host is invalid; its password may contain a character that is not escaped"
    if url.port is not None and not 0 < url.port <= MAX_PORT:
        return "its port is not a port number"
    return ""


def without_passwords(text: str) -> str:
    """A text, such as that of another library's error, in which the passwords of URLs are hidden."""
    return PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def is_database(url: str) -> bool:
    """Whether the scheme of a URL is one of a database."""
    scheme, separator, _ = url.partition("://")
    name = scheme.lower().partition("+")[0]
    if not separator or not name.isidentifier():
        return False
    try:
        sa.dialects.registry.load("postgresql" if name == "postgres" else name)
    except sa.exc.NoSuchModuleError:
        return False
    return True


def redact(error: BaseException, url: sa.URL) -> None:
    """Remove user, password, host and options of a URL from an error and all its causes.

    Args:
        error: the error; its arguments are changed in place.
        url: URL of the database that raised it.
    """
    secrets = _secrets(url)
    for item in _chain(error):
        item.args = tuple(
            hidden(value, secrets) if isinstance(value, str) else value for value in item.args
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            waiting += [item.__cause__, item.__context__, getattr(item, "orig", None)]
            yield item


def hidden(text: str, secrets: Collection[str]) -> str:
    """A text without secrets.

    Args:
        text: the text.
        secrets: what is replaced, none of them empty.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text


def _secrets(url: sa.URL) -> set[str]:
    options = [
        part
        for value in url.query.values()
        for part in ([value] if isinstance(value, str) else value)
    ]
    parts = {url.username, str(url.password or ""), url.host, *options}
    return {part for part in parts if part} - {url.database}
