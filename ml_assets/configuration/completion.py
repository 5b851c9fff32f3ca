"""Values that the document of a model leaves out, from those of its tables and from its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_assets.configuration.documents import days_of, feature_table, of_template
from ml_assets.configuration.file_defaults import FEATURES, defaults_of, with_keys
from ml_assets.configuration.lead import computed_table, lead_of
from ml_assets.configuration.objects import load_contract
from ml_assets.contracts.contract import is_keyed, key_columns
from ml_assets.durations import Duration
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion


def completed(config: Mapping[str, Any], file: Path, where: str) -> dict[str, Any]:
    """Attributes of a model, with those that it leaves out.

    Days and lead are those of its feature table; owners, and days if that table has none, those of
    the ``Defaults`` of its file; join keys and contracts follow from its tables.

    Args:
        config: attributes of the document.
        file: file of the document.
        where: name and file of the document for messages.

    Raises:
        ConfigurationError: a table is unknown and its contract is not set, or the ``Defaults`` of the
            file are not usable.
    """
    labels = config.get("labels")
    label_table = labels.get("asset") if isinstance(labels, Mapping) else None
    features = feature_table(config.get("features"), file) or {}
    outcomes = feature_table(label_table, file) or {}
    found = {**_of_tables(features, file), **config}
    if days := features.get("days") or defaults_of(file).get("days"):
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
            _refuse_unknown_table(where, "features", config.get("features"), "features", contracts)
            _refuse_unknown_table(where, "labels.asset", label_table, "outcomes", contracts)
        if "join_keys" not in found and isinstance(contracts.get("features"), str):
            contract = load_contract(contracts["features"])
            found |= {"join_keys": key_columns(contract)} if is_keyed(contract) else {}
    return found


def _of_tables(features: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Owners and lead."""
    owners = defaults_of(file).get("owners") or features.get("owners")
    return ({"owners": owners} if owners else {}) | _lead_of(features, file)


def _lead_of(features: Mapping[str, Any], file: Path) -> dict[str, str]:
    """The lead of a feature table, if its document can be used."""
    table = computed_table(features)
    if table is None:
        return {}
    lead = lead_of(
        table, lambda key: computed_table(feature_table(key, file)) or days_of(key, file)
    )
    return {"lead": Duration.of(lead, table.days.cadence).text}


def _refuse_unknown_table(
    where: str, key: str, table: object, name: str, contracts: Mapping[str, Any]
) -> None:
    if isinstance(table, str) and not contracts.get(name):
        known = [str(config["key"]) for _, config in of_template(FEATURES) if "key" in config]
        raise ConfigurationError(
            f"{where} is not usable: '{key}' is '{table}', which is no FeatureTable of this "
            f"project.{suggestion(table, known)} For another kind of table, set its contract "
            f"under 'contracts' as '{name}'."
        )
