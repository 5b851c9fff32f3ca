"""The contract of a table's rows alone, without a pipeline."""

import re

import pandas as pd

from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding.fields import column_field, strings
from ml_assets.scaffolding.naming import refuse_columns
from ml_assets.scaffolding.profile import profile
from ml_assets.scaffolding.times import times

HEADER = """from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract

UTC = {"unit": "us", "tz": "UTC"}


"""


def row_contract(raw: pd.DataFrame, name: str, time: str | None = None) -> str:
    """Python text of a contract that the rows of a table meet.

    Args:
        raw: (n, …) raw values.
        name: of the table or its files.
        time: the time column; the only one when omitted, and none if there is none.

    Raises:
        ConfigurationError: a column's name is none of a contract's field, or the time is no time.
    """
    columns, rows = profile(raw)
    refuse_columns(columns)
    if time is not None and time not in rows.columns:
        raise ConfigurationError(f"There is no column '{time}'. Known: {', '.join(rows.columns)}.")
    moments = {column.name for column in columns if column.kind == "time"}
    if time:
        moments.add(times(raw, columns, time)[0])
    fields = "".join(
        column_field(column, is_time=column.name in moments)
        for column in columns
        if column.kind != "empty"
    )
    keys = [column.name for column in columns if column.distinct == len(rows)][:1]
    config = (
        f'\n    class Config:\n        """Rows are identified by {keys[0]}."""\n\n'
        f"        unique: ClassVar = {strings(keys)}\n"
        if keys
        else ""
    )
    stem = name.rpartition("/")[2].partition(".")[0]
    title = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", stem))
    body = f'class {title}(Contract):\n    """Rows of {name}."""\n\n{fields}{config}'
    header = HEADER if keys else HEADER.replace("from typing import ClassVar\n\n", "", 1)
    return f"{header}{body}".rstrip()
