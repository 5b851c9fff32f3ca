"""Values as a driver or a file has them, without type inference or effects on other cells."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa


def objects(result: "sa.CursorResult[tuple[object, ...]]") -> pd.DataFrame:
    """Rows with the driver's own values, as plain tuples: SQLAlchemy's rows cost three times as much."""
    return frame(list(result.keys()), result.cursor.fetchall())


def frame(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Rows as a frame of objects.

    Args:
        columns: (n,) names.
        rows: (m, n) values.
    """
    values = np.empty((len(rows), len(columns)), dtype=object)
    if rows:
        values[:] = rows
    return pd.DataFrame(
        {name: pd.Series(values[:, i], dtype=object) for i, name in enumerate(columns)},
        index=range(len(rows)),
    )


@contextmanager
def unreadable_as_text(connection: sa.Connection) -> Iterator[None]:
    """Context in which Postgres timestamps outside Python's range are returned as text."""
    types = connection.dialect.loaded_dbapi.extensions
    driver = connection.connection.dbapi_connection
    default = [types.PYDATE, types.PYDATETIME, types.PYDATETIMETZ]
    for cast in default:
        types.register_type(types.new_type(cast.values, cast.name, _cast_or_text(cast)), driver)
    try:
        yield
    finally:
        for cast in default:
            types.register_type(cast, driver)


def _cast_or_text(cast: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def read(value: Any, cursor: Any) -> Any:
        try:
            return cast(value, cursor)
        except (ValueError, OverflowError):
            return value

    return read


@contextmanager
def undecodable_as_bytes(connection: sa.Connection) -> Iterator[None]:
    """Context in which SQLite texts that cannot be decoded are returned as bytes."""
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    driver.text_factory = _decoded
    try:
        yield
    finally:
        driver.text_factory = str


def _decoded(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text
