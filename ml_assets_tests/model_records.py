"""Changes of the records of past models, for tests."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from ml_assets.content import day_hashes
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.provenance.provenance import environment_of_process

FEATURES, MODEL = "flight_delays/flight_features", "flight_delays/model"
DAY = "2013-01-09"
"""A day that both models were trained on."""


def sql(lake: Lake, statement: str, *parameters: object) -> None:
    """Execute SQL on the ledger's database."""
    file = str(lake.ledger.url.database)
    with closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(statement, parameters).rowcount > 0


def ran_with(lake: Lake, **libraries: str) -> None:
    """Change library versions in the records of all runs."""
    then = {**environment_of_process().libraries, **libraries}
    sql(lake, "UPDATE provenance_runs SET libraries = ?", json.dumps(then))


def made_by(lake: Lake, table: str, day: str, modules: Mapping[str, str]) -> None:
    """Change module hashes in the record of a day."""
    code = lake.provenance.code(lake.ledger.latest(table)[day].code_version)
    assert code is not None
    sql(
        lake,
        "UPDATE provenance_codes SET modules = ? WHERE code_version = ?",
        json.dumps({**code.modules, **modules}),
        code.version,
    )


def alter_in_place(lake: Lake, day: str) -> None:
    """Alter the rows of a feature day at the version at which they were read."""
    version = _version(lake)
    rows = lake.read(FEATURES)
    rows.loc[rows["ds"] == day, "distance"] += 100
    shutil.rmtree(Path(lake.uri) / FEATURES)
    while lake.write(FEATURES, rows, sorted(rows["ds"].unique())).version < version:
        pass
    assert _version(lake) == version


def correct(lake: Lake, day: str) -> None:
    """Store a feature day again with other rows, as after a correction of the source."""
    rows = lake.read(FEATURES, [day])
    store(lake, FEATURES, day, rows.assign(distance=rows["distance"] + 100))


def store(lake: Lake, table: str, day: str, rows: object) -> None:
    """Write rows and their entry."""
    version = lake.write(table, rows, [day]).version
    content = day_hashes(rows, [day])[day]
    entry = Entry(table, day, Status.STORED, content_hash=content, rows=len(rows), version=version)
    lake.ledger.append([entry])


def vacuum(lake: Lake, table: str = FEATURES) -> None:
    """Delete the files of every version of a table but the newest."""
    days = lake.days_stored(table)
    lake.write(table, lake.read(table, days), days)
    lake.open(table).vacuum(
        retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True
    )


def _version(lake: Lake) -> int:
    return lake.open(FEATURES).version()
