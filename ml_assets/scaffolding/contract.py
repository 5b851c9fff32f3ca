"""The contract of a table's rows alone, without a pipeline."""

import re

import pandas as pd

from ml_assets.cadence import Calendar
from ml_assets.contracts.contract import Weekday
from ml_assets.errors import ConfigurationError
from ml_assets.scaffolding.fields import column_field, strings
from ml_assets.scaffolding.history import empty_on
from ml_assets.scaffolding.naming import refuse_columns
from ml_assets.scaffolding.profile import profile
from ml_assets.scaffolding.times import cadence_of, times
from ml_assets.sources.clock import Clock

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
    found: tuple[Weekday, ...] = ()
    if chosen := time or (min(moments) if len(moments) == 1 else None):
        column, format_ = times(raw, columns, chosen)
        moments.add(column)
        found = _empty_on(Clock(column, format_).moments(raw[column]).dropna())
    fields = "".join(
        column_field(column, is_time=column.name in moments)
        for column in columns
        if column.kind != "empty"
    )
    keys = [column.name for column in columns if column.distinct == len(rows)][:1]
    settings = [
        *([f"        unique: ClassVar = {strings(keys)}\n"] if keys else []),
        *([f'        metadata: ClassVar = {{"empty_on": {strings(found)}}}\n'] if found else []),
    ]
    told = [
        *([f"Rows are identified by {keys[0]}."] if keys else []),
        *([f"There never are rows on {' and '.join(found)}."] if found else []),
    ]
    config = (
        f'\n    class Config:\n        """{" ".join(told)}"""\n\n{"".join(settings)}'
        if settings
        else ""
    )
    stem = name.rpartition("/")[2].partition(".")[0]
    title = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", stem))
    body = f'class {title}(Contract):\n    """Rows of {name}."""\n\n{fields}{config}'
    header = HEADER if settings else HEADER.replace("from typing import ClassVar\n\n", "", 1)
    return f"{header}{body}".rstrip()


def _empty_on(moments: pd.Series) -> tuple[Weekday, ...]:
    """Days of the week on which a table never has rows."""
    if moments.empty:
        return ()
    calendar = Calendar(cadence_of(moments))
    return empty_on(calendar, {calendar.key_of(one.to_pydatetime()) for one in moments.unique()})
