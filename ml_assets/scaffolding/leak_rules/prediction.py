"""Columns that alone predict the target of newer rows, as values or as a part of an id."""

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
MAX_PARTS = 5
DIVISORS = (2, 3, 4, 5, 7)
"""Lengths, numbers and divisors of the parts of an id that are looked at."""


def predicts_too_well(history: History, column: Column) -> str | None:
    """Whether the column alone predicts the target of newer rows nearly without error."""
    shares = []
    if column.has_numbers:
        shares.append(unexplained(history.split, column.numbers))
    if 2 <= len(column.distinct) <= MAX_LABELS and len(column.distinct) <= len(history) / 20:
        shares.append(unexplained_by_labels(history.split, column.codes))
    share = min((share for share in shares if share is not None), default=1.0)
    if share > TOO_WELL or share > OF_PAST * history.past_unexplained or column.is_calendar:
        return None
    return f"alone predicts `{history.name}` of newer rows with {_figure(history, share)}"


def id_tells(history: History, column: Column) -> str | None:
    """Whether a part of an id, or its order, predicts the target of newer rows."""
    rows = int(column.filled.sum())
    if not rows or not _is_id(column, rows):
        return None
    for words, codes in _parts(history, column):
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


def _parts(history: History, column: Column) -> Iterator[tuple[str, np.ndarray]]:
    """Parts of the ids as codes of labels, -1 where the column is empty."""
    rows = history.sample[column.filled[history.sample]]
    texts = column.series.iloc[rows].astype("str")
    words = texts.str.split(r"[^0-9A-Za-z]+", regex=True)
    digits = texts.str.extract(r"(\d{1,6})\D*$", expand=False)
    last = pd.to_numeric(digits, errors="coerce")
    parts = {
        **{f"first {length} characters": texts.str[:length] for length in AFFIXES},
        **{f"last {length} characters": texts.str[-length:] for length in AFFIXES},
        **{f"part {number + 1}": words.str[number] for number in range(MAX_PARTS)},
        **{f"remainder by {divisor}": last % divisor for divisor in DIVISORS},
    }
    for words_of_part, part in parts.items():
        codes, distinct = pd.factorize(part)
        if 2 <= len(distinct) <= MAX_LABELS:
            spread = np.full(len(history), -1)
            spread[rows] = codes
            yield words_of_part, spread


def _figure(history: History, share: float) -> str:
    if not history.classes:
        return f"R² {1 - share:.3f}"
    if len(history.classes) == 2:
        return f"AUC {1 - share / 2:.3f}"
    return f"{share:.1%} of the errors of the most frequent class"
