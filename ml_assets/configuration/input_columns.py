"""Columns of the inputs of a computed table, from the contracts that the documents of the inputs name."""

from collections.abc import Iterable
from pathlib import Path

from ml_assets.configuration.documents import described_table
from ml_assets.configuration.objects import load_contract
from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.errors import ConfigurationError


def columns_of_inputs(tables: Iterable[str], file: Path) -> dict[str, list[str]]:
    """Table → its columns, of the tables that a document describes.

    A table whose contract cannot be loaded is left out: its own asset shows why.

    Args:
        tables: asset keys of the inputs.
        file: file of the document that names them.
    """
    found = {}
    for table in tables:
        contract = (described_table(table, file) or {}).get("contract")
        try:
            if contract:
                found[table] = [DAY, *columns(load_contract(str(contract)))]
        except ConfigurationError:
            continue
    return found
