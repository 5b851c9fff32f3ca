"""Malformed, altered, late, repeated and vanished rows of files: what holds for databases holds for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.ledger.entries import Status
from ml_assets_tests.project import Project
from ml_assets_tests.sources.systems import (
    DAYS,
    SPAN,
    WRITERS,
    Lab,
    Row,
    by_file,
    new_lab,
    readings,
    source_table,
    versions,
)

TABLE = "readings/daily"
KEY = f'key:"{TABLE}"'
FIRST, SECOND, THIRD = DAYS
KINDS = pytest.mark.parametrize("kind", WRITERS)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty folder for source systems."""
    return new_lab(tmp_path)


def deliver(lab: Lab, kind: str, day: str, rows: list[Row]) -> Path:
    """Write the file of a day."""
    file = lab.files(f"daily/{day}.{kind}")
    WRITERS[kind](file, rows)
    return file


def deliver_all(lab: Lab, kind: str) -> dict[str, Path]:
    """Write the files of all days."""
    return {day: deliver(lab, kind, day, rows) for day, rows in by_file(readings()).items()}


def cut(file: Path) -> None:
    """Cut off the second half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def broken(file: Path) -> None:
    """A file of no format: half of it, or for CSV a quote that is never closed."""
    cut(file)
    if file.suffix == ".csv":
        file.write_bytes(file.read_bytes() + b'\n"')


@contextmanager
def opened(lab: Lab, kind: str) -> Iterator[Project]:
    """The project that reads the daily files."""
    with lab.project([source_table("daily", files=f"daily/%Y-%m-%d.{kind}")]) as project:
        yield project


def rules(project: Project) -> list[tuple[str, str]]:
    """Day and rule of all dead letters."""
    found = [(str(row["ds"]), str(row["rule"])) for row in project.dead_letters(TABLE)]
    return sorted(found)


@KINDS
def test_d_bad_rows_are_dead_letters_and_bad_files_cost_their_day_alone(
    lab: Lab, kind: str
) -> None:
    days = by_file(readings())
    first, second, third = days[FIRST], days[SECOND], days[THIRD]
    deliver(
        lab,
        kind,
        FIRST,
        [
            *first,
            first[0],
            {**first[1], "id": 90, "value": 1048.0},
            {**first[1], "id": 91, "at": third[0]["at"]},
            {**first[1], "id": 92, "at": None},
            {**first[1], "id": 93, "value": 1.0},
            {**first[1], "id": 93, "value": 2.0},
        ],
    )
    deliver(lab, kind, SECOND, [{**row, "measured": row["value"]} for row in second])
    file = deliver(
        lab, kind, SECOND, [{n: v for n, v in row.items() if n != "id"} for row in second]
    )
    deliver(lab, kind, THIRD, third)

    with opened(lab, kind) as project:
        whole = project.materialize(KEY, SPAN)

        entries = project.entries(TABLE)
        assert not whole.succeeded
        assert entries[FIRST].rows == len(first)
        assert entries[FIRST].dead_letters == 3
        assert entries[SECOND].status is Status.QUARANTINED
        assert "column 'id' is missing" in entries[SECOND].reason
        assert entries[THIRD].rows == len(third)
        assert rules(project) == [
            (FIRST, "key: must be unique"),
            (FIRST, "key: must be unique"),
            (FIRST, "value: less_than_or_equal_to(1000)"),
            ("unplaced", f"at: is not in the period of its file daily/{FIRST}.{kind}"),
            ("unplaced", "at: must not be null"),
        ]
        before = versions(project, "daily")
        assert not project.materialize(KEY, SECOND).succeeded
        assert project.entries(TABLE)[SECOND].reason == entries[SECOND].reason
        broken(file)
        assert not project.materialize(KEY, SPAN).succeeded
        assert versions(project, "daily") == before
        assert project.entries(TABLE)[SECOND].status is Status.QUARANTINED


@KINDS
def test_e_altered_vanished_and_late_files(lab: Lab, kind: str) -> None:
    files = deliver_all(lab, kind)
    late = files[THIRD].read_bytes()
    files[THIRD].unlink()

    with opened(lab, kind) as project:
        assert not project.materialize(KEY, SPAN).succeeded
        assert "no rows in the source, whose newest row" in project.entries(TABLE)[THIRD].reason
        before = versions(project, "daily")
        assert [*before] == [FIRST, SECOND]

        files[THIRD].write_bytes(late)
        rows = by_file(readings())[FIRST]
        deliver(lab, kind, FIRST, [{**rows[0], "value": 7.5}, *rows[1:]])
        files[SECOND].unlink()

        results = project.check(KEY, SPAN)
        bad = {(found.check, found.day) for found in results if found.state != "passed"}
        assert ("up_to_date_with_source", FIRST) in bad
        assert ("up_to_date_with_source", SECOND) not in bad
        assert ("still_in_source", SECOND) in bad
        assert project.materialize(KEY, SPAN).succeeded
        after = versions(project, "daily")
        assert sorted(after) == DAYS
        assert after[FIRST] != before[FIRST]
        assert after[SECOND] == before[SECOND]

        if kind != "jsonl":  # half of its lines are whole lines
            broken(files[FIRST])
            assert project.materialize(KEY, SPAN).succeeded
            assert versions(project, "daily") == after


def test_d_lines_that_are_no_rows_are_dead_letters(lab: Lab) -> None:
    csv, lines = deliver_all(lab, "csv"), deliver_all(lab, "jsonl")
    with csv[FIRST].open("ab") as file:
        file.write(b'50,2013-03-09 12:00:00,1.5,N\xfc1\n51,"2013-03-09 13:00:00"\n1,2,3,4,5\n\n')
    with lines[FIRST].open("ab") as file:
        file.write(b'{"id": 50, "at": "2013-03-09 12:00:00", "note": "N\xfc1"}\n{"id": 5\n[1]\n\n')
    documents = [
        source_table(f"daily_{kind}", files=f"daily/%Y-%m-%d.{kind}") for kind in ("csv", "jsonl")
    ]

    with lab.project(documents) as project:
        assert project.materialize('group:"readings__tables"', SPAN).succeeded

        for kind, told in {
            "csv": ["line 6 has 2 fields, expected 4", "line 7 has 5 fields, expected 4"],
            "jsonl": ["line 5 is no JSON", "line 6 is no JSON object"],
        }.items():
            letters = project.dead_letters(f"readings/daily_{kind}")
            assert [row["rule"] for row in letters if row["ds"] == FIRST] == [
                "note: must be string, has bytes that are no UTF-8 text"
            ]
            unplaced = sorted(str(row["rule"]) for row in letters if row["ds"] == "unplaced")
            assert len(unplaced) == 2
            for rule, part in zip(unplaced, told, strict=True):
                assert rule.startswith(f"daily/{FIRST}.{kind}: {part}")


@KINDS
def test_e_files_without_the_time_column_fail_the_run_and_stored_days_keep_their_rows(
    lab: Lab, kind: str
) -> None:
    file = lab.files(f"all.{kind}")
    WRITERS[kind](file, readings())

    with lab.project([source_table("daily", files=f"all.{kind}")]) as project:
        assert project.materialize(KEY, SPAN).succeeded
        before = versions(project, "daily")
        assert [*before] == DAYS

        renamed = [
            {("taken_at" if name == "at" else name): value for name, value in row.items()}
            for row in readings()
        ]
        WRITERS[kind](file, renamed)

        outcome = project.materialize(KEY, SPAN)
        assert not outcome.succeeded
        [told] = outcome.failed_steps.values()
        assert f"{FIRST} to {THIRD} (3 partitions): " in told
        assert f"time column 'at' is missing from all.{kind} in " in told
        assert "which has id, taken_at, value, note. Did you mean 'taken_at'?" in told
        assert versions(project, "daily") == before
        assert project.dead_letters(TABLE) == []


def test_e_rows_of_files_without_a_date_in_their_name_may_lie_anywhere(lab: Lab) -> None:
    rows = readings()
    WRITERS["csv"](lab.files("any/one.csv"), [rows[0], rows[5], rows[7]])
    WRITERS["csv"](lab.files("any/two.csv"), [row for row in rows if row["id"] not in (0, 5, 7)])
    WRITERS["csv"](lab.files("any/_draft.csv"), [{"id": "unfinished"}])
    far = {**rows[0], "id": 99, "at": rows[0]["at"] + timedelta(days=240)}
    WRITERS["csv"](lab.files("any/three.csv"), [far])
    deliver_all(lab, "parquet")
    documents = [
        source_table("any", files="any/*.csv"),
        source_table("daily", files="daily/%Y-%m-%d.parquet"),
    ]

    with lab.project(documents) as project:
        assert project.materialize('group:"readings__tables"', SPAN).succeeded

        assert versions(project, "any") == versions(project, "daily")
        assert [row["rule"] for row in project.dead_letters("readings/any")] == [
            "at: is far after all other rows"
        ]
