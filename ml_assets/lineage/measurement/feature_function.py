"""The function of a computed table with its inputs: what it makes of the rows of some partitions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, has_rows_on
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import ConfigurationError
from ml_assets.planning.inputs import Input
from ml_assets.provenance.provenance import Column


@dataclass(frozen=True)
class FeatureFunction:
    """The function of a computed table.

    Attributes:
        table: table name.
        path: dotted path of the function.
        function: the function.
        contract: contract of its rows.
        inputs: argument → input table.
        parameters: further arguments.
        code_version: version of all of these.
        column_lineage: column → its direct input columns as declared, see ``contracts.lineage``.
    """

    table: str
    path: str
    function: Callable[..., pd.DataFrame]
    contract: type[Contract]
    inputs: Mapping[str, Input]
    parameters: Mapping[str, Any]
    code_version: str
    column_lineage: Mapping[str, Sequence[Column]]

    def rows(self, days: Sequence[str], frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The rows of some partitions; the function is not asked for those that never have rows.

        Args:
            days: the partitions.
            frames: argument → rows of the input.

        Raises:
            ConfigurationError: the function returns rows without their partition.
        """
        asked = [day for day in days if has_rows_on(self.contract, day)]
        if not asked:
            return no_rows(self.contract)
        rows = self.function(asked, **frames, **self.parameters)
        if DAY not in rows.columns:
            raise ConfigurationError(
                f"{self.path} returned rows without the column '{DAY}', the day of each row. Add it."
            )
        return rows[rows[DAY].isin(asked)]


def in_own_partitions(rows: pd.DataFrame, item: Input) -> pd.DataFrame:
    """Rows of an input with the partition of the reading table as ``ds``.

    Args:
        rows: (n, …) rows with the partition of the input as ``ds``.
        item: the input.
    """
    own = {day: item.own_partition(day) for day in rows[DAY].unique()}
    if all(day == key for day, key in own.items()):
        return rows
    return rows.assign(**{DAY: rows[DAY].map(own).astype("str")})
