"""Names that a pipeline and the columns of its table may have."""

import builtins
import keyword
import re
from collections.abc import Collection, Sequence

from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding.profile import Column

NAME = re.compile(r"[a-z][a-z0-9_]*")
COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = {
    *("ds", "known_at", "period", "label", "prediction", "score", "split", "weekday"),
    *("days", "history", "rows", "feature_day"),
    *("prediction_id", "model_version", "model_as_of", "feature_version"),
    *("is_late", "horizon_hours", "is_replayed"),
}
"""Names of columns and arguments that every pipeline has itself."""

TAKEN = {name for name in dir(Contract) if not name.startswith("_")} | RESERVED
"""Names that no column of a contract can have: these, and the attributes of a contract."""


def refuse_name(name: str) -> None:
    """Refuse a name that is no Python package and no first part of asset keys.

    Raises:
        ConfigurationError: it is none.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or hasattr(builtins, name):
        raise ConfigurationError(
            f"'{name}' cannot name a pipeline: use small letters, digits and '_', such as bike_rides, "
            "and no keyword or built-in name of Python."
        )


def refuse_columns(columns: Sequence[Column], needed: Collection[str] = ()) -> None:
    """Refuse columns that a contract cannot have.

    Args:
        columns: the columns of a table.
        needed: names of those that cannot be left out: the target, the time, and the series.

    Raises:
        ConfigurationError: a column's name is none of a contract's field, or its values are mixed.
    """
    problems = {one.name: why for one in columns if (why := _column_problem(one))}
    if problems:
        found = "; ".join(f"'{name}' {why}" for name, why in problems.items())
        excluded = " ".join(f"--exclude '{name}'" for name in problems if name not in needed)
        needed_too = [f"'{name}'" for name in problems if name in needed]
        but = f" and change only {' and '.join(needed_too)}" if needed_too else ""
        remedy = f", or add {excluded}{but}" if excluded else ""
        what = "it" if len(problems) == 1 else "them"
        raise ConfigurationError(
            f"{'Column' if len(problems) == 1 else 'Columns'} {found}. Change {what} in the source{remedy}."
        )


def _column_problem(column: Column) -> str:
    """Why a contract cannot have a column; empty if it can."""
    if not COLUMN.fullmatch(column.name) or keyword.iskeyword(column.name):
        usable = re.sub(r"\W+", "_", column.name).strip("_").lower()
        return f"has no name that Python allows (letters, digits, '_'), such as '{usable}'"
    if column.name in TAKEN:
        return "has a name that every pipeline uses itself"
    if column.is_mixed:
        return f"has numbers in {column.numbers:.0%} of its rows and texts in the others"
    return ""
