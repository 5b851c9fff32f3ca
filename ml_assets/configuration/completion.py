"""Values that the document of a model leaves out, from those of its tables and from its file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.configuration.chaining.section import CHAINED_FUNCTION, ROWS
from ml_assets.configuration.documents import (
    days_of,
    described_table,
    feature_table,
    of_template,
    predicted_table,
    refuse_unusable_defaults,
)
from ml_assets.configuration.file_defaults import CHAINED, FEATURES, SOURCE, defaults_of, with_keys
from ml_assets.configuration.lead import computed_table, lead_of
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import Labels
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, Group, columns, dtype, is_keyed, key_columns
from ml_assets.contracts.roles import FeatureColumns, columns_of_group, feature_columns
from ml_assets.durations import Duration
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.names import suggestion

CONTRACT_OF = {"features": "features", "labels.asset": "outcomes"}
"""Key with a table → key of its contract in ``contracts``."""

KNOWN_AT = Labels.model_fields["known_at"].default

FEATURE_LISTS = tuple(each.name for each in fields(FeatureColumns))
"""Keys of ``estimator`` that name features."""

OF_LABELS = ("column", "known_at", "day")
"""Keys of ``labels`` that name columns."""

MONITORED: tuple[Group, ...] = ("structural", "calendar")
"""Keys of ``monitoring`` that name the features of a group."""

RESERVED = (DAY, FEATURE_DAY, SPLIT)
"""Columns of a training dataset that are no features."""


def completed(
    config: Mapping[str, Any], file: Path, kind: type[ModelConfiguration], where: str
) -> dict[str, Any]:
    """Attributes of a model, with those that it leaves out.

    Days and lead are those of its feature table; owners, and days if that table has none, those of
    the ``Defaults`` of its file; join keys, contracts, features and structural features follow from
    its tables.

    Args:
        config: attributes of the document.
        file: file of the document.
        kind: class of the model or its part.
        where: name and file of the document for messages.

    Raises:
        ConfigurationError: a table is unknown and its contract is not set, the ``Defaults`` of the
            file or of a table's file are not usable, or features have predictions that are known
            after ``predicted_at``.
    """
    defaults = defaults_of(file)
    labels = config.get("labels")
    label_table = labels.get("asset") if isinstance(labels, Mapping) else None
    refuse_unusable_defaults([config.get("features"), label_table], file)
    features = feature_table(config.get("features"), file) or {}
    outcomes = described_table(label_table, file) or {}
    _refuse_later_predictions(where, config, features, file)
    found = {**_of_tables(features, defaults, file), **config}
    if days := features.get("days") or defaults.get("days"):
        found["days"] = with_keys(config["days"], days) if "days" in config else days
    if "as_of_days" in config and isinstance(days := found.get("days"), Mapping):
        zone = {"timezone": days["timezone"]} if "timezone" in days else {}
        found["as_of_days"] = with_keys(config["as_of_days"], zone)
    contracts = found.get("contracts") or {}
    if isinstance(contracts, Mapping):
        own = {"features": features.get("contract"), "outcomes": outcomes.get("contract")}
        contracts = {**{name: path for name, path in own.items() if path}, **contracts}
        found["contracts"] = contracts
        if not contracts.get("training_dataset"):
            _refuse_unknown_table(where, "features", config.get("features"), contracts, [FEATURES])
            templates = [FEATURES, SOURCE]
            _refuse_unknown_table(where, "labels.asset", label_table, contracts, templates)
        if isinstance(labels, Mapping) and isinstance(contracts.get("outcomes"), str):
            found["labels"] = _with_time(labels, outcomes, contracts["outcomes"])
        if isinstance(contracts.get("features"), str):
            found = _of_contract(found, contracts["features"], kind)
    return found


def _of_contract(
    config: dict[str, Any], path: str, kind: type[ModelConfiguration]
) -> dict[str, Any]:
    """Attributes of a model with those that follow from the contract of its features.

    Raises:
        ConfigurationError: the contract cannot be used.
    """
    contract, found = load_contract(path), dict(config)
    if "join_keys" not in config and is_keyed(contract):
        found["join_keys"] = key_columns(contract)
    estimator = config.get("estimator")
    if not isinstance(estimator, Mapping):
        return found
    if not {*FEATURE_LISTS} & estimator.keys():
        features = feature_columns(contract, _no_features(found, contract))
        estimator = found["estimator"] = {**estimator, **asdict(features)}
    monitoring = config.get("monitoring", {})
    if "monitoring" in kind.model_fields and isinstance(monitoring, Mapping):
        used = [name for key in FEATURE_LISTS for name in _listed(estimator, key)]
        said = [name for key in MONITORED for name in _listed(monitoring, key)]
        groups = {
            group: [
                name
                for name in columns_of_group(contract, group)
                if name in used and name not in said
            ]
            for group in MONITORED
        }
        found["monitoring"] = with_keys(monitoring, groups)
    return found


def _no_features(config: Mapping[str, Any], contract: type[Contract]) -> list[Any]:
    """Columns that are no features by default: keys, the label, and times that a model names."""
    labels = config.get("labels")
    of_labels = labels if isinstance(labels, Mapping) else {}
    return [
        *RESERVED,
        *(key_columns(contract) if is_keyed(contract) else ()),
        *_listed(config, "join_keys"),
        *(of_labels.get(key, Labels.model_fields[key].default) for key in OF_LABELS),
        *(config.get(key) for key in ("predicted_at", "target_time")),
    ]


def _listed(section: Mapping[str, Any], key: str) -> Sequence[Any]:
    """A list of a section; empty for any other value, which is refused later."""
    found = section.get(key)
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def _of_tables(
    features: Mapping[str, Any], defaults: Mapping[str, Any], file: Path
) -> dict[str, Any]:
    """Owners and lead."""
    owners = defaults.get("owners") or features.get("owners")
    return ({"owners": owners} if owners else {}) | _lead_of(features, file)


def _lead_of(features: Mapping[str, Any], file: Path) -> dict[str, str]:
    """The lead of a feature table, if its document can be used."""
    table = computed_table(features)
    if table is None:
        return {}
    lead = lead_of(
        table,
        lambda key: (
            computed_table(feature_table(key, file) or predicted_table(key, file))
            or days_of(key, file)
        ),
    )
    return {"lead": Duration.of(lead, table.days.cadence).text}


def _with_time(labels: Mapping[str, Any], table: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Labels of a source table without ``known_at`` are known at the time of their row."""
    time = table.get("time_column")
    if "known_at" in labels or time is None:
        return labels
    known = columns(load_contract(path))
    is_moment = time in known and isinstance(dtype(known[time]), pd.DatetimeTZDtype)
    return {**labels, "known_at": time} if is_moment and KNOWN_AT not in known else labels


