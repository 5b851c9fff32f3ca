"""Names that do not exist, told with the nearest that does."""

import difflib
from collections.abc import Collection

from ml_assets.cadence import as_day, nearest
from ml_assets.errors import ConfigurationError

SHOWN = 12
"""Known names that a message lists; of more it names the first and the last."""


def near(name: str, known: Collection[str]) -> str:
    """The nearest known name; empty when none is near."""
    if as_day(name) and known and all(map(as_day, known)):
        return nearest(name, sorted(known))
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.4)), "")


def meant(name: str, known: Collection[str]) -> str:
    """A question after the nearest known name; empty when none is near."""
    found = near(name, known)
    return f" Is '{found}' meant?" if found else ""


def unknown(what: str, name: str, known: Collection[str]) -> ConfigurationError:
    """The error for a name that does not exist.

    Args:
        what: what is named: 'pipeline', 'table', 'day of a/table'.
        name: the name.
        known: the names that exist.
    """
    if not known:
        return ConfigurationError(f"There is no {what} '{name}': there is none at all yet.")
    ordered = sorted(known)
    shown = ", ".join(ordered) if len(ordered) <= SHOWN else f"{ordered[0]} … {ordered[-1]}"
    return ConfigurationError(f"There is no {what} '{name}'. There is {shown}.{meant(name, known)}")
