"""The ledger: the latest entry of a day is its state, and staleness is seen through the graph."""

import itertools
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.ledger.entries import Entry, Read, Status, inputs_hash, usable_hashes
from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.staleness import stale

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


def stored(
    table: str, content: str, day: str = MONDAY, reads: Sequence[Read] = (), version: int = 0
) -> Entry:
    """An entry of a stored day."""
    return Entry(table, day, Status.STORED, content_hash=content, version=version, reads=reads)


def read(
    table: str,
    content: str,
    day: str = MONDAY,
    version: int | None = 0,
    *,
    is_pinned: bool = False,
) -> Read:
    """One input day."""
    return Read(table, day, content, version, is_pinned)


def test_an_empty_ledger_has_no_entries(ledger: Ledger) -> None:
    assert ledger.latest("a/flights") == {}
    assert ledger.tables() == []
    assert stale(ledger, "a/flights", [MONDAY]) == {}
    assert ledger.reads("a/flights", [MONDAY]) == {MONDAY: []}


def test_latest_entry_of_each_day_is_returned(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one"), stored("a/flights", "other", TUESDAY)])
    ledger.append([Entry("a/flights", MONDAY, Status.QUARANTINED, reason="no rows")])

    latest = ledger.latest("a/flights")

    assert {day: entry.status for day, entry in latest.items()} == {
        MONDAY: Status.QUARANTINED,
        TUESDAY: Status.STORED,
    }
    assert latest[MONDAY].reason == "no rows"


def test_later_entry_of_one_append_is_returned(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "first"), stored("a/flights", "second")])

    assert ledger.latest("a/flights")[MONDAY].content_hash == "second"


def test_entry_is_read_as_it_was_written(ledger: Ledger) -> None:
    entry = Entry(
        table="a/flights",
        day=MONDAY,
        status=Status.STORED,
        reason="why",
        content_hash="c",
        rows=3,
        dead_letters=1,
        version=7,
        code_version="code",
        inputs_hash="inputs",
        run_id="run",
    )

    ledger.append([entry])

    found = ledger.latest("a/flights")[MONDAY]
    assert found.written_at is not None
    assert vars(found) | {"written_at": None} == vars(entry)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        pytest.param([MONDAY], [MONDAY], id="one"),
        pytest.param(["2013-07-06", "2013-07-10"], [], id="around but not among"),
        pytest.param([MONDAY, "2013-07-10"], [MONDAY], id="not those between"),
        pytest.param([], [], id="none"),
        pytest.param(None, [MONDAY, TUESDAY], id="all"),
    ],
)
def test_only_requested_days_are_returned(
    ledger: Ledger, days: list[str] | None, found: list[str]
) -> None:
    ledger.append([stored("a/flights", "one"), stored("a/flights", "two", TUESDAY)])

    assert sorted(ledger.latest("a/flights", days)) == found


def test_tables_do_not_mix(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one"), stored("a/weather", "two")])

    assert ledger.tables() == ["a/flights", "a/weather"]
    assert ledger.latest("a/weather")[MONDAY].content_hash == "two"


def test_reads_are_those_of_the_latest_entry(ledger: Ledger) -> None:
    ledger.append([stored("b/features", "x", reads=[read("a/flights", "old")])])
    now = [
        read("a/flights", "new"),
        read("a/weather", "", version=None),
        read("c/decision", "d", is_pinned=True),
    ]
    ledger.append([stored("b/features", "y", reads=now)])

    assert ledger.reads("b/features", [MONDAY, TUESDAY]) == {MONDAY: now, TUESDAY: []}


def test_reads_of_several_entries_are_kept_apart(ledger: Ledger) -> None:
    entries = [
        stored("b/features", "x", day, [read("a/flights", f"hash of {day}", day)])
        for day in (MONDAY, TUESDAY)
    ]
    ledger.append(entries)

    assert ledger.reads("b/features", [MONDAY, TUESDAY]) == {
        entry.day: [*entry.reads] for entry in entries
    }


def test_appending_nothing_does_nothing(ledger: Ledger) -> None:
    ledger.append([])

    assert ledger.tables() == []


def test_append_is_all_or_nothing(ledger: Ledger) -> None:
    unwritable = stored("a/flights", None, TUESDAY)  # type: ignore[arg-type]

    with pytest.raises(Exception, match="NOT NULL"):
        ledger.append([stored("a/flights", "one"), unwritable])

    assert ledger.latest("a/flights") == {}


def test_day_is_fresh_while_its_inputs_are_unchanged(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([stored("b/features", "x", reads=[read("a/flights", "one")])])
    ledger.append([stored("a/flights", "one", version=4)])

    assert stale(ledger, "b/features", [MONDAY]) == {}


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        pytest.param(
            stored("a/flights", "one"),
            stored("a/flights", "two"),
            "was one .* is two",
            id="changed",
        ),
        pytest.param(
            stored("a/flights", "one"),
            Entry("a/flights", MONDAY, Status.QUARANTINED),
            "was one .* is absent",
            id="vanished",
        ),
        pytest.param(
            stored("a/flights", "one"),
            Entry("a/flights", MONDAY, Status.WRITING, content_hash="one"),
            "was one .* is absent",
            id="being written",
        ),
        pytest.param(None, stored("a/flights", "one"), "was absent .* is one", id="arrived"),
    ],
)
def test_day_is_stale_when_its_input_changes(
    ledger: Ledger, was: Entry | None, becomes: Entry, message: str
) -> None:
    ledger.append([was] if was else [])
    seen = was.content_hash if was else ""
    ledger.append([stored("b/features", "x", reads=[read("a/flights", seen)])])

    ledger.append([becomes])

    (reason,) = stale(ledger, "b/features", [MONDAY]).values()
    assert reason.startswith(f"a/flights {MONDAY} ")
    assert re.search(message, reason)


