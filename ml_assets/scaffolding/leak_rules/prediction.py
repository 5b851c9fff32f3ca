"""Columns that alone tell the target of newer rows, as values or as a part of an id."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.history import History
from ml_assets.scaffolding.leak_rules.scores import unexplained, unexplained_by_labels

TOO_WELL = 0.02
"""Unexplained share at which a column predicts too well: R² 0.98, AUC 0.99, or 98 % of the errors
of the most frequent class avoided. Strong features that are known in time leave more."""

TOO_WELL_AS_ID = 0.1
"""The same for a part of an id, which should tell nothing."""

OF_PAST = 0.1
"""Unexplained share relative to what the target's own past leaves unexplained."""

MAX_LABELS = 1_000
MIN_ID_VALUES, MIN_ID_SHARE = 50, 0.5
"""Distinct values of an id, and their share of its rows."""

AFFIXES = (1, 2, 3)


def predicts_too_well(history: History, column: Column) -> str | None:
    """Whether the column alone tells the target of newer rows nearly without error."""
    if column.is_calendar:
        return None
    shares = []
    if column.has_numbers:
        shares.append(unexplained(history.split, column.numbers))
    if 2 <= len(column.distinct) <= MAX_LABELS and len(column.distinct) <= len(history) / 20:
        shares.append(unexplained_by_labels(history.split, column.codes))
    share = min((share for share in shares if share is not None), default=1.0)
    if share > TOO_WELL or share > OF_PAST * history.past_unexplained:
        return None
    return f"alone predicts `{history.name}` of newer rows with {_figure(history, share)}"


def id_tells(history: History, column: Column) -> str | None:
    """Whether a part of an id, or its order, tells the target of newer rows."""
    rows = int(column.filled.sum())
    if not rows or not _is_id(column, rows):
        return None
    for words, codes in _parts(column):
        share = unexplained_by_labels(history.split, codes)
        if share is not None and share <= min(TOO_WELL_AS_ID, OF_PAST * history.past_unexplained):
            return (
                f"is an id whose {words} predicts `{history.name}` with {_figure(history, share)}"
            )
    return None


def _is_id(column: Column, rows: int) -> bool:
    if len(column.distinct) < max(MIN_ID_VALUES, MIN_ID_SHARE * rows):
        return False
    known = column.numbers[np.isfinite(column.numbers)]
    return column.is_text or bool(len(known) and np.all(known == np.round(known)))


def _parts(column: Column) -> Iterator[tuple[str, np.ndarray]]:
    """Parts of the ids as codes of labels, -1 where the column is empty."""
    for length in AFFIXES:
        yield f"first {length} characters", _labels(column, column.texts.str[:length])
        yield f"last {length} characters", _labels(column, column.texts.str[-length:])
    words = column.texts.str.split(r"[^0-9A-Za-z]+", regex=True)
    for number in range(max(map(len, words), default=0)):
        yield f"part {number + 1}", _labels(column, words.str[number])
    digits = column.texts.str.extract(r"(\d+)\D*$", expand=False)
    last = pd.to_numeric(digits.str[-6:], errors="coerce").to_numpy(dtype=float)
    for divisor in (2, 3, 4, 5, 7):
        rest = pd.Series(np.mod(last, divisor))
        yield f"remainder by {divisor}", _labels(column, rest)


def _labels(column: Column, parts: pd.Series) -> np.ndarray:
    codes, distinct = pd.factorize(parts)
    if not 2 <= len(distinct) <= MAX_LABELS:
        return np.full(len(column.codes), -1)
    return np.append(codes, -1)[column.codes]


def _figure(history: History, share: float) -> str:
    if not history.classes:
        return f"R² {1 - share:.3f}"
    if len(history.classes) == 2:
        return f"AUC {1 - share / 2:.3f}"
    return f"{share:.1%} of the errors of the most frequent class"
