"""A project for tests: changes of its source, runs, checks and access to stored rows."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from ml_assets.cadence import Span
from ml_assets.defs.sources.load import SourceSystems
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.checks.runner import CheckResult, check
from ml_assets.orchestration.runs.runs import RunOutcome, materialize, selected_assets
from ml_assets.sources.clock import Clock
from ml_assets.sources.database import SourceDatabase
from ml_assets.sources.database_table import DatabaseTable
from ml_assets.workspace import Workspace
from ml_assets_tests.weather_table import weather_table

ROOT = Path(__file__).parents[1]

DICTIONARIES = 'key:"sources/planes" or key:"sources/airports" or key:"sources/airlines"'
SIX_WEEKS: dict[str, object] = {
    "test_window": "14d",
    "release": {"rule": "literal", "margin": None, "max_group_gap": 0.35},
}
"""What tests change of the reference pipeline, whose first champion needs three months: models of ten
days are tested on two weeks, and gates are as wide as these few rows need."""


def overridden(**changes: object) -> str:
    """The variable ``ML_ASSETS_PIPELINES`` for six weeks of the reference pipeline, and other changes."""
    ensemble = {"test_window": SIX_WEEKS["test_window"]}  # a member holds out as many days at least
    return json.dumps({"flight_delays": {**SIX_WEEKS, **changes}, "flight_ensemble": ensemble})


SOURCES = 'key:"sources/flights" or key:"sources/weather"'
DAILY = f'{SOURCES} or key:"flight_delays/flight_features" or key:"flight_delays/flight_outcomes"'
"""What models are trained from, by day."""

ALL_DAILY = f"{SOURCES} or group:flight_delays__features"
"""The same with the tables that the service looks up, as the sensors process each day."""


@dataclass(frozen=True)
class Project:
    """One test's project."""

    data: Path
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def source(self) -> Path:
        """File of the source database."""
        return self.data / "source.db"

    @property
    def systems(self) -> SourceSystems:
        """The source database and the folder of source files."""
        return SourceSystems.below(self.data)

    @property
    def lake(self) -> Lake:
        """The project's lake."""
        return open_lake()

    def sql(self, statement: str, *parameters: object) -> int:
        """Change the source systems; returns the number of rows changed.

        The weather files are a table of the statement.
        """
        with closing(sqlite3.connect(self.source)) as connection, connection:
            if "weather" not in statement:
                return connection.execute(statement, parameters).rowcount
            connection.execute("BEGIN")
            with weather_table(connection, self.data):
                return connection.execute(statement, parameters).rowcount

    def materialize(self, selection: str, days: str | None = None) -> RunOutcome:
        """Materialize assets for ``A...B`` or a single day."""
        keys = selected_assets(self.definitions, selection)
        return materialize(
            self.definitions, self.instance, keys, Span.parse(days) if days else None
        )

    def materialize_daily(self, days: str) -> RunOutcome:
        """Dictionaries, then daily sources and features in one run."""
        self.materialize(DICTIONARIES)
        return self.materialize(ALL_DAILY, days)

    def check(self, selection: str, days: str | None = None) -> list[CheckResult]:
        """Run checks alone."""
        span = Span.parse(days) if days else None
        return check(
            self.definitions,
            self.lake,
            self.instance,
            selection,
            span,
            progress=lambda what: None,
        )

    def entries(self, table: str) -> dict[str, Entry]:
        """day → latest ledger entry."""
        return self.lake.ledger.latest(table)

    def versions(self, *tables: str) -> dict[tuple[str, str], str]:
        """(table, day) → data version of everything that is stored."""
        ledger = self.lake.ledger
        return {
            (table, day): entry.content_hash
            for table in tables or ledger.tables()
            for day, entry in ledger.latest(table).items()
            if entry.status is Status.STORED and (entry.rows or not table.endswith("_dead_letters"))
        }

    def materialized_days(self, table: str) -> set[str]:
        """Days that Dagster shows as materialized."""
        return self.instance.get_materialized_partitions(dg.AssetKey(table.split("/")))

    def dead_letters(self, table: str) -> list[dict[str, object]]:
        """Dead letters of a table, as records."""
        name = f"{table}_dead_letters"
        return self.lake.read(name).to_dict("records") if self.lake.exists(name) else []


def database_table(url: str, table: str, time_column: str | None = None) -> DatabaseTable:
    """A table of a source database."""
    clock = Clock(time_column) if time_column else None
    return DatabaseTable(SourceDatabase(url), table, clock=clock)


def open_lake() -> Lake:
    """The lake of the environment; refused if it and its ledger do not belong together."""
    return Workspace.of_environment().lake


def bad_days(results: Sequence[CheckResult]) -> set[str]:
    """Days on which a result is bad."""
    return {result.day for result in results if result.is_bad}
