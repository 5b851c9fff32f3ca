"""Patterns of file paths with the date of a file in its name, as in ``weather/%Y/%Y-%m-%d.csv``."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from ml_assets.errors import ConfigurationError

PARTS = {"Y": r"\d{4}", "m": r"\d\d", "d": r"\d\d", "H": r"\d\d"}
"""Placeholder → its digits, from the longest period to the shortest."""

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Suffix → format of a file."""

Period = tuple[datetime, datetime]
"""First moment, and first moment after it."""

_TOKENS = re.compile(r"%(.)|(\*)")


@dataclass(frozen=True)
class FilePattern:
    """A pattern of paths below a connection's folder.

    ``%Y``, ``%m``, ``%d`` and ``%H`` are the date of the file, ``*`` is any text without a slash.
    Paths with a part that begins with a dot or an underscore never match.

    Attributes:
        text: the pattern.
        zone: IANA zone of the dates.
    """

    text: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse patterns that no file can match, or whose period is unknown.

        Raises:
            ConfigurationError: the pattern cannot be used.
        """
        used = [found[1] for found in _TOKENS.finditer(self.text) if found[1]]
        if other := [name for name in used if name not in PARTS]:
            raise ConfigurationError(
                f"'%{other[0]}' in '{self.text}' is unknown; dates are written with %Y, %m, %d, %H"
            )
        if [name for name in PARTS if name in used] != [*PARTS][: len(set(used))]:
            raise ConfigurationError(
                f"the date in '{self.text}' has a gap; expected %Y, %Y-%m, %Y-%m-%d or %Y-%m-%d-%H"
            )
        if self.text.startswith("/") or ".." in PurePosixPath(self.text).parts:
            raise ConfigurationError(f"'{self.text}' is not below the connection's folder")
        if self.suffix not in FORMATS:
            raise ConfigurationError(
                f"'{self.text}' has no known suffix; expected one of {', '.join(FORMATS)}"
            )

    @property
    def suffix(self) -> str:
        """The suffix of its files."""
        return PurePosixPath(self.text).suffix

    @property
    def has_date(self) -> bool:
        """Whether names contain the date of their file."""
        return "%" in self.text

    @property
    def folder(self) -> str:
        """The folder that contains all files of the pattern; empty for the connection's own."""
        fixed = _TOKENS.split(self.text)[0]
        return fixed.rpartition("/")[0]

    def matches(self, path: str) -> bool:
        """Whether a path belongs to the pattern."""
        is_hidden = any(part.startswith((".", "_")) for part in path.split("/"))
        return not is_hidden and self._regex.fullmatch(path) is not None

    def period(self, path: str) -> Period | None:
        """The period in a path's name, in UTC; None if it has no date, or one that does not exist."""
        found = self._regex.fullmatch(path)
        written = found.groupdict() if found else {}
        if not written:
            return None
        numbers = [int(written[part]) for part in PARTS if part in written]
        year, month, day, hour = [*numbers, *[1, 1, 0][len(numbers) - 1 :]]
        try:
            start = datetime(year, month, day, hour)  # noqa: DTZ001
            return self._utc(start), self._utc(_after(start, len(numbers)))
        except (ValueError, OverflowError):
            return None

    def _utc(self, local: datetime) -> datetime:
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        known: set[str] = set()

        def written(token: re.Match[str]) -> str:
            if token[2]:
                return "[^/]*"
            if token[1] in known:
                return f"(?P={token[1]})"
            known.add(token[1])
            return f"(?P<{token[1]}>{PARTS[token[1]]})"

        parts = re.split(r"(%.|\*)", self.text)
        return re.compile(
            "".join(
                written(token) if (token := _TOKENS.fullmatch(part)) else re.escape(part)
                for part in parts
            ),
            re.ASCII,
        )


def _after(start: datetime, parts: int) -> datetime:
    """The end of a year, month, day or hour, given by the number of parts of its name."""
    if parts == 1:
        return start.replace(year=start.year + 1)
    if parts == 2:
        return (start + timedelta(days=31)).replace(day=1)
    return start + (timedelta(days=1) if parts == 3 else timedelta(hours=1))
