"""The contract of every ``…_dead_letters`` table: rejected rows with the reason."""

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract


class DeadLetters(Contract):
    """Rows that broke their table's contract, as they came."""

    source_key: str = pa.Field(
        description="Key columns of the rejected row, joined by '|'.",
        metadata={"from": ["{table}.{key}"]},
    )
    rule: str = pa.Field(
        description="Rules the row broke, joined by '; '.", metadata={"from": ["{table}.{columns}"]}
    )
    row: str = pa.Field(
        description="The row as it came from its source, as JSON.",
        metadata={"from": ["{table}.{columns}"]},
    )

    class Config:
        """Most days have none."""

        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}
