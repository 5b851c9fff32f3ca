"""Comparison of two models of a pipeline: data, features, parameters, code, metrics, releases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.evaluation import OVERALL
from ml_assets.lineage.changes import Change, changes
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import (
    ModelReference,
    RecordedDay,
    RecordedModel,
    champion_row,
    dataset_rows,
    members_of,
    model_of_version,
    recorded_model,
    rows_of_model,
)
from ml_assets.lineage.reproduction.recipes import parameters_of
from ml_assets.lineage.shifts import Shift, shifts

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Volume:
    """Rows of one split of a dataset.

    Attributes:
        split: its name.
        first: day of its first rows.
        last: day of its last rows.
        days: number of days that have rows.
        rows: number of rows.
        mean_label: mean of the label, the share of positive rows for a classification; None for
            classes that are texts.
    """

    split: str
    first: str
    last: str
    days: int
    rows: int
    mean_label: float | None


@dataclass(frozen=True)
class Measured:
    """A metric on the test rows of a model, with its confidence interval."""

    metric: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Gain:
    """A metric of both models on the same rows, and the newer model's gain with its interval."""

    metric: str
    rows: int
    older: float | None
    newer: float | None
    improvement: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Side:
    """One of the two models.

    Attributes:
        version: version in the model registry.
        as_of: as-of day.
        fingerprint: hash that identifies the model.
        commit: git commit of the training run; empty when it was not recorded.
        is_dirty: whether the code differed from that commit.
        volumes: splits of the training dataset; empty when its rows were deleted.
        metrics: metrics on the model's own test rows.
        verdict: verdict of the release decision; empty without one.
        reason: reason of that decision.
        released_by: who made it champion; empty when it never was.
        serves_from: first day on which it serves; empty when it never did.
    """

    version: int | None
    as_of: str
    fingerprint: str
    commit: str
    is_dirty: bool
    volumes: Sequence[Volume]
    metrics: Sequence[Measured]
    verdict: str
    reason: str
    released_by: str
    serves_from: str


@dataclass(frozen=True)
class Difference:
    """Two models side by side.

    Attributes:
        pipeline: pipeline name.
        older: the model with the lower version.
        newer: the other model.
        shifts: features of both models, the largest shift first; None when a reference was deleted.
        members: pipelines of which two ensembles have another model.
        parameters: parameters that differ; None when they were not recorded.
        modules: modules of this project whose code differs; None when they were not recorded.
        libraries: library versions that differ; None when they were not recorded.
        comparison: both models on the same rows; empty when they were not compared.
    """

    pipeline: str
    older: Side
    newer: Side
    shifts: Sequence[Shift] | None
    members: Sequence[Change]
    parameters: Sequence[Change] | None
    modules: Sequence[Change] | None
    libraries: Sequence[Change] | None
    comparison: Sequence[Gain]


def difference(lake: Lake, pipeline: PipelineTables, one: int, other: int) -> Difference:
    """Compare two versions, in any order.

    Raises:
        ConfigurationError: a version is unknown, or both are the same.
        LakeMismatch: the ledger has no record of one of the models.
    """
    if one == other:
        raise ConfigurationError(f"Version {one} was given twice. Give two different versions.")
    older, newer = (model_of_version(lake, pipeline, version) for version in sorted((one, other)))
    return compared(lake, pipeline, older, newer)


def compared(
    lake: Lake, pipeline: PipelineTables, then: ModelReference, now: ModelReference
) -> Difference:
    """Compare two models, the older first.

    Raises:
        LakeMismatch: the ledger has no record of one of them.
    """
    older, newer = (recorded_model(lake, pipeline, one) for one in (then, now))
    return Difference(
        pipeline=pipeline.name,
        older=_side(lake, older),
        newer=_side(lake, newer),
        shifts=_shifts(lake, older, newer),
        members=changes(_members(lake, older), _members(lake, newer)),
        parameters=changed_parameters(older, newer),
        modules=_changes(older, newer, _modules),
        libraries=_changes(older, newer, _libraries),
        comparison=_comparison(lake, older, newer),
    )


