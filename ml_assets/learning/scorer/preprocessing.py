"""Fitted preprocessing as arithmetic on columns of plain values.

It is compiled from the steps of a fitted pipeline before its estimator. A step that is not known
here is refused, so that the pipeline is served by scikit-learn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.learning.scorer.categories import Categories, categories, is_encoder, steps_of
from ml_assets.learning.scorer.values import Columns, NotSupported, numbers, refuse_infinite
from ml_assets.learning.specification import ModelSpecification

Step = Callable[[np.ndarray], np.ndarray]
"""From (n, m) numbers to (n, m) numbers, each computed from its own alone."""


@dataclass(frozen=True)
class Numbers:
    """Numeric columns and what is done with them.

    Attributes:
        names: the columns.
        steps: what is done, in order; none for numbers that stay as they are.
    """

    names: Sequence[str]
    steps: Sequence[Step]

    @property
    def width(self) -> int:
        """Number of columns of the result."""
        return len(self.names)

    def matrix(self, columns: Columns, rows: int) -> np.ndarray:
        """(rows, m) numbers."""
        found = np.empty((rows, len(self.names)))
        for place, name in enumerate(self.names):
            found[:, place] = numbers(name, columns[name])
        if self.steps:
            refuse_infinite(self.names, found)
        return _applied(self.steps, found)


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of a model.

    Attributes:
        blocks: parts of the matrix from left to right.
        steps: what is done with the whole matrix.
    """

    blocks: Sequence[Numbers | Categories]
    steps: Sequence[Step]

    @property
    def names(self) -> list[str]:
        """Names of the columns of the matrix; empty for those of categories."""
        return [
            name
            for block in self.blocks
            for name in (block.names if isinstance(block, Numbers) else [""] * block.width)
        ]

    def matrix(self, columns: Columns, rows: int) -> np.ndarray:
        """(rows, m) what the estimator gets.

        Raises:
            ContractViolation: a value is unusable.
        """
        found = np.empty((rows, sum(block.width for block in self.blocks)))
        end = 0
        for block in self.blocks:
            start, end = end, end + block.width
            found[:, start:end] = block.matrix(columns, rows)
        if self.steps:
            refuse_infinite(self.names, found)
        return _applied(self.steps, found)


def compiled(steps: Sequence[Any], specification: ModelSpecification) -> Preprocessing:
    """The preprocessing of fitted steps.

    Args:
        steps: fitted transformers, the first of which gets the input columns.
        specification: specification of the model.

    Raises:
        NotSupported: a step is not known here.
    """
    from sklearn.compose import ColumnTransformer

    if steps and type(steps[0]) is ColumnTransformer:
        blocks = _blocks(steps[0], specification)
        return Preprocessing(blocks, _all_numeric(steps[1:]))
    return Preprocessing([_numeric(specification, specification.features, steps)], [])


def _blocks(columns: Any, specification: ModelSpecification) -> list[Numbers | Categories]:
    if columns.transformer_weights:
        raise NotSupported("its ColumnTransformer has weights")
    blocks: list[Numbers | Categories] = []
    for name, transformer, selected in columns.transformers_:
        names = _names(selected, list(columns.feature_names_in_), name)
        if not names or transformer == "drop":
            continue
        if texts := [each for each in names if each in specification.text]:
            raise NotSupported(f"{texts[0]} is free text")
        if is_encoder(transformer):
            blocks.append(categories(transformer, names))
        else:
            blocks.append(_numeric(specification, names, steps_of(transformer)))
    return blocks


def _names(selected: Any, known: Sequence[str], part: str) -> list[str]:
    if isinstance(selected, str):
        return [selected]
    if isinstance(selected, list):
        return [known[each] if isinstance(each, int) else each for each in selected]
    raise NotSupported(f"part '{part}' of its ColumnTransformer does not list its columns")


def _numeric(
    specification: ModelSpecification, names: Sequence[str], steps: Sequence[Any]
) -> Numbers:
    if texts := [each for each in names if each not in specification.numeric]:
        raise NotSupported(f"{texts[0]} is encoded by {', '.join(map(_shown, steps)) or 'nothing'}")
    return Numbers(names, _all_numeric(steps))


def _all_numeric(transformers: Sequence[Any]) -> list[Step]:
    return [
        step
        for transformer in transformers
        for each in steps_of(transformer)
        for step in _step(each)
    ]


def _applied(steps: Sequence[Step], matrix: np.ndarray) -> np.ndarray:
    for step in steps:
        matrix = step(matrix)
    return matrix


def _step(transformer: Any) -> list[Step]:
    """The steps of a fitted transformer of numbers; none if it changes nothing.

    The operations and their order are scikit-learn's, so that the results are the same bit for bit.
    """
    from sklearn import impute
    from sklearn import preprocessing as scaling

    kind, fitted = type(transformer), transformer
    if transformer in ("passthrough", None) or (
        kind is scaling.FunctionTransformer and fitted.func is None
    ):
        return []
    if kind is impute.SimpleImputer and _is_plain_imputer(fitted):
        values = np.asarray(fitted.statistics_, dtype=float)
        return [lambda matrix: np.where(np.isnan(matrix), values, matrix)]
    if kind is scaling.StandardScaler:
        return [*_minus(fitted.mean_ if fitted.with_mean else None), *_over(fitted.scale_)]
    if kind is scaling.RobustScaler:
        center = fitted.center_ if fitted.with_centering else None
        return [*_minus(center), *_over(fitted.scale_ if fitted.with_scaling else None)]
    if kind is scaling.MinMaxScaler and not fitted.clip:
        scale, least = fitted.scale_, fitted.min_
        return [lambda matrix: matrix * scale + least]
    raise NotSupported(f"its preprocessing has {_shown(transformer)}")


def _is_plain_imputer(fitted: Any) -> bool:
    is_nan = isinstance(fitted.missing_values, float) and np.isnan(fitted.missing_values)
    is_complete = fitted.keep_empty_features or not np.isnan(fitted.statistics_.astype(float)).any()
    return bool(is_nan and is_complete and not fitted.add_indicator)


def _minus(center: np.ndarray | None) -> list[Step]:
    return [] if center is None else [lambda matrix: matrix - center]


def _over(scale: np.ndarray | None) -> list[Step]:
    return [] if scale is None else [lambda matrix: matrix / scale]


def _shown(transformer: Any) -> str:
    return transformer if isinstance(transformer, str) else type(transformer).__name__
