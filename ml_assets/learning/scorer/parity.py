"""Parity: a scorer predicts like its scikit-learn pipeline, also where values are missing or unseen."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TOLERANCE = 1e-9
"""Largest difference of two predictions; of those beyond ±1, relative to scikit-learn's."""

ROWS = 1000
"""Number of rows that are compared."""

ALONE = 25
"""Number of rows that are also predicted one at a time."""

UNSEEN = "a text that no training row has"

SHOWN_PROBLEMS = 3
SHOWN_INPUTS = 300
"""Characters."""


@dataclass(frozen=True)
class Parity:
    """A comparison of a scorer with its pipeline.

    Attributes:
        rows: number of rows that were compared.
        distance: largest difference, measured as ``TOLERANCE`` says; infinite if one of the two
            refuses what the other predicts.
        problems: what differs by more than ``TOLERANCE``: rows, columns, and by how much.
    """

    rows: int
    distance: float
    problems: tuple[str, ...]

    @property
    def shown_problems(self) -> str:
        """The first problems, as the end of a sentence."""
        others = len(self.problems) - SHOWN_PROBLEMS
        more = f"; and {others} more" if others > 0 else ""
        return "; ".join(self.problems[:SHOWN_PROBLEMS]) + more


def parity(scorer: Scorer, pipeline: "Pipeline", rows: pd.DataFrame) -> Parity:
    """Compare a scorer with its pipeline on rows, and on the same with missing and unseen values.

    Args:
        scorer: the scorer.
        pipeline: the fitted pipeline that it was built from.
        rows: (n, …) rows with the input columns, n ≥ 1, that the model was not fitted on.

    Returns:
        The comparison of ``ROWS`` rows, or of one for each case if there are more cases.
    """
    compared = cases(scorer.specification, rows)
    found = [
        *(_compared(scorer, pipeline, alike) for alike in _with_same_types(compared)),
        _alone(scorer, pd.concat([frame.astype(object) for frame in compared.values()])),
    ]
    return Parity(
        rows=sum(map(len, compared.values())),
        distance=max(distance for distance, _ in found),
        problems=tuple(problem for _, problems in found for problem in problems),
    )


def cases(specification: ModelSpecification, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The compared rows: name of a case → its rows."""
    features = specification.features
    inputs = rows[features]
    missing = inputs.where(inputs.isna())
    texts = [*specification.categorical, *specification.text]
    changes: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        **{f"{name} missing": _changed(name, missing[name]) for name in features},
        **{f"{name} unseen": _changed(name, UNSEEN) for name in texts},
        "every input missing": lambda few: few.assign(**{name: missing[name] for name in features}),
    }
    each = max(1, ROWS // 2 // len(changes))
    first = max(1, ROWS - each * len(changes))
    found = {"held-out rows": _spread(inputs, first, 0)}
    for number, (case, change) in enumerate(changes.items()):
        found[case] = _spread(change(inputs), each, number)
    return found


def difference(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(n,) largest difference of each row, measured as ``TOLERANCE`` says; infinite for one NaN.

    Of results with other shapes, each row is infinitely different.
    """
    if found.shape != expected.shape:
        return np.full(max(len(found), len(expected)), np.inf)
    with np.errstate(invalid="ignore"):
        apart = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    is_same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    apart = np.where(is_same, 0, np.where(np.isnan(apart), np.inf, apart))
    return np.asarray(apart.reshape(len(found), -1).max(axis=1))


def plain_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a data frame as plain values."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _changed(name: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda rows: rows.assign(**{name: value})


def _spread(rows: pd.DataFrame, count: int, start: int) -> pd.DataFrame:
    """Some rows, evenly spread; repeated if there are too few."""
    step = max(1, len(rows) // count)
    return rows.iloc[(start + step * np.arange(count)) % len(rows)]


def _with_same_types(compared: Mapping[str, pd.DataFrame]) -> Iterable[dict[str, pd.DataFrame]]:
    """Cases whose columns have the same types, which can be predicted together."""
    alike: dict[tuple[Any, ...], dict[str, pd.DataFrame]] = {}
    for case, rows in compared.items():
        alike.setdefault(tuple(rows.dtypes), {})[case] = rows
    return alike.values()


def _compared(
    scorer: Scorer, pipeline: "Pipeline", alike: Mapping[str, pd.DataFrame]
) -> tuple[float, list[str]]:
    """Largest difference in cases with the same types, and the cases where it is too large.

    Together they take the time of one; if they differ or are refused, each is compared alone.
    """
    rows = pd.concat(alike.values())
    expected, refusal = _tried(lambda: predict(scorer.specification, pipeline, rows))
    found, refused = _tried(lambda: scorer.of_frame(rows))
    if found is not None and expected is not None:
        apart = difference(found, np.asarray(expected, dtype=float))
        worst = int(apart.argmax())
        if apart[worst] <= TOLERANCE:
            return float(apart[worst]), []
    if len(alike) > 1:
        each = [_compared(scorer, pipeline, {case: of_case}) for case, of_case in alike.items()]
        return max(distance for distance, _ in each), [one for _, found in each for one in found]
    [case] = alike
    if found is None or expected is None:
        if found is expected:
            return 0.0, []
        by, reason = (scorer.served_by, refused) if found is None else ("scikit-learn", refusal)
        return np.inf, [f"{case}: {by} alone refuses it ({reason})"]
    problem = (
        f"{case}: {(apart > TOLERANCE).sum()} of {len(rows)} rows differ, most of all row "
        f"{rows.index[worst]} by {apart[worst]:.2g} ({scorer.served_by} predicts {found[worst]}, "
        f"scikit-learn {expected[worst]}) with {_shown(plain_rows(rows.iloc[[worst]])[0])}"
    )
    return float(apart[worst]), [problem]


def _alone(scorer: Scorer, rows: pd.DataFrame) -> tuple[float, list[str]]:
    """Largest difference between rows alone, as plain values, and among others."""
    few = plain_rows(_spread(rows, min(ALONE, len(rows)), 0))
    alone = [_tried(lambda row=row: scorer.of_rows([row]))[0] for row in few]  # type: ignore[misc]
    usable = [row for row, found in zip(few, alone, strict=True) if found is not None]
    if not usable:
        return 0.0, []
    one_by_one = np.concatenate([found for found in alone if found is not None])
    apart = difference(one_by_one, scorer.of_rows(usable))
    worst = int(apart.argmax())
    if apart[worst] <= (0 if scorer.is_exact else TOLERANCE):
        return 0.0, []
    shown = _shown(usable[worst])
    return float(apart[worst]), [
        f"a row alone and among others differs by {apart[worst]:.2g}, with {shown}"
    ]


def _shown(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items())[:SHOWN_INPUTS]


def _tried(work: Callable[[], np.ndarray]) -> tuple[np.ndarray | None, str]:
    """The result, or the reason for none."""
    try:
        return work(), ""
    except Exception as error:  # a model of a user may raise anything
        return None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
