"""Columns of a table that give the target away: told from the data alone, rule by rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.scaffolding.leak_rules.aggregates import future_aggregate
from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.copies import copy, shifted
from ml_assets.scaffolding.leak_rules.filling import filled_afterwards, filling_tells
from ml_assets.scaffolding.leak_rules.history import History, history
from ml_assets.scaffolding.leak_rules.prediction import id_tells, predicts_too_well

MIN_ROWS = 50
"""Rows with a known target below which no rule says anything."""

RULES: dict[str, Callable[[History, Column], str | None]] = {
    "copy": copy,
    "shifted target": shifted,
    "id tells the target": id_tells,
    "predicts too well": predicts_too_well,
    "aggregate over the future": future_aggregate,
    "filling tells the target": filling_tells,
    "filled afterwards": filled_afterwards,
}
"""Name of each rule and its function; the first that finds something names the leak."""


@dataclass(frozen=True)
class Leak:
    """A column that gives the target away.

    Attributes:
        column: its name.
        rule: the rule that found it, a key of ``RULES``.
        finding: what was found, a sentence with its figure.
    """

    column: str
    rule: str
    finding: str


def leaks(
    rows: pd.DataFrame, *, target: str, time: str, entity: Sequence[str] = (), task: str
) -> list[Leak]:
    """Columns of a table of history that give the target away.

    Args:
        rows: (n, …) the table, in any order.
        target: name of the target.
        time: name of the column with the time of each row.
        entity: names of the columns whose values name one series of rows each.
        task: "classification", "multiclass" or "regression".

    Returns:
        At most one leak for each column, in the order of the columns.
    """
    known = history(rows, target=target, time=time, entity=entity, task=task)
    if len(known) < MIN_ROWS or pd.Series(known.target).nunique() < 2:
        return []
    names = [name for name in rows.columns if name not in {target, time, *entity}]
    found = (_leak(known, Column(name, known.frame[name], known)) for name in names)
    return [leak for leak in found if leak]


def _leak(known: History, column: Column) -> Leak | None:
    for rule, function in RULES.items():
        if finding := function(known, column):
            return Leak(column.name, rule, f"`{column.name}` {finding}.")
    return None
