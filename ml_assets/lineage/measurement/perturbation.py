"""Measured dependencies of a function: which output columns change with each input column.

Input columns are changed one at a time, in several ways, and the function is called again: its
output shows what it reads. A column without which the output stays the same is not read, and is not
changed. All changes are deterministic.

An error that only a changed column causes shows that the column is read, but not by which output
columns. Another kind of change then decides; without one the column is undetermined.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError

SHIFT = pd.Timedelta(hours=5)
"""By how much times are moved."""

MIN_MATCHED = 0.25
"""Share of the rows that an alignment of two outputs must match."""

Frames = Mapping[str, pd.DataFrame]
"""Input → its rows."""

Compute = Callable[[Frames], pd.DataFrame]

InputColumn = tuple[str, str]
"""An input and one of its columns."""


@dataclass
class Dependencies:
    """What changed with each input column.

    Attributes:
        columns: input column → the output columns that changed with it.
        rows: input columns with which output rows appeared or vanished.
        undetermined: input column → the error that each of its changes caused.
        computations: number of times that the function was called.
    """

    columns: dict[InputColumn, set[str]] = field(default_factory=dict)
    rows: set[InputColumn] = field(default_factory=set)
    undetermined: dict[InputColumn, str] = field(default_factory=dict)
    computations: int = 0


@dataclass(frozen=True)
class Difference:
    """How the output differs after a change.

    Attributes:
        columns: columns whose values differ in the same rows.
        rows: whether rows appeared or vanished.
    """

    columns: frozenset[str]
    rows: bool


def dependencies(compute: Compute, inputs: Frames, key: Sequence[str] = ()) -> Dependencies:
    """Measure which output columns, and whether the rows, depend on each input column.

    Args:
        compute: function of the input rows.
        inputs: input → its rows; the partition column is not changed.
        key: columns that identify an output row.

    Raises:
        ConfigurationError: the function returns other rows for the same input.
    """
    before = compute(_copies(inputs))
    if not before.equals(compute(_copies(inputs))):
        raise ConfigurationError(
            "The function returns other rows when it is called again with the same input, so no "
            "change can be attributed to a column. Remove what is random, or give it a seed."
        )
    found = Dependencies(computations=2)
    for name, rows in inputs.items():
        for column in rows.columns:
            if column != DAY:
                _measure(compute, inputs, (name, str(column)), before, key, found)
    return found


def changes(values: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """The values of a column changed in several ways, of the same type and mostly the same range.

    Args:
        values: (n,) values.

    Returns:
        The kind of change and the changed values, where these differ.
    """
    for kind, changed in _candidates(values):
        if changed.dtype == values.dtype and not changed.equals(values):
            yield kind, changed


def difference(before: pd.DataFrame, after: pd.DataFrame, key: Sequence[str] = ()) -> Difference:
    """Compare two outputs: columns that differ in the same rows, and whether rows differ.

    Rows are aligned by their index and by their key, as a change may alter one of them; of the
    alignments that match enough rows, that with the fewest differing values counts.

    Args:
        before: output rows.
        after: output rows after a change.
        key: columns that identify a row.
    """
    names = [name for name in before.columns if name != DAY and name in after.columns]
    most = max(len(before), len(after))
    best, fewest = Difference(frozenset(), rows=most > 0), None
    for one, other in _alignments(before, after, key):
        if len(one) < max(1, MIN_MATCHED * len(before)):
            continue
        cells = {name: differing(one[name], other[name]) for name in names}
        unmatched = most - len(one)
        cost = sum(cells.values()) + unmatched * len(names)
        if fewest is None or cost < fewest:
            changed = frozenset(name for name, count in cells.items() if count)
            best, fewest = Difference(changed, rows=unmatched > 0), cost
    return best


def differing(one: pd.Series, other: pd.Series) -> int:
    """Number of rows in which two columns differ; numbers by more than the order of a sum can change."""
    is_null, other_is_null = one.isna().to_numpy(), other.isna().to_numpy()
    either = is_null | other_is_null
    count = int((is_null != other_is_null).sum())
    one, other = one[~either], other[~either]
    kinds = [one.dtype, other.dtype]
    if any(map(pd.api.types.is_float_dtype, kinds)) and all(
        map(pd.api.types.is_numeric_dtype, kinds)
    ):
        numbers = one.to_numpy(dtype="float64"), other.to_numpy(dtype="float64")
        return count + int((~np.isclose(*numbers, rtol=1e-9, atol=1e-12)).sum())
    return count + int((one.to_numpy(dtype=object) != other.to_numpy(dtype=object)).sum())


def _measure(  # noqa: PLR0917
    compute: Compute,
    inputs: Frames,
    column: InputColumn,
    before: pd.DataFrame,
    key: Sequence[str],
    found: Dependencies,
) -> None:
    """Add what depends on one input column."""
    name, of_input = column
    found.columns[column] = set()
    found.computations += 1
    if _is_unread(compute, {**inputs, name: inputs[name].drop(columns=of_input)}, before):
        return
    errors, compared = [], 0
    for _, values in changes(inputs[name][of_input]):
        found.computations += 1
        try:
            after = compute(_copies({**inputs, name: inputs[name].assign(**{of_input: values})}))
        except Exception as error:  # a function may raise anything
            errors.append(f"{type(error).__name__}: {error}")
            continue
        compared += 1
        if after.equals(before):
            continue
        changed = difference(before, after, key)
        found.columns[column] |= changed.columns
        of_change = {*values.dropna()} - {*inputs[name][of_input].dropna()}
        found.columns[column] |= _with_new_values(before, after, key, of_change)
        if changed.rows:
            found.rows.add(column)
    if errors and not compared:
        found.undetermined[column] = errors[0]


def _with_new_values(
    before: pd.DataFrame, after: pd.DataFrame, key: Sequence[str], of_change: AbstractSet[object]
) -> set[str]:
    """Columns of the key whose new values are those of the change, so that no rows can be aligned."""
    there = [name for name in key if name in before.columns and name in after.columns]
    new = {name: {*after[name].dropna()} - {*before[name].dropna()} for name in there}
    return {name for name, values in new.items() if values and values <= of_change}


def _is_unread(compute: Compute, without: Frames, before: pd.DataFrame) -> bool:
    """Whether the output is the same without a column."""
    try:
        return compute(_copies(without)).equals(before)
    except Exception:  # a function may raise anything
        return False


def _copies(inputs: Frames) -> dict[str, pd.DataFrame]:
    """Frames that a function may assign columns to."""
    return {name: rows.copy(deep=False) for name, rows in inputs.items()}


def _candidates(values: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    is_odd = np.arange(len(values)) % 2 == 1
    yield "shuffled", _shuffled(values)
    if pd.api.types.is_bool_dtype(values.dtype):
        yield "negated", ~values
    elif pd.api.types.is_numeric_dtype(values.dtype):
        yield "mirrored", (values.max() - values + values.min()).astype(values.dtype)
        yield "halved", (values // 2 + 1).astype(values.dtype)
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        yield "earlier", values - SHIFT
    elif pd.api.types.is_string_dtype(values.dtype):
        yield "unknown category", values.mask(is_odd, values.astype("str") + "?")
        if len(known := values.dropna()):
            yield "one category", values.mask(values.notna(), known.iloc[0])
    yield "missing", values.mask(is_odd)


def _shuffled(values: pd.Series) -> pd.Series:
    """The same values in other rows."""
    order = np.random.default_rng(0).permutation(len(values))
    order = order[::-1] if (order == np.arange(len(values))).all() else order
    return pd.Series(values.array[order], index=values.index)


def _alignments(
    before: pd.DataFrame, after: pd.DataFrame, key: Sequence[str]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The rows of two outputs that belong together, in the same order."""
    is_numbered = all(rows.index.equals(pd.RangeIndex(len(rows))) for rows in (before, after))
    if before.index.is_unique and after.index.is_unique:
        common = before.index.intersection(after.index, sort=False)
        if not (is_numbered and len(before) != len(after)):
            yield before.loc[common], after.loc[common]
    if key and {*key} <= {*before.columns} & {*after.columns}:
        frames = before, after
        is_unique = not any(rows.duplicated([*key]).any() for rows in frames)
        by = [*key] if is_unique else [DAY, *key]
        one, other = (rows.drop_duplicates(by, keep=False).set_index(by) for rows in frames)
        common = one.index.intersection(other.index, sort=False)
        yield one.loc[common].reset_index(), other.loc[common].reset_index()
