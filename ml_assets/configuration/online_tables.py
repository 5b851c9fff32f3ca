"""Feature tables that are in the online store, found by their documents."""

from dataclasses import dataclass

from ml_assets.configuration.documents import of_template
from ml_assets.configuration.file_defaults import FEATURES
from ml_assets.configuration.input_cadences import with_input_cadences
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.reading import read
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


def online_table(table: str) -> ContractedTable:
    """The table of a document that is in the online store.

    Args:
        table: its asset key.

    Raises:
        ConfigurationError: there is no such table, it is not in the online store, or its document
            is not usable.
    """
    documents = {config.get("key"): (file, config) for file, config in of_template(FEATURES)}
    if table not in documents:
        in_store = [str(key) for key, (_, config) in documents.items() if config.get("online")]
        raise unknown("table in the online store", table, in_store)
    file, attributes = documents[table]
    where = f"{table} in {file.parent.name}/{file.name}"
    config = read(FeatureTableConfiguration, with_input_cadences(attributes, file), where)
    contract = load_contract(config.contract)
    if config.online_table is None:
        raise ConfigurationError(
            f"{table} is not in the online store. To write it there, add for example 'online: {{entity: "
            f"[…], ttl: 1d}}' to its document in {file.parent.name}/{file.name}; docs/online.md tells "
            "what this means."
        )
    refuse_unfit(config.online_table, contract)
    return ContractedTable(config.online_table, contract)
