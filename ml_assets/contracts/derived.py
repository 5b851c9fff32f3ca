"""Contracts of a pipeline's own tables, derived from those of its features and outcomes.

A column keeps its type, range and description, and gets new input columns, see ``lineage``. Checks
of several columns or whole frames are not copied: the rows have passed them in their own table.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.contracts.contract import (
    FROM,
    Contract,
    Limits,
    columns,
    computed,
    key_columns,
    limits,
)
from ml_assets.contracts.day import DayContract
from ml_assets.errors import ConfigurationError

KEYS = ["{feature_table}.{key}", "{label_table}.{key}"]
"""Value of ``from`` for the keys of columns that are joined."""

SOURCES = "_sources"
"""Attribute of a derived contract: the contracts that it is derived from."""

Fields = Mapping[str, tuple[Any, Any]]
"""Column → its annotation and its pandera field."""


def dataset_contract(
    features: type[Contract], outcomes: type[Contract], *, label: str, known_at: str
) -> type[Contract]:
    """The contract of a training dataset: the features, the label and when it was known.

    Args:
        features: contract of the feature table.
        outcomes: contract of the table that labels come from.
        label: label column of ``outcomes``.
        known_at: its column with the time at which the label was known; a column of the features' key
            stays as it is there.

    Raises:
        ConfigurationError: ``outcomes`` has no such column.
    """
    fields = {
        "feature_day": (str, computed("Day of the features of this row.", [])),
        "split": (
            str,
            computed(
                "Split of the row: train, validation or test.",
                [],
                isin=["train", "validation", "test"],
            ),
        ),
        label: column_from(outcomes, label, [*KEYS, "{label_table}.{label}"]),
    }
    if known_at not in key_columns(features):
        fields[known_at] = column_from(outcomes, known_at, [*KEYS, "{label_table}.{known_at}"])
    return derived_contract(
        "TrainingDataset",
        "Feature rows with their labels, as they were known when the as-of day began.",
        (features,),
        fields,
        (features, outcomes),
        unique=key_columns(features),
        max_dead_letter_share=0.0,
    )


def prediction_contract(
    base: type[Contract],
    features: type[Contract],
    names: Sequence[str],
    *,
    predicted: Fields,
    of_features: Limits,
    day: type[DayContract] | None,
    max_dead_letter_share: float = 0.0,
) -> type[Contract]:
    """The contract of predictions: key and segments of the features, and the prediction's columns.

    Args:
        base: contract with the columns of every prediction.
        features: contract of the feature table.
        names: key and segments.
        predicted: columns of the prediction that differ from those of ``base``.
        of_features: limits of the feature table, by which a day may be empty.
        day: contract of a day.
        max_dead_letter_share: share of rows without a prediction above which a day is quarantined.

    Raises:
        ConfigurationError: ``features`` has no such column.
    """
    fields = {name: column_from(features, name, [f"{{feature_table}}.{name}"]) for name in names}
    fields |= predicted
    return derived_contract(
        "Predictions",
        "What the champion of the day predicts for each row of the day.",
        (base,),
        fields,
        (base, features, *([day] if day else [])),
        unique=["prediction_id"],
        day=day,
        may_be_empty=of_features.may_be_empty,
        empty_on=of_features.empty_on,
        max_dead_letter_share=max_dead_letter_share,
    )


def label_contract(
    base: type[Contract],
    features: type[Contract],
    segments: Sequence[str],
    key: Sequence[str],
    *,
    labelled: Fields,
    day: type[DayContract] | None,
) -> type[Contract]:
    """The contract of arrived labels: the segments, and the label's columns.

    Args:
        base: contract with the columns of every label.
        features: contract of the feature table.
        segments: its columns that define segments.
        key: columns that identify a row.
        labelled: columns of the label and its prediction that differ from those of ``base``.
        day: contract of a day.

    Raises:
        ConfigurationError: ``features`` has no such column.
    """
    fields: dict[str, tuple[Any, Any]] = {}
    for name in segments:
        joined = f"{{label_table}}.{name}" if name in key else "{label_table}.{key}"
        sources = ["predictions.prediction_id", joined, f"predictions.{name}"]
        fields[name] = column_from(features, name, sources)
    fields |= labelled
    return derived_contract(
        "Labels",
        "What really happened, by the day it became known, with what had been predicted.",
        (base,),
        fields,
        (base, features, *([day] if day else [])),
        unique=["prediction_id"],
        day=day,
        may_be_empty=True,
        max_dead_letter_share=0.05,
    )


def from_other_inputs(
    base: type[Contract],
    name: str,
    description: str,
    inputs: Mapping[str, Sequence[str]],
    *,
    may_be_empty: bool,
    max_dead_letter_share: float,
) -> type[Contract]:
    """A contract with the columns of another one, for a table that is computed from other inputs.

    Args:
        base: the other contract.
        name: name of the contract.
        description: what a row is.
        inputs: input column of ``base``, such as ``orders.amount`` → the columns that replace it; others
            stay as they are.
        may_be_empty: whether a partition without rows is stored.
        max_dead_letter_share: share of rejected rows above which a partition is quarantined.
    """
    fields = {}
    for column in columns(base):
        declared: Sequence[str] | None = (base.__fields__[column][1].metadata or {}).get(FROM)
        if declared is None:
            continue
        others = (other for source in declared for other in inputs.get(source, [source]))
        replaced = dict.fromkeys(others)
        fields[column] = column_from(base, column, [*replaced])
    return derived_contract(
        name,
        description,
        (base,),
        fields,
        (base,),
        unique=key_columns(base),
        may_be_empty=may_be_empty,
        max_dead_letter_share=max_dead_letter_share,
    )


def column_from(
    contract: type[Contract], name: str, sources: Sequence[str], *, may_be_missing: bool = False
) -> tuple[Any, Any]:
    """A column of another contract, with other input columns.

    Args:
        contract: the other contract.
        name: the column.
        sources: its input columns.
        may_be_missing: whether a value may be missing, whatever the other contract says.

    Raises:
        ConfigurationError: that contract has no such column.
    """
    if name not in columns(contract):
        raise ConfigurationError(
            f"{contract.__name__} has no column '{name}'; it has {', '.join(columns(contract))}."
        )
    annotation, field = contract.__fields__[name]
    changed = copy.copy(field)
    changed.metadata = {**(field.metadata or {}), "from": list(sources)}
    if may_be_missing:
        changed.nullable = changed.nullable_explicit = True
    return annotation.raw_annotation, changed


def derived_contract(
    name: str,
    description: str,
    bases: tuple[type[Contract], ...],
    fields: Fields,
    sources: tuple[type, ...],
    *,
    unique: Sequence[str],
    **own: object,
) -> type[Contract]:
    """A contract that is made from others.

    Args:
        name: its name.
        description: what a row is.
        bases: contracts that it inherits columns and checks from.
        fields: its own columns.
        sources: the classes that it is derived from.
        unique: columns that identify a row.
        own: its limits, see ``Limits``.
    """
    length = max(limits(one).max_text_length for one in sources if issubclass(one, Contract))
    metadata = {"max_text_length": length, **own}
    config = {"__doc__": "Derived.", "unique": list(unique), "metadata": metadata}
    return type(
        name,
        bases,
        {
            "__doc__": description,
            "__module__": __name__,
            "__annotations__": {column: annotation for column, (annotation, _) in fields.items()},
            **{column: field for column, (_, field) in fields.items()},
            "Config": type("Config", (), config),
            SOURCES: sources,
        },
    )


def contract_sources(contract: type[Contract]) -> list[type]:
    """The classes that define a contract: itself, and those that it is derived from."""
    sources = vars(contract).get(SOURCES, ())
    return [contract, *(one for source in sources for one in contract_sources(source))]