def test_input_that_was_absent_and_still_is_makes_no_day_stale(ledger: Ledger) -> None:
    ledger.append([stored("b/features", "x", reads=[read("a/flights", "", version=None)])])

    assert stale(ledger, "b/features", [MONDAY]) == {}


def test_final_day_is_not_stale_and_does_not_hide_a_stale_one(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one"), stored("a/flights", "one", TUESDAY)])
    final = replace(stored("b/scores", "s", reads=[read("a/flights", "one")]), is_final=True)
    after = [read("b/scores", "s"), read("a/flights", "one", TUESDAY)]
    ledger.append([final, stored("c/report", "r", reads=after)])

    ledger.append([stored("a/flights", "two"), stored("a/flights", "two", TUESDAY)])

    assert stale(ledger, "b/scores", [MONDAY]) == {}
    assert [*stale(ledger, "c/report", [MONDAY])] == [MONDAY]


def test_change_two_levels_upstream_makes_a_day_stale(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([stored("b/features", "x", reads=[read("a/flights", "one")])])
    ledger.append([stored("c/dataset", "y", reads=[read("b/features", "x")])])
    ledger.append([stored("d/model", "z", reads=[read("c/dataset", "y")])])

    ledger.append([stored("a/flights", "two")])

    (reason,) = stale(ledger, "d/model", [MONDAY]).values()
    assert reason.startswith(f"c/dataset {MONDAY} is itself stale: b/features {MONDAY} is itself")
    assert "a/flights" in reason


def test_recomputing_the_stale_day_makes_its_dependents_fresh(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([stored("b/features", "x", reads=[read("a/flights", "one")])])
    ledger.append([stored("c/dataset", "y", reads=[read("b/features", "x")])])
    ledger.append([stored("a/flights", "two")])

    ledger.append([stored("b/features", "x", reads=[read("a/flights", "two")])])

    assert stale(ledger, "c/dataset", [MONDAY]) == {}


def test_only_the_days_that_read_the_changed_day_are_stale(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one"), stored("a/flights", "two", TUESDAY)])
    of_monday, of_tuesday = read("a/flights", "one"), read("a/flights", "two", TUESDAY)
    ledger.append(
        [
            stored("b/features", "x", MONDAY, [of_monday]),
            stored("b/features", "y", TUESDAY, [of_monday, of_tuesday]),
        ]
    )

    ledger.append([stored("a/flights", "three", TUESDAY)])

    assert [*stale(ledger, "b/features", [MONDAY, TUESDAY])] == [TUESDAY]


def test_table_that_reads_its_own_earlier_days_is_followed_to_the_first(ledger: Ledger) -> None:
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2013-01-01", "2013-12-31")]
    ledger.append([stored("a/flights", "one", days[0])])
    ledger.append([stored("b/state", "s", days[0], [read("a/flights", "one", days[0])])])
    ledger.append(
        [
            stored("b/state", "s", day, [read("b/state", "s", before)])
            for before, day in itertools.pairwise(days)
        ]
    )

    ledger.append([stored("a/flights", "two", days[0])])

    assert [*stale(ledger, "b/state", days)] == days


@pytest.mark.parametrize(
    ("is_pinned", "is_stale"),
    [pytest.param(True, False, id="pinned"), pytest.param(False, True, id="not pinned")],
)
def test_changed_inputs_of_a_pinned_input_do_not_make_a_day_stale(
    ledger: Ledger, is_pinned: bool, is_stale: bool
) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([stored("c/decision", "d", reads=[read("a/flights", "one")])])
    served = read("c/decision", "d", is_pinned=is_pinned)
    ledger.append([stored("d/predictions", "p", reads=[served])])
    ledger.append([stored("e/report", "r", reads=[read("d/predictions", "p")])])

    ledger.append([stored("a/flights", "two")])

    assert bool(stale(ledger, "d/predictions", [MONDAY])) is is_stale
    assert bool(stale(ledger, "e/report", [MONDAY])) is is_stale
    assert [*stale(ledger, "c/decision", [MONDAY])] == [MONDAY]


@pytest.mark.parametrize(
    ("becomes", "message"),
    [
        pytest.param(stored("c/decision", "e"), "was d .* is e now", id="another"),
        pytest.param(
            Entry("c/decision", MONDAY, Status.QUARANTINED), "was d .* is absent now", id="vanished"
        ),
    ],
)
def test_changed_pinned_input_makes_its_readers_stale(
    ledger: Ledger, becomes: Entry, message: str
) -> None:
    ledger.append([stored("c/decision", "d")])
    ledger.append([stored("d/predictions", "p", reads=[read("c/decision", "d", is_pinned=True)])])
    ledger.append([stored("e/report", "r", reads=[read("d/predictions", "p")])])

    ledger.append([becomes])

    (reason,) = stale(ledger, "d/predictions", [MONDAY]).values()
    assert re.search(message, reason)
    assert [*stale(ledger, "e/report", [MONDAY])] == [MONDAY]


def test_pinned_input_is_not_followed_even_in_a_circle(ledger: Ledger) -> None:
    pinned, not_pinned = read("c/decision", "d", is_pinned=True), read("b/report", "r")
    ledger.append([stored("b/report", "r", reads=[pinned])])
    ledger.append([stored("c/decision", "d", reads=[not_pinned])])

    assert stale(ledger, "b/report", [MONDAY]) == {}


def test_input_that_is_pinned_by_one_reader_makes_the_other_stale(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([stored("c/decision", "d", reads=[read("a/flights", "one")])])
    pinned, not_pinned = read("c/decision", "d", is_pinned=True), read("c/decision", "d")
    ledger.append(
        [
            stored("d/predictions", "p", MONDAY, [pinned]),
            stored("d/predictions", "q", TUESDAY, [not_pinned]),
        ]
    )

    ledger.append([stored("a/flights", "two")])

    assert [*stale(ledger, "d/predictions", [MONDAY, TUESDAY])] == [TUESDAY]


@pytest.mark.parametrize("status", list(Status))
def test_only_stored_days_are_usable(ledger: Ledger, status: Status) -> None:
    ledger.append([Entry("a/flights", MONDAY, status, content_hash="one")])

    usable = usable_hashes(ledger.latest("a/flights"))

    assert usable == ({MONDAY: "one"} if status is Status.STORED else {})


def test_a_day_being_written_again_is_not_usable(ledger: Ledger) -> None:
    ledger.append([stored("a/flights", "one")])
    ledger.append([Entry("a/flights", MONDAY, Status.WRITING)])

    assert usable_hashes(ledger.latest("a/flights")) == {}


def test_versions_read_are_those_of_old_entries_of_the_readers_too(ledger: Ledger) -> None:
    for content, version in (("x", 1), ("y", 3)):
        reads = [read("a/flights", content, version=version), read("a/weather", "w", version=9)]
        ledger.append([stored("c/dataset", content, reads=reads)])
    ledger.append([stored("b/other", "z", reads=[read("a/flights", "q", version=2)])])
    ledger.append([stored("c/dataset", "n", TUESDAY, [read("a/flights", "", version=None)])])

    assert ledger.versions_read("a/flights", ["c/dataset"]) == {1, 3}
    assert ledger.versions_read("a/flights", []) == set()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(inputs_hash("v1", [read("a/x", "1"), read("a/y", "2")]), True, id="equal"),
        pytest.param(inputs_hash("v1", [read("a/y", "2"), read("a/x", "1")]), True, id="any order"),
        pytest.param(
            inputs_hash("v1", [read("a/x", "1", version=8), read("a/y", "2")]),
            True,
            id="another table version of the same rows",
        ),
        pytest.param(
            inputs_hash("v1", [read("a/x", "1", is_pinned=True), read("a/y", "2")]),
            True,
            id="pinned",
        ),
        pytest.param(inputs_hash("v2", [read("a/x", "1"), read("a/y", "2")]), False, id="code"),
        pytest.param(inputs_hash("v1", [read("a/x", "1"), read("a/y", "3")]), False, id="content"),
        pytest.param(
            inputs_hash("v1", [read("a/x", "1"), read("a/y", "2", TUESDAY)]), False, id="day"
        ),
        pytest.param(inputs_hash("v1", [read("a/x", "1")]), False, id="fewer inputs"),
    ],
)
def test_inputs_hash_is_that_of_code_and_content(other: str, same: bool) -> None:
    assert (inputs_hash("v1", [read("a/x", "1"), read("a/y", "2")]) == other) is same


def test_accesses_with_one_connection_see_what_others_commit_between_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    own, other = Ledger(url), Ledger(url)

    with own.one_connection(), own.one_connection():
        assert own.latest("a/flights") == {}
        with ThreadPoolExecutor() as thread:
            thread.submit(other.append, [stored("a/flights", "theirs")]).result()
        assert own.latest("a/flights")[MONDAY].content_hash == "theirs"
        own.append([stored("a/flights", "own")])
        with ThreadPoolExecutor() as thread:
            assert thread.submit(other.latest, "a/flights").result()[MONDAY].content_hash == "own"

    assert {file.name for file in tmp_path.iterdir()} == {"ledger.db"}, "it is closed"


def test_an_error_with_one_connection_undoes_its_own_transaction_only(ledger: Ledger) -> None:
    unwritable = stored("a/flights", None, TUESDAY)  # type: ignore[arg-type]

    with ledger.one_connection():
        ledger.append([stored("a/flights", "one")])
        with pytest.raises(Exception, match="NOT NULL"):
            ledger.append([stored("a/flights", "two"), unwritable])
        assert ledger.latest("a/flights")[MONDAY].content_hash == "one"


def test_entries_of_concurrent_writers_are_all_stored(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    Ledger(url).tables()
    days = [f"2013-07-{number:02}" for number in range(1, 9)]

    def write(day: str) -> None:
        Ledger(url).append([stored("a/flights", day, day, [read("a/source", day, day)])])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, days))

    reads = Ledger(url).reads("a/flights", days)
    assert {day: [one.content_hash for one in of_day] for day, of_day in reads.items()} == {
        day: [day] for day in days
    }


OPENER = """
import sys
from ml_assets.ledger.ledger import Ledger
for url in map(str.strip, sys.stdin):
    try:
        print(Ledger(url).tables(), flush=True)
    except Exception as error:
        print(repr(error).splitlines()[0], flush=True)
"""


def opened_concurrently(files: Sequence[Path]) -> list[str]:
    """What three processes answer that open each of some ledgers together."""
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    answers = []
    for file in files:
        for opener in openers:
            print(f"sqlite:///{file}", file=opener.stdin, flush=True)
        answers += [opener.stdout.readline().strip() for opener in openers if opener.stdout]
    for opener in openers:
        opener.communicate()
    return answers


def test_processes_can_open_a_new_ledger_concurrently(tmp_path: Path) -> None:
    files = [tmp_path / str(number) / "ledger.db" for number in range(6)]

    answers = opened_concurrently(files)

    assert answers == ["[]"] * 3 * 6
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT count(*) FROM ledger_meta").fetchone() == (1,)


DAYS = [MONDAY, TUESDAY]


def test_the_schema_a_day_was_stored_with_is_kept_once_and_read_with_the_entry(
    ledger: Ledger,
) -> None:
    schema = '[["a","int64"]]'
    of_days = [Entry("a/t", day, Status.STORED, version=0, schema=schema) for day in DAYS]
    ledger.append(of_days)
    ledger.append([Entry("a/t", "2013-08-01", Status.STORED, version=1)])

    found = ledger.latest("a/t")

    assert [found[day].schema for day in [*DAYS, "2013-08-01"]] == [schema, schema, ""]
    with closing(sqlite3.connect(str(ledger.url.database))) as connection:
        assert connection.execute("SELECT columns FROM ledger_schemas").fetchall() == [(schema,)]


def test_entry_of_a_day_at_a_version_is_its_newest_stored_entry_until_then(
    ledger: Ledger,
) -> None:
    for version, content in enumerate(["one", "two", "three"]):
        ledger.append([Entry("a/t", MONDAY, Status.WRITING)])
        ledger.append(
            [Entry("a/t", MONDAY, Status.STORED, content_hash=content, version=2 * version)]
        )
    ledger.append([Entry("a/t", MONDAY, Status.QUARANTINED, content_hash="three", version=4)])

    found = [ledger.at_version("a/t", version, [MONDAY])[MONDAY] for version in range(6)]

    assert [entry.content_hash for entry in found] == ["one", "one", "two", "two", "three", "three"]
    assert ledger.at_version("a/t", 5, [TUESDAY]) == {}


def test_verified_files_of_a_day_are_recorded_with_their_content(ledger: Ledger) -> None:
    entry = Entry("a/t", MONDAY, Status.STORED, content_hash="one", version=0, files="f1")
    ledger.append([entry, entry])
    ledger.remember_files("a/t", [(MONDAY, "one", "f2"), (TUESDAY, "one", "f1")])
    ledger.remember_files("a/t", [(MONDAY, "one", "f2")])

    assert ledger.known_files("a/t", [MONDAY]) == {(MONDAY, "one", "f1"), (MONDAY, "one", "f2")}
    assert ledger.known_files("a/other", [MONDAY]) == ledger.known_files("a/t", []) == set()


def test_history_has_every_entry_of_a_day_with_its_reads(ledger: Ledger) -> None:
    first = Read("a/source", "2013-01-01", "aa", 1)
    second = Read("a/source", "2013-01-01", "bb", 2)
    for content, read in (("one", first), ("two", second)):
        ledger.append(
            [
                Entry("a/features", "2013-01-01", Status.WRITING),
                Entry(
                    "a/features",
                    "2013-01-01",
                    Status.STORED,
                    content_hash=content,
                    reads=[read],
                ),
            ]
        )

    found = ledger.history("a/features", "2013-01-01")

    assert [(entry.status, entry.content_hash) for entry in found] == [
        (Status.WRITING, ""),
        (Status.STORED, "one"),
        (Status.WRITING, ""),
        (Status.STORED, "two"),
    ]
    assert [list(entry.reads) for entry in found if entry.reads] == [[first], [second]]
    assert ledger.history("a/features", "2013-01-02") == []
    ledger.append([Entry("a/features", "2013-01-02", Status.SKIPPED)])
    days = [entry.day for entry in ledger.history("a/features")]
    assert days == ["2013-01-01"] * 4 + ["2013-01-02"]


def test_all_latest_is_the_latest_entry_of_each_day_with_its_reads(ledger: Ledger) -> None:
    read = Read("a/source", "2013-01-01", "aa", 1, is_pinned=True)
    ledger.append(
        [
            Entry("a/source", "2013-01-01", Status.STORED, content_hash="aa"),
            Entry("a/features", "2013-01-01", Status.STORED, content_hash="old", reads=[read]),
            Entry("a/features", "2013-01-01", Status.STORED, content_hash="new", reads=[read]),
        ]
    )

    found = {(entry.table, entry.content_hash): list(entry.reads) for entry in ledger.all_latest()}

    assert found == {("a/source", "aa"): [], ("a/features", "new"): [read]}


def test_begun_days_have_status_writing(ledger: Ledger) -> None:
    ledger.begin("a/features", [TUESDAY])
    ledger.begin("a/features", [MONDAY])

    found = ledger.history("a/features")

    assert [(entry.day, entry.status) for entry in found] == [
        (TUESDAY, Status.WRITING),
        (MONDAY, Status.WRITING),
    ]


def test_histories_of_days_are_those_of_each_day(ledger: Ledger) -> None:
    days = [MONDAY, "2013-07-10"]
    ledger.append([stored("a/features", "old", reads=[read("a/flights", "one")])])
    ledger.append([stored("a/features", "other", TUESDAY)])
    ledger.append([stored("a/features", "new", reads=[read("a/flights", "two")])])

    found = ledger.histories("a/features", days)

    assert found == {day: ledger.history("a/features", day) for day in days}
    assert [[item.content_hash for item in entry.reads] for entry in found[MONDAY]] == [
        ["one"], ["two"],
    ]  # fmt: skip
    assert ledger.histories("a/features", []) == {}
