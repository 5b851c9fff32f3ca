"""The same data has the same partitions and data versions, whatever system and format it comes from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
import sqlalchemy as sa

from ml_assets.settings import with_driver
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import Project
from ml_assets_tests.sources.systems import (
    DAYS,
    NEW_YORK,
    SPAN,
    WRITERS,
    Lab,
    by_file,
    midnights,
    new_lab,
    readings,
    source_table,
    versions,
    write_sqlite,
    written,
)

TABLES = 'group:"readings__tables"'


def local(text: str) -> Callable[[datetime], str]:
    """Format of a time in New York."""
    return lambda moment: moment.astimezone(NEW_YORK).strftime(text)


def utc(text: str) -> Callable[[datetime], str]:
    """Format of a time in UTC."""
    return lambda moment: moment.strftime(text)


TIMES: dict[str, tuple[str, Callable[[datetime], object], dict[str, str]]] = {
    "timestamps": ("DATETIME", utc("%Y-%m-%d %H:%M:%S.%f"), {}),
    "iso": ("TEXT", utc("%Y-%m-%dT%H:%M:%SZ"), {}),
    "iso_local": ("TEXT", local("%Y-%m-%d %H:%M:%S"), {"time_zone": "America/New_York"}),
    "german": ("TEXT", utc("%d.%m.%Y %H:%M:%S"), {"time_format": "%d.%m.%Y %H:%M:%S"}),
    "american": (
        "TEXT",
        local("%m/%d/%Y %I:%M:%S %p"),
        {"time_format": "%m/%d/%Y %I:%M:%S %p", "time_zone": "America/New_York"},
    ),
    "offsets": ("TEXT", local("%Y%m%d%H%M%S%z"), {"time_format": "%Y%m%d%H%M%S%z"}),
    "seconds": ("INTEGER", lambda at: int(at.timestamp()), {"time_format": "epoch_s"}),
    "milliseconds": (
        "INTEGER",
        lambda at: int(at.timestamp()) * 1000,
        {"time_format": "epoch_ms"},
    ),
    "seconds_as_text": ("TEXT", lambda at: str(int(at.timestamp())), {"time_format": "epoch_s"}),
}
"""Name → type of the time column, how its values are written, and what ``defs.yaml`` says of it."""

DATES: dict[str, tuple[str, Callable[[datetime], object], dict[str, str]]] = {
    "midnights": ("DATETIME", utc("%Y-%m-%d %H:%M:%S"), {}),
    "dates": ("DATE", local("%Y-%m-%d"), {}),
    "texts_of_dates": ("TEXT", local("%d.%m.%Y"), {"time_format": "%d.%m.%Y"}),
    "numbers_of_dates": (
        "INTEGER",
        lambda at: int(local("%Y%m%d")(at)),
        {"time_format": "%Y%m%d"},
    ),
    "seconds_of_dates": ("INTEGER", lambda at: int(at.timestamp()), {"time_format": "epoch_s"}),
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty folder for source systems."""
    return new_lab(tmp_path)


@contextmanager
def extracted(
    lab: Lab, documents: list[str], connections: dict[str, str] | None = None
) -> Iterator[Project]:
    """A project with all days of its tables, without a dead letter."""
    with lab.project(documents, connections) as project:
        outcome = project.materialize(TABLES, SPAN)
        assert outcome.succeeded, outcome.failed_steps
        yield project


def test_times_of_any_format_give_the_same_data_versions(lab: Lab) -> None:
    for name, (kind, write, _) in TIMES.items():
        write_sqlite(lab.database, name, kind, written(readings(), write))
    documents = [source_table(name, table=name, **more) for name, (_, _, more) in TIMES.items()]

    with extracted(lab, documents) as project:
        found = {name: versions(project, name) for name in TIMES}
        rows = project.lake.read("readings/american")

    assert [*found["timestamps"]] == DAYS
    assert found == dict.fromkeys(TIMES, found["timestamps"])
    assert {day: sorted(of_day["id"]) for day, of_day in rows.groupby("ds")} == {
        day: [3 * n, 3 * n + 1, 3 * n + 2] for n, day in enumerate(DAYS)
    }


