"""The same readings in source systems of every kind, and the ``defs.yaml`` that reads them."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from pyarrow import Table, parquet

from ml_assets.contracts.contract import Contract
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ["2013-03-09", "2013-03-10", "2013-03-11"]
"""The second has 23 hours."""
SPAN = f"{DAYS[0]}...{DAYS[-1]}"

Row = dict[str, Any]


class Readings(Contract):
    """Readings of a sensor."""

    id: int = pa.Field(description="Number of the reading.")
    at: pd.DatetimeTZDtype = pa.Field(description="When.", dtype_kwargs={"unit": "us", "tz": "UTC"})
    value: float = pa.Field(nullable=True, le=1000, description="What was measured.")
    note: str = pa.Field(nullable=True, description="Remark.")

    class Config:
        """With a key."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"max_dead_letter_share": 0.5}


class NamedReadings(Contract):
    """Readings that have no time of their own."""

    id: int = pa.Field(description="Number of the reading.")
    value: float = pa.Field(nullable=True, le=1000, description="What was measured.")

    class Config:
        """With a key."""

        unique: ClassVar = ["id"]


def midnights() -> list[datetime]:
    """First moments of the days, and of the day after the last."""
    last = date.fromisoformat(DAYS[-1]) + timedelta(days=1)
    return [datetime.fromisoformat(day).replace(tzinfo=NEW_YORK) for day in [*DAYS, str(last)]]


def readings() -> list[Row]:
    """Readings at the first and last second of each day, and between them."""
    bounds = [moment.astimezone(UTC) for moment in midnights()]
    moments = [
        moment
        for start, end in pairwise(bounds)
        for moment in (start, start + timedelta(hours=7, minutes=5), end - timedelta(seconds=1))
    ]
    return [
        {
            "id": number,
            "at": moment,
            "value": None if number == 4 else number / 3,
            "note": 'é, or "so"' if number % 2 else None,
        }
        for number, moment in enumerate(moments)
    ]


def written(rows: Sequence[Row], write: Callable[[datetime], object]) -> list[Row]:
    """Rows with their times in another form."""
    return [{**row, "at": write(row["at"])} for row in rows]


def by_file(rows: Sequence[Row], name: str = "%Y-%m-%d") -> dict[str, list[Row]]:
    """File name without suffix → its rows, by the local time of ``at``."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["at"].astimezone(NEW_YORK).strftime(name), []).append(row)
    return found


def write_csv(file: Path, rows: Sequence[Row]) -> None:
    """Rows as CSV."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, dtype=object).to_csv(file, index=False)


def write_json_lines(file: Path, rows: Sequence[Row]) -> None:
    """Rows as JSON lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(row, default=str)}\n" for row in rows), "utf-8")


def write_parquet(file: Path, rows: Sequence[Row]) -> None:
    """Rows as Parquet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(Table.from_pylist(list(rows)), file)


WRITERS = {"csv": write_csv, "jsonl": write_json_lines, "parquet": write_parquet}


def write_sqlite(file: Path, table: str, time_type: str, rows: Sequence[Row]) -> None:
    """Rows as a table of a SQLite file."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            f'CREATE TABLE "{table}" (id INTEGER, at {time_type}, value REAL, note TEXT)'
        )
        connection.executemany(
            f'INSERT INTO "{table}" VALUES (:id, :at, :value, :note)', list(rows)
        )


def source_table(name: str, contract: str = "Readings", **attributes: object) -> str:
    """The document of one table in ``defs.yaml``."""
    return yaml.safe_dump(
        {
            "type": "ml_assets.components.SourceTable",
            "attributes": {
                "key": f"readings/{name}",
                "contract": f"{__name__}.{contract}",
                "description": "Readings.",
                "owners": ["team:lab"],
                "days": {
                    "first": DAYS[0],
                    "last": DAYS[-1],
                    "timezone": "America/New_York",
                },
                **({} if contract == "NamedReadings" else {"time_column": "at"}),
                **attributes,
            },
        }
    )


@dataclass(frozen=True)
class Lab:
    """A folder for a project and its source systems."""

    home: Path

    @property
    def data(self) -> Path:
        """The data folder, with ``source.db`` and ``source_files``."""
        return self.home / "data"

    @property
    def database(self) -> Path:
        """The source database."""
        return self.data / "source.db"

    def files(self, folder: str) -> Path:
        """A folder of source files."""
        return self.data / "source_files" / folder

    @contextmanager
    def project(
        self, documents: Sequence[str], connections: Mapping[str, str] | None = None
    ) -> Iterator[Project]:
        """The project that reads some tables."""
        with pytest.MonkeyPatch.context() as environment:
            for name, url in (connections or {}).items():
                environment.setenv(f"ML_ASSETS_CONNECTIONS__{name.upper()}", url)
            with opened(
                self.home, definitions(self.home / "defs", "---\n".join(documents))
            ) as project:
                yield project


def new_lab(home: Path) -> Lab:
    """An empty folder."""
    return Lab(new_home(home))


def versions(project: Project, name: str) -> dict[str, str]:
    """Day → data version of a table."""
    return {day: version for (_, day), version in project.versions(f"readings/{name}").items()}
