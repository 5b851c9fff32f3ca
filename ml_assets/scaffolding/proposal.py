"""The pipeline that suits a table: decided from its rows, before anything is written."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from ml_assets.errors import ConfigurationError
from ml_assets.names import unknown
from ml_assets.scaffolding.history import ROWS, History
from ml_assets.scaffolding.leaks import Leak, leaks
from ml_assets.scaffolding.naming import refuse_columns, refuse_name
from ml_assets.scaffolding.pipeline import (
    LEAST_OF_CLASS,
    LEAST_TO_LEARN,
    Proposal,
    Request,
    Task,
    is_category,
)
from ml_assets.scaffolding.profile import Column, profile
from ml_assets.scaffolding.reading import Origin
from ml_assets.scaffolding.times import Times, cadence_of, times
from ml_assets.sources.clock import Clock

CLASS = re.compile(r"-?\w[\w-]*")
MAX_CLASSES = 10
MAX_FURTHER_KEYS = 3
"""Columns that may identify a row beside its time and series."""

ENDED = timedelta(days=90)
"""Age of the newest row above which a table has ended."""


def propose(raw: pd.DataFrame, request: Request, found: Origin) -> Proposal:
    """A pipeline for a table.

    Args:
        raw: (n, …) raw values of all rows.
        request: what the user says.
        found: where the rows are from.

    Raises:
        ConfigurationError: none can be made; says why and what to do.
    """
    refuse_name(request.name)
    _refuse_unknown(raw, request)
    kept = raw.drop(columns=[*request.exclude])
    columns, rows = profile(kept)
    refuse_columns(columns, {request.target, *request.entity, *_times_of(columns, request)})
    column, format_ = times(kept, columns, request.time)
    moments = Clock(column, format_).moments(kept[column])
    rows = rows.assign(**{column: moments})
    by_name = {one.name: one for one in columns}
    if request.target == column:
        raise ConfigurationError(f"'{column}' is the time and the target. Name another --target.")
    target = by_name[request.target]
    known = rows[rows[target.name].notna() & moments.notna()]
    _refuse_target(target, known)
    task = request.task or _task(target)
    classes = _classes(target, known, task)
    chosen = Times(column, format_, moments, request.cadence or cadence_of(moments))
    keys = _keys(moments, chosen)
    tested_rows = _rows_to_test(known[target.name]) if classes else ROWS["test_window"]
    is_series = not rows.assign(_key=keys).duplicated(["_key", *request.entity]).any()
    history = History.of(
        chosen.calendar,
        {*keys},
        len(rows),
        tested_rows,
        has_past=is_series or target.is_number or target.kind == "bool",
    )
    history.refuse_short()
    if classes:
        _refuse_rare(known[target.name])
        history = _with_all_classes(history, keys[known.index], known[target.name])
    tested = known.loc[history.is_in_test(keys[known.index]), target.name]
    suspects = _leaks(rows, request, target.name, column, task, is_series=is_series)
    return Proposal(
        name=request.name,
        origin=found,
        columns=[
            replace(one, kind="time") if one.name == column else one
            for one in columns
            if one.kind != "empty"
        ],
        times=chosen,
        target=target,
        task=task,
        classes=classes,
        entity=list(request.entity),
        is_series=is_series,
        key=_key(rows, column, target.name, request.entity),
        history=history,
        rows=len(rows),
        used_rows=int((keys >= history.first_used).sum()),
        test_rows=len(tested),
        rarest=min((tested == one).sum() for one in classes) if classes else None,
        rarest_rows=int(known[target.name].value_counts().min()) if classes else None,
        shares=_shares(known[target.name]) if classes else "",
        possible_entity=None if is_series or request.entity else _series_of(rows, keys, columns),
        leaks=suspects,
        has_ended=moments.max() < datetime.now(UTC) - ENDED,
    )


def _times_of(columns: Sequence[Column], request: Request) -> list[str]:
    """The time column, or those that may be it."""
    return [request.time] if request.time else [one.name for one in columns if one.kind == "time"]


def _refuse_unknown(raw: pd.DataFrame, request: Request) -> None:
    names = [str(name) for name in raw.columns]
    asked = [request.target, *request.entity, *request.exclude, *request.allow]
    for name in [*asked, *([request.time] if request.time else [])]:
        if name not in names:
            raise unknown("column", name, names)
    if len(names) < 2:
        raise ConfigurationError(
            f"The table has only the column '{names[0]}'. Give one with a time and a target."
        )
    for name in [request.target, *request.entity, *([request.time] if request.time else [])]:
        if name in request.exclude:
            raise ConfigurationError(f"'{name}' is excluded and needed. Remove --exclude {name}.")


def _refuse_target(target: Column, known: pd.DataFrame) -> None:
    if target.kind == "empty" or known.empty:
        raise ConfigurationError(
            f"The target '{target.name}' has no value in any row. Name another with --target."
        )
    if target.distinct < 2:
        raise ConfigurationError(
            f"The target '{target.name}' is {known[target.name].iloc[0]} in every row: there is "
            "nothing to predict. Name another with --target, or add rows of another class."
        )
    if target.kind == "time":
        raise ConfigurationError(f"The target '{target.name}' is a time. Name a number or a class.")


def _task(target: Column) -> Task:
    if target.distinct == 2:
        return "classification"
    return "regression" if target.is_number else "multiclass"


def _classes(target: Column, known: pd.DataFrame, task: Task) -> list[object]:
    """The classes of a multiclass task, or the two values of a classification."""
    if task == "regression":
        if not target.is_number:
            raise ConfigurationError(
                f"The target '{target.name}' is no number. Use --task multiclass."
            )
        return []
    values = sorted(known[target.name].unique().tolist())
    if task == "classification" and len(values) != 2:
        raise ConfigurationError(
            f"The target '{target.name}' has {len(values)} values, expected 2. Use --task multiclass."
        )
    if task == "multiclass" and not 3 <= len(values) <= MAX_CLASSES:
        raise ConfigurationError(
            f"The target '{target.name}' has {len(values)} values, expected 3 to {MAX_CLASSES} "
            "classes. Join rare ones in the source, or use another --task."
        )
    for value in values if task == "multiclass" else ():
        if target.kind == "float" or not CLASS.fullmatch(str(value)):
            raise ConfigurationError(
                f"{value!r} in '{target.name}' is no class: use letters, digits, '_' and '-', or whole "
                "numbers, in the source."
            )
    return values


def _refuse_rare(values: pd.Series) -> None:
    counts = values.value_counts()
    if rare := [f"'{one}' ({n})" for one, n in counts.items() if n < LEAST_TO_LEARN]:
        raise ConfigurationError(
            f"Too few rows of '{values.name}' are {', '.join(rare)}: a class needs {LEAST_TO_LEARN} to be "
            "learned and tested. Join it with another class in the source, or remove its rows."
        )


def _keys(moments: pd.Series, chosen: Times) -> pd.Series:
    """The partition of each row.

    Raises:
        ConfigurationError: a row has no time.
    """
    if moments.isna().any():
        raise ConfigurationError(
            f"{moments.isna().sum()} rows have no time in '{chosen.column}'. Remove them, or name "
            "another column with --time."
        )
    calendar = chosen.calendar
    distinct = moments.drop_duplicates()
    keys = {moment: calendar.key_of(moment.to_pydatetime()) for moment in distinct}
    return moments.map(keys)


def _rows_to_test(values: pd.Series) -> int:
    """Rows of which enough have the rarest class, with a margin as its share varies."""
    rarest = values.value_counts(normalize=True).min()
    return max(ROWS["test_window"], math.ceil(2 * LEAST_OF_CLASS / rarest))


def _with_all_classes(history: History, keys: pd.Series, values: pd.Series) -> History:
    """The history, all of which trains a model if a shorter window lacks a class."""
    has_all = set(values[history.is_in_training(keys)]) == set(values)
    return history if has_all else replace(history, trains_on_all=True)


def _key(rows: pd.DataFrame, time: str, target: str, entity: Sequence[str]) -> list[str]:
    """Columns that identify a row: its time and series, or an id, or the former and a few more.

    Raises:
        ConfigurationError: there are none.
    """
    usual = [*entity, time]
    others = [
        str(name)
        for name in rows.columns
        if name not in [*usual, target]
        and rows[name].notna().all()
        and rows[name].dtype.kind != "f"
    ]
    codes = rows[[*usual, *others]].apply(lambda values: pd.factorize(values)[0])
    ids = [[name] for name in others if codes[name].is_unique]
    for key in [usual, *ids, _more(codes, usual, others)]:
        if not codes.duplicated(key).any():
            return key
    raise ConfigurationError(
        f"No column identifies a row: {codes.duplicated(usual).sum()} rows share {' and '.join(usual)}. "
        "Name the series of a row with --entity, or add an id to the source."
    )


def _series_of(rows: pd.DataFrame, keys: pd.Series, columns: Sequence[Column]) -> str | None:
    """A column of few texts of which each has one row in a partition."""
    candidates = [column.name for column in columns if is_category(column)]
    by_partition = rows.assign(_key=keys)
    return next(
        (name for name in candidates if not by_partition.duplicated(["_key", name]).any()), None
    )


def _more(codes: pd.DataFrame, usual: Sequence[str], others: Sequence[str]) -> list[str]:
    """Columns and up to three others, each the one that tells most of the equal rows apart."""
    key, waiting = [*usual], [*others]
    for _ in range(MAX_FURTHER_KEYS):
        equal = codes[codes.duplicated(key, keep=False)]
        if equal.empty or not waiting:
            break
        best = min(waiting, key=lambda name: equal.duplicated([*key, name]).sum())
        waiting.remove(best)
        key.append(best)
    return key


def _leaks(
    rows: pd.DataFrame, request: Request, target: str, time: str, task: Task, *, is_series: bool
) -> list[Leak]:
    """Columns that give the target away; of a series only earlier values are features, and judged.

    Raises:
        ConfigurationError: there are some that the user has not allowed.
    """
    ordered = rows.sort_values([*request.entity, time]).reset_index(drop=True)
    judged = ordered
    if is_series:
        others = [name for name in rows.columns if name not in {time, target, *request.entity}]
        earlier = ordered.groupby([*request.entity])[others] if request.entity else ordered[others]
        judged = ordered.assign(**earlier.shift(1)) if others else ordered
    found = leaks(judged, target=target, time=time, entity=request.entity, task=task)
    if wrong := [leak for leak in found if leak.column not in request.allow]:
        told = " ".join(f"{leak.column} ({leak.rule}): {leak.finding}" for leak in wrong)
        options = " ".join(f"--exclude {leak.column}" for leak in wrong)
        raise ConfigurationError(
            f"Columns give the target away. {told} Add {options}, or --allow for those that are "
            "known before the target."
        )
    return found


def _shares(values: pd.Series) -> str:
    shares = values.value_counts(normalize=True).sort_index()
    return ", ".join(f"{value} {share:.0%}" for value, share in shares.items())