def _refuse_later_predictions(
    where: str, config: Mapping[str, Any], features: Mapping[str, Any], file: Path
) -> None:
    """Refuse features with predictions of other models that may be known after ``predicted_at``."""
    known_by, table = config.get("predicted_at"), features
    while known_by and table.get("function") == CHAINED_FUNCTION:
        if table["parameters"].get("cut") != known_by:
            raise ConfigurationError(
                f"{where} is not usable: 'predicted_at' is '{known_by}', but its features {table['key']} "
                f"would have predictions that were known later. Add 'cut: {known_by}' to that document."
            )
        table = feature_table(table["inputs"][ROWS]["asset"], file) or {}


def _refuse_unknown_table(
    where: str,
    key: str,
    table: object,
    contracts: Mapping[str, Any],
    templates: Sequence[str],
) -> None:
    name = CONTRACT_OF[key]
    if isinstance(table, str) and not contracts.get(name):
        documents = [
            config for template in (*templates, CHAINED) for _, config in of_template(template)
        ]
        known = [str(config["key"]) for config in documents if "key" in config]
        raise ConfigurationError(
            f"{where} is not usable: '{key}' is '{table}', which is no {' or '.join(templates)} of "
            f"this project.{suggestion(table, known)} For another kind of table, set its contract "
            f"under 'contracts' as '{name}'."
        )