def test_dates_are_local_days_and_give_the_data_versions_of_their_midnights(lab: Lab) -> None:
    days = [
        {"id": number, "at": start.astimezone(UTC), "value": 1.5, "note": None}
        for number, start in enumerate(midnights()[:-1])
    ]
    for name, (kind, write, _) in DATES.items():
        write_sqlite(lab.database, name, kind, written(days, write))
    documents = [source_table(name, table=name, **more) for name, (_, _, more) in DATES.items()]

    with extracted(lab, documents) as project:
        found = {name: versions(project, name) for name in DATES}

    assert [*found["dates"]] == DAYS
    assert found == dict.fromkeys(DATES, found["midnights"])


def test_files_and_sql_give_the_same_data_versions(lab: Lab) -> None:
    rows = readings()
    write_sqlite(lab.database, "Mixed Case", "DATETIME", written(rows, utc("%Y-%m-%d %H:%M:%S")))
    documents = [
        source_table("sql", table="main.Mixed Case"),
        source_table("query", query="SELECT * FROM \"Mixed Case\" WHERE note <> ':x' OR 1 -- all"),
    ]
    for kind, write in WRITERS.items():
        for name, part in by_file(rows).items():
            write(lab.files(f"daily/{name}.{kind}"), part)
        write(lab.files(f"all/all.{kind}"), rows)
        for name, part in by_file(rows, "year=%Y/month=%m/%d-%H").items():
            write(lab.files(f"hourly/{name}.{kind}"), part)
        documents += [
            source_table(f"daily_{kind}", files=f"daily/%Y-%m-%d.{kind}"),
            source_table(f"hourly_{kind}", files=f"hourly/year=%Y/month=%m/%d-%H.{kind}"),
            source_table(f"glob_{kind}", files=f"all/*.{kind}"),
        ]
    names = [
        "sql",
        "query",
        *(f"{how}_{kind}" for how in ("daily", "hourly", "glob") for kind in WRITERS),
    ]

    with extracted(lab, documents) as project:
        found = {name: versions(project, name) for name in names}

    assert [*found["sql"]] == DAYS
    assert found == dict.fromkeys(names, found["sql"])


def test_files_named_by_their_day_need_no_time_column(lab: Lab) -> None:
    without_time = {
        name: [{"id": row["id"], "value": row["value"]} for row in part]
        for name, part in by_file(readings()).items()
    }
    for kind, write in WRITERS.items():
        for name, part in without_time.items():
            write(lab.files(f"{name}.{kind}"), part)
    documents = [
        source_table(f"named_{kind}", "NamedReadings", files=f"%Y-%m-%d.{kind}", max_age="25h")
        for kind in WRITERS
    ]

    with extracted(lab, documents) as project:
        found = [versions(project, f"named_{kind}") for kind in WRITERS]

    assert [*found[0]] == DAYS
    assert found == [found[0]] * len(WRITERS)


def test_files_without_days_are_snapshots(lab: Lab) -> None:
    rows = readings()
    for kind, write in WRITERS.items():
        write(lab.files(f"lookup/one.{kind}"), rows[:4])
        write(lab.files(f"lookup/two.{kind}"), rows[4:])
    documents = [
        source_table(f"lookup_{kind}", files=f"lookup/*.{kind}", days=None, time_column=None)
        for kind in WRITERS
    ]

    with lab.project(documents) as project:
        assert project.materialize(TABLES).succeeded
        found = [versions(project, f"lookup_{kind}") for kind in WRITERS]

    assert [*found[0]] == ["snapshot"]
    assert found == [found[0]] * len(WRITERS)


