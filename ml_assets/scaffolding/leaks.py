"""Columns of a table that leak the target, found from the data alone, rule by rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.aggregates import future_aggregate
from ml_assets.scaffolding.leak_rules.arithmetic import arithmetic
from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.copies import copy, shifted
from ml_assets.scaffolding.leak_rules.days import later_days
from ml_assets.scaffolding.leak_rules.filling import filled_afterwards, filling_tells
from ml_assets.scaffolding.leak_rules.history import History, history
from ml_assets.scaffolding.leak_rules.prediction import id_tells, predicts_too_well

MIN_ROWS = 50
"""Rows with a known target below which no rule says anything."""

MAX_CLASSES = 200
"""Classes above which no rule says anything."""

RULES: dict[str, Callable[[History, Column], str | None]] = {
    "copy": copy,
    "shifted target": shifted,
    "id tells the target": id_tells,
    "predicts too well": predicts_too_well,
    "aggregate over the future": future_aggregate,
    "target of later days": later_days,
    "filling tells the target": filling_tells,
    "filled afterwards": filled_afterwards,
}
"""Name of each rule and its function; the first that finds something names the leak."""

ARITHMETIC = "arithmetic with another column"
"""Name of the rule for two columns, of which none is a leak alone."""


@dataclass(frozen=True)
class Leak:
    """A column that gives the target away.

    Attributes:
        column: its name.
        rule: the rule that found it, a key of ``RULES`` or ``ARITHMETIC``.
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
    if len(known) < MIN_ROWS or np.ptp(known.target) == 0 or len(known.classes) > MAX_CLASSES:
        return []
    names = [name for name in rows.columns if name not in {target, time, *entity}]
    found: dict[str, Leak] = {}
    numbers: dict[str, np.ndarray] = {}
    for name in names:
        column = Column(name, known.frame[name], known)
        if leak := _leak(known, column):
            found[name] = leak
        elif column.has_numbers:
            numbers[name] = column.numbers[known.sample]
    for name, finding in arithmetic(known, numbers).items():
        found[name] = Leak(name, ARITHMETIC, f"`{name}` {finding}.")
    return [found[name] for name in names if name in found]


def _leak(known: History, column: Column) -> Leak | None:
    for rule, function in RULES.items():
        if finding := function(known, column):
            return Leak(column.name, rule, f"`{column.name}` {finding}.")
    return None
