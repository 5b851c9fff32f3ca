"""Values as a driver gives them: nothing is guessed, and no cell costs the others."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa


def objects(result: "sa.CursorResult[tuple[object, ...]]") -> pd.DataFrame:
    """Rows with the driver's own values: nothing is guessed from the other rows of a column."""
    columns = list(result.keys())
    rows = result.cursor.fetchall()  # plain tuples: SQLAlchemy's rows cost three times as much
    values = np.empty((len(rows), len(columns)), dtype=object)
    if rows:
        values[:] = rows
    return pd.DataFrame(
        {name: pd.Series(values[:, i], dtype=object) for i, name in enumerate(columns)}
    )


@contextmanager
def unreadable_as_text(connection: sa.Connection) -> Iterator[None]:
    """Within it, moments of Postgres that Python has no date for arrive as text, others as ever."""
    types = connection.dialect.loaded_dbapi.extensions
    driver = connection.connection.dbapi_connection
    usual = [types.PYDATE, types.PYDATETIME, types.PYDATETIMETZ]
    for cast in usual:
        types.register_type(types.new_type(cast.values, cast.name, _or_text(cast)), driver)
    try:
        yield
    finally:
        for cast in usual:
            types.register_type(cast, driver)


def _or_text(cast: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def read(value: Any, cursor: Any) -> Any:
        try:
            return cast(value, cursor)
        except (ValueError, OverflowError):
            return value

    return read


@contextmanager
def undecodable_as_bytes(connection: sa.Connection) -> Iterator[None]:
    """Within it, SQLite's texts that cannot be decoded arrive as bytes, and the others as text."""
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
