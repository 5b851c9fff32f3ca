"""Feature tables that are in the online store, found by their documents."""

from dataclasses import dataclass
from pathlib import Path

from ml_assets.configuration.documents import computed_tables
from ml_assets.configuration.file_defaults import FEATURES, read_document
from ml_assets.configuration.input_cadences import with_input_cadences
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.tables import FeatureTableConfiguration
from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.names import unknown
from ml_assets.online.definition import OnlineTable, refuse_unfit


@dataclass(frozen=True)
class ContractedTable:
    """A table of the online store with its contract."""

    online: OnlineTable
    contract: type[Contract]


def online_table(table: str, file: Path | None = None) -> ContractedTable:
    """The table of a document that is in the online store.

    Args:
        table: its asset key.
        file: a file outside the project that may define it, too.

    Raises:
        ConfigurationError: there is no such table, it is not in the online store, or its document
            is not usable.
    """
    documents = {config.get("key"): (found, config) for found, config in computed_tables(file)}
    if table not in documents:
        in_store = [str(key) for key, (_, config) in documents.items() if config.get("online")]
        raise unknown("table in the online store", table, in_store)
    found, attributes = documents[table]
    name = f"{found.parent.name}/{found.name}"
    completed = with_input_cadences(attributes, found)
    config = read_document(FeatureTableConfiguration, FEATURES, completed, found)
    contract = load_contract(config.contract)
    if config.online_table is None:
        raise ConfigurationError(
            f"{table} is not in the online store. To write it there, add for example 'online: {{entity: "
            f"[…], ttl: 1d}}' to its document in {name}; docs/online.md "
            "explains both."
        )
    refuse_unfit(config.online_table, contract)
    return ContractedTable(config.online_table, contract)