def _side(lake: Lake, recorded: RecordedModel) -> Side:
    ran_with = recorded.model.run.environment if recorded.model.run else None
    decision = rows_of_model(lake, recorded, nouns.RELEASE_DECISION)
    decided = {} if decision is None else decision.iloc[0].to_dict()
    champion = champion_row(lake, recorded) or {}
    return Side(
        version=recorded.version,
        as_of=recorded.as_of,
        fingerprint=recorded.fingerprint,
        commit=ran_with.commit if ran_with else "",
        is_dirty=bool(ran_with and ran_with.is_dirty),
        volumes=_volumes(lake, recorded),
        metrics=_metrics(lake, recorded),
        verdict=decided.get("verdict", ""),
        reason=decided.get("reason", ""),
        released_by=champion.get("released_by", ""),
        serves_from=champion.get("serves_from", ""),
    )


def _volumes(lake: Lake, recorded: RecordedModel) -> list[Volume]:
    label = recorded.pipeline.label
    try:
        rows = dataset_rows(lake, recorded, [FEATURE_DAY, SPLIT, label])
    except LakeMismatch:
        return []
    is_number = pd.api.types.is_numeric_dtype(rows[label])
    return [
        Volume(
            split=split,
            first=part[FEATURE_DAY].min(),
            last=part[FEATURE_DAY].max(),
            days=part[FEATURE_DAY].nunique(),
            rows=len(part),
            mean_label=_number(part[label].mean()) if is_number else None,
        )
        for split in SPLITS
        if len(part := rows[rows[SPLIT] == split])
    ]


def _metrics(lake: Lake, recorded: RecordedModel) -> list[Measured]:
    found = rows_of_model(lake, recorded, nouns.EVALUATION)
    if found is None:
        return []
    rows = found[(found[SPLIT] == "test") & (found["segment_column"] == OVERALL)]
    return [
        Measured(row["metric"], *(_number(row[name]) for name in ("value", "low", "high")))
        for row in rows.to_dict("records")
    ]


def _comparison(lake: Lake, older: RecordedModel, newer: RecordedModel) -> list[Gain]:
    found = rows_of_model(lake, newer, nouns.COMPARISON)
    if found is None:
        return []
    is_older = found["champion_model"] == older.fingerprint
    rows = found[is_older & (found["segment_column"] == OVERALL)]
    figures = ("champion", "challenger", "improvement", "low", "high")
    return [
        Gain(row["metric"], int(row["rows"]), *(_number(row[name]) for name in figures))
        for row in rows.to_dict("records")
    ]


def _shifts(lake: Lake, older: RecordedModel, newer: RecordedModel) -> list[Shift] | None:
    then, now = (rows_of_model(lake, each, nouns.FEATURE_REFERENCE) for each in (older, newer))
    return None if then is None or now is None else shifts(then, now)


def _members(lake: Lake, recorded: RecordedModel) -> dict[str, str]:
    """Pipeline → its model in an ensemble, in words."""
    return {
        name: f"{f'version {one.version} ' if one.version else ''}as of {one.as_of}, {one.fingerprint}"
        for name, one in members_of(lake, recorded).items()
    }


def changed_parameters(older: RecordedModel, newer: RecordedModel) -> list[Change] | None:
    """Windows, features, hyperparameters and other parameters that differ; None if not recorded."""
    return _changes(older, newer, _parameters)


def _changes(
    older: RecordedModel,
    newer: RecordedModel,
    values_of: Callable[[RecordedDay], Mapping[str, Any] | None],
) -> list[Change] | None:
    """Values that differ between the datasets or the models; None when one was not recorded."""
    found: list[Change] = []
    for then, now in ((older.dataset, newer.dataset), (older.model, newer.model)):
        before, after = values_of(then), values_of(now)
        if before is None or after is None:
            return None
        found += changes(before, after)
    return list(dict.fromkeys(found))


def _parameters(day: RecordedDay) -> Mapping[str, Any] | None:
    return parameters_of(day.code) if day.code else None


def _modules(day: RecordedDay) -> Mapping[str, Any] | None:
    return day.code.modules if day.code else None


def _libraries(day: RecordedDay) -> Mapping[str, Any] | None:
    return day.run.environment.libraries if day.run else None


def _number(value: Any) -> float | None:
    return float(value) if pd.notna(value) and np.isfinite(value) else None
