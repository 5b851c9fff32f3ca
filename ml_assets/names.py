"""Names in error messages: unknown ones, with the most similar known name, and long ones shortened."""

import difflib
from collections.abc import Collection

from ml_assets.cadence import as_key, nearest
from ml_assets.errors import ConfigurationError

SHOWN = 12
"""Known names that a message lists; of a longer list it shows the first and the last."""

MAX_LENGTH = 200
"""Characters of a name or a value that a message shows."""


def shortened(text: str) -> str:
    """A text as a message shows it; a long one is cut."""
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


def most_similar(name: str, known: Collection[str]) -> str:
    """The known name that is most similar, whatever its case, or the nearest day; empty when none is similar."""
    if as_key(name) and known and all(map(as_key, known)):
        return nearest(name, sorted(known))
    folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name[:MAX_LENGTH].casefold(), folded, n=1, cutoff=0.4)
    return folded[found[0]] if found else ""


def suggestion(name: str, known: Collection[str]) -> str:
    """A sentence that suggests the most similar known name; empty when none is similar."""
    found = most_similar(name, known)
    return f" Did you mean '{found}'?" if found else ""


def unknown(what: str, name: str, known: Collection[str]) -> ConfigurationError:
    """The error for a name that does not exist.

    Args:
        what: what the name should identify: 'pipeline', 'table', 'day of a/table'.
        name: the unknown name.
        known: the names that exist.
    """
    if not known:
        return ConfigurationError(f"There is no {what} '{shortened(name)}': none exists yet.")
    ordered = sorted(known)
    shown = ", ".join(ordered) if len(ordered) <= SHOWN else f"{ordered[0]} … {ordered[-1]}"
    return ConfigurationError(
        f"There is no {what} '{shortened(name)}'. Known: {shown}.{suggestion(name, known)}"
    )