def test_folders_may_be_urls_of_object_stores(lab: Lab) -> None:
    store = fsspec.filesystem("memory")
    for name, part in by_file(readings()).items():
        WRITERS["csv"](lab.files(f"{name}.csv"), part)
        store.pipe(f"/bucket/readings/{name}.csv", lab.files(f"{name}.csv").read_bytes())
    documents = [
        source_table("local", files="%Y-%m-%d.csv"),
        source_table("remote", connection="archive", files="readings/%Y-%m-%d.csv"),
        source_table("by_url", connection="folder", files="%Y-%m-%d.csv"),
    ]
    urls = {"archive": "memory://bucket", "folder": f"file://{lab.files('')}"}

    with extracted(lab, documents, urls) as project:
        found = [versions(project, name) for name in ("local", "remote", "by_url")]
    store.rm("/bucket", recursive=True)

    assert [*found[0]] == DAYS
    assert found == [found[0]] * 3


POSTGRES = {
    "timestamps": ("timestamp", "at AT TIME ZONE 'UTC'", {}),
    "zoned": ("timestamptz", "at", {}),
    "local": (
        "timestamp",
        "at AT TIME ZONE 'America/New_York'",
        {"time_zone": "America/New_York"},
    ),
    "iso": ("text", "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')", {}),
    "seconds": ("bigint", "extract(epoch FROM at)", {"time_format": "epoch_s"}),
    "decimals": ("numeric", "extract(epoch FROM at) * 1000", {"time_format": "epoch_ms"}),
}


@pytest.mark.slow
def test_postgres_and_sqlite_give_the_same_data_versions(lab: Lab) -> None:
    rows = readings()
    write_sqlite(lab.database, "readings", "DATETIME", written(rows, utc("%Y-%m-%d %H:%M:%S")))
    documents = [source_table("sqlite", table="readings")]
    with postgres_url() as url:
        engine = sa.create_engine(with_driver(url))
        with engine.begin() as connection:
            connection.execute(sa.text('CREATE SCHEMA "Lab"'))
            connection.execute(
                sa.text("CREATE TABLE all_rows (id int, at timestamptz, value float8, note text)")
            )
            connection.execute(
                sa.text("INSERT INTO all_rows VALUES (:id, :at, :value, :note)"), rows
            )
            for name, (kind, expression, more) in POSTGRES.items():
                connection.execute(
                    sa.text(
                        f'CREATE TABLE "Lab"."{name.title()}" AS SELECT id, ({expression})::{kind} '
                        "AS at, value, note FROM all_rows"
                    )
                )
                table = f"Lab.{name.title()}"
                documents += [
                    source_table(name, connection="lab", table=table, **more),
                    source_table(
                        f"{name}_query",
                        connection="lab",
                        query=f'SELECT *, 1::int AS one FROM "Lab"."{name.title()}"',
                        **more,
                    ),
                ]
        engine.dispose()
        names = ["sqlite", *POSTGRES, *(f"{name}_query" for name in POSTGRES)]

        with extracted(lab, documents, {"lab": url}) as project:
            found = {name: versions(project, name) for name in names}

    assert [*found["sqlite"]] == DAYS
    assert found == dict.fromkeys(names, found["sqlite"])


@pytest.mark.slow
def test_dates_of_postgres_are_local_days(lab: Lab) -> None:
    days = [
        {"id": number, "at": start.astimezone(UTC), "value": 1.5, "note": None}
        for number, start in enumerate(midnights()[:-1])
    ]
    write_sqlite(lab.database, "readings", "DATETIME", written(days, utc("%Y-%m-%d %H:%M:%S")))
    with postgres_url() as url:
        engine = sa.create_engine(with_driver(url))
        with engine.begin() as connection:
            connection.execute(
                sa.text("CREATE TABLE dates (id int, at date, value float8, note text)")
            )
            connection.execute(
                sa.text("INSERT INTO dates VALUES (:id, :at, :value, :note)"),
                written(days, local("%Y-%m-%d")),
            )
        engine.dispose()
        documents = [
            source_table("sqlite", table="readings"),
            source_table("dates", connection="lab", table="dates"),
            source_table("query", connection="lab", query="SELECT * FROM dates"),
        ]
        with extracted(lab, documents, {"lab": url}) as project:
            found = [versions(project, name) for name in ("sqlite", "dates", "query")]

    assert [*found[0]] == DAYS
    assert found == [found[0]] * 3
