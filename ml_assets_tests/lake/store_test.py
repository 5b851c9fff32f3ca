"""Delta tables: one commit replaces exactly the named days, and old versions stay readable."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory
from threading import Barrier

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY, day_hashes
from ml_assets.errors import LakeMismatch, TerminalError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger

TABLE = "a/flights"
MONDAY, TUESDAY, WEDNESDAY = "2013-07-08", "2013-07-09", "2013-07-10"


def rows(day: str, *values: int) -> pd.DataFrame:
    """Rows of one day."""
    return pd.DataFrame({DAY: day, "value": pd.Series(values, dtype="int64")}).astype({DAY: "str"})


def values_of(lake: Lake, version: int | None = None) -> dict[str, list[int]]:
    """Day → sorted values of a table."""
    found = lake.read(TABLE, version=version)
    return {day: sorted(group["value"]) for day, group in found.groupby(DAY)}


def test_each_overwrite_is_one_commit(lake: Lake) -> None:
    first = lake.write(
        TABLE, pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]), [MONDAY, TUESDAY]
    ).version
    second = lake.write(
        TABLE, pd.concat([rows(MONDAY, 3), rows(TUESDAY, 4)]), [MONDAY, TUESDAY]
    ).version

    assert second == first + 1
    assert values_of(lake) == {MONDAY: [3], TUESDAY: [4]}


def test_only_the_named_days_are_replaced(lake: Lake) -> None:
    lake.write(TABLE, pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]), [MONDAY, TUESDAY])

    lake.write(TABLE, rows(MONDAY, 7, 8), [MONDAY])

    assert values_of(lake) == {MONDAY: [7, 8], TUESDAY: [2]}


def test_named_day_without_rows_becomes_empty(lake: Lake) -> None:
    lake.write(TABLE, pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]), [MONDAY, TUESDAY])

    lake.write(TABLE, rows(MONDAY, 5), [MONDAY, TUESDAY])

    assert values_of(lake) == {MONDAY: [5]}


def test_writing_no_rows_creates_the_table_with_empty_days(lake: Lake) -> None:
    lake.write(TABLE, rows(MONDAY), [MONDAY])

    assert lake.exists(TABLE)
    assert values_of(lake) == {}


def test_rows_outside_the_named_days_are_refused(lake: Lake) -> None:
    lake.write(TABLE, rows(MONDAY, 1), [MONDAY])

    with pytest.raises(TerminalError, match=TUESDAY):
        lake.write(TABLE, pd.concat([rows(MONDAY, 2), rows(TUESDAY, 3)]), [MONDAY])

    assert values_of(lake) == {MONDAY: [1]}


def test_old_version_is_read_as_it_was(lake: Lake) -> None:
    first = lake.write(TABLE, rows(MONDAY, 1), [MONDAY]).version
    second = lake.write(TABLE, rows(MONDAY, 2), [MONDAY]).version

    assert values_of(lake, version=first) == {MONDAY: [1]}
    assert values_of(lake, version=second) == values_of(lake) == {MONDAY: [2]}


def test_only_requested_days_and_columns_are_read(lake: Lake) -> None:
    both = pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]).assign(other="x")
    lake.write(TABLE, both, [MONDAY, TUESDAY])

    found = lake.read(TABLE, [TUESDAY, WEDNESDAY], columns=["value"])

    pd.testing.assert_frame_equal(found, pd.DataFrame({"value": [2]}))


def test_types_and_content_survive_storing(lake: Lake) -> None:
    frame = pd.DataFrame(
        {
            DAY: pd.Series([MONDAY, MONDAY], dtype="str"),
            "text": pd.Series(["é", None], dtype="str"),
            "count": pd.Series([2**62, -1], dtype="int64"),
            "number": [0.1, None],
            "flag": [True, False],
            "moment": pd.to_datetime(["2013-11-03 05:30", None], utc=True).as_unit("us"),
        }
    )
    lake.write(TABLE, frame, [MONDAY])

    found = lake.read(TABLE)[[*frame.columns]]

    assert [*found.dtypes] == [*frame.dtypes]
    assert day_hashes(found, [MONDAY]) == day_hashes(frame, [MONDAY])


@pytest.mark.parametrize(
    "version", [pytest.param(None, id="no table"), pytest.param(0, id="no version")]
)
def test_missing_table_is_named_in_the_error(lake: Lake, version: int | None) -> None:
    assert not lake.exists(TABLE)
    with pytest.raises(LakeMismatch, match=TABLE):
        lake.read(TABLE, version=version)


def test_unknown_version_is_named_in_the_error(lake: Lake) -> None:
    version = lake.write(TABLE, rows(MONDAY, 1), [MONDAY]).version

    with pytest.raises(LakeMismatch, match=f"version {version + 5}"):
        lake.read(TABLE, version=version + 5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../outside", id="leaves the lake"),
        pytest.param("/etc", id="absolute"),
        pytest.param("A/b", id="upper case"),
        pytest.param("a//b", id="empty part"),
        pytest.param("", id="empty"),
        pytest.param("a/b\n", id="line end"),
    ],
)
def test_unusable_table_name_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(TerminalError, match="lower-case words"):
        lake.open(name)


def entry(day: str, status: Status, content: str = "hash") -> Entry:
    """A ledger entry of the table."""
    return Entry(TABLE, day, status, content_hash=content)


@pytest.mark.parametrize(
    "status", [status for status in Status if status is not Status.STORED], ids=str
)
def test_window_leaves_days_out_that_are_not_stored(lake: Lake, status: Status) -> None:
    version = lake.write(
        TABLE, pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]), [MONDAY, TUESDAY]
    ).version
    lake.ledger.append([entry(MONDAY, Status.STORED), entry(TUESDAY, status)])

    window = lake.window(TABLE, [MONDAY, TUESDAY])

    assert window.hashes == {MONDAY: "hash"}
    assert [*window.read()["value"]] == [1]
    assert lake.days_stored(TABLE) == [MONDAY]
    assert window.reads() == [
        Read(TABLE, MONDAY, "hash", version),
        Read(TABLE, TUESDAY, "", version),
    ]


def test_window_reads_the_version_it_was_opened_at(lake: Lake) -> None:
    lake.write(TABLE, rows(MONDAY, 1), [MONDAY])
    lake.ledger.append([entry(MONDAY, Status.STORED)])
    window = lake.window(TABLE, [MONDAY])

    lake.write(TABLE, rows(MONDAY, 2), [MONDAY])

    assert [*window.read()["value"]] == [1]


def test_window_gives_its_rows_in_the_order_they_were_written(lake: Lake) -> None:
    days = [f"2013-07-{number:02}" for number in range(1, 31)]
    written = pd.concat([rows(day, *range(50)) for day in days], ignore_index=True)
    lake.write(TABLE, written, days)
    lake.ledger.append([entry(day, Status.STORED) for day in days])

    window = lake.window(TABLE, days)

    for _ in range(3):
        pd.testing.assert_frame_equal(window.read()[[*written.columns]], written)


def test_window_reads_only_requested_days(lake: Lake) -> None:
    lake.write(TABLE, pd.concat([rows(MONDAY, 1), rows(TUESDAY, 2)]), [MONDAY, TUESDAY])
    lake.ledger.append([entry(MONDAY, Status.STORED), entry(TUESDAY, Status.STORED)])

    window = lake.window(TABLE, [MONDAY, TUESDAY])

    assert [*window.read(days=[TUESDAY])["value"]] == [2]


@pytest.mark.parametrize(
    "written", [pytest.param(False, id="no table"), pytest.param(True, id="no day")]
)
def test_window_without_a_stored_day_cannot_be_read(lake: Lake, written: bool) -> None:
    if written:
        lake.write(TABLE, rows(MONDAY, 1), [MONDAY])

    with pytest.raises(LakeMismatch, match="has no stored day"):
        lake.window(TABLE, [MONDAY]).read()


DAY_NAMES = st.sampled_from([MONDAY, TUESDAY, WEDNESDAY])
CONTENT = st.dictionaries(DAY_NAMES, st.lists(st.integers(0, 9), min_size=1, max_size=3))


@settings(deadline=None, max_examples=10)
@given(CONTENT, st.lists(DAY_NAMES, min_size=1, unique=True), CONTENT)
def test_overwriting_random_days_is_idempotent(
    before: dict[str, list[int]], days: list[str], drawn: dict[str, list[int]]
) -> None:
    content = {day: values for day, values in drawn.items() if day in days}
    frame = pd.concat([rows(MONDAY), *[rows(day, *values) for day, values in content.items()]])
    with TemporaryDirectory() as folder:
        lake = Lake(folder, Ledger("sqlite://"))
        lake.write(
            TABLE,
            pd.concat([rows(MONDAY), *[rows(day, *values) for day, values in before.items()]]),
            [MONDAY, TUESDAY, WEDNESDAY],
        )
        lake.write(TABLE, frame, days)
        once = values_of(lake)
        lake.write(TABLE, frame, days)
        twice = values_of(lake)

    others = {day: sorted(values) for day, values in before.items() if day not in days}
    assert once == twice == others | {day: sorted(values) for day, values in content.items()}


def together(*calls: Callable[[], object]) -> list[object]:
    """Results of calls that start at the same moment, each in its thread."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def writer(lake: Lake, day: str, *values: int) -> Callable[[], object]:
    """A call that overwrites one day through its own view of the lake."""
    return lambda: Lake(lake.uri, lake.ledger).write(TABLE, rows(day, *values), [day])


EXISTS = pytest.mark.parametrize(
    "before",
    [
        pytest.param({}, id="no table yet"),
        pytest.param({WEDNESDAY: [0]}, id="no rows yet"),
        pytest.param({MONDAY: [0], TUESDAY: [0], WEDNESDAY: [0]}, id="rows to replace"),
    ],
)


@EXISTS
def test_concurrent_writers_of_different_days_all_succeed(
    lake: Lake, before: dict[str, list[int]]
) -> None:
    for day, values in before.items():
        lake.write(TABLE, rows(day, *values), [day])

    together(writer(lake, MONDAY, 1), writer(lake, TUESDAY, 2))

    assert values_of(lake) == before | {MONDAY: [1], TUESDAY: [2]}


@EXISTS
def test_writers_of_the_same_day_leave_the_rows_of_one(
    lake: Lake, before: dict[str, list[int]]
) -> None:
    for day, values in before.items():
        lake.write(TABLE, rows(day, *values), [day])

    together(*[writer(lake, MONDAY, number, number + 10) for number in (1, 2, 3)])

    after = values_of(lake)
    assert after.pop(MONDAY) in [[1, 11], [2, 12], [3, 13]]
    assert after == {day: values for day, values in before.items() if day != MONDAY}


WRITER = """
import sys
import pandas as pd
from ml_assets.ledger.ledger import Ledger
from ml_assets.lake.store import Lake
from ml_assets.workspace import Workspace
lake, day, first = Lake(sys.argv[1], Ledger("sqlite://")), sys.argv[2], int(sys.argv[3])
lake.open("a/flights")
print("ready", flush=True)
sys.stdin.readline()
for value in range(first, first + 5):
    rows = pd.DataFrame({"ds": [day], "value": [value]}).astype({"ds": "str"})
    lake.write("a/flights", rows, [day])
"""


def processes(lake: Lake, *arguments: tuple[str, int]) -> None:
    """Run a process for each day and first value, all starting to write at the same moment."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, lake.uri, day, str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for day, first in arguments
    ]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers:
        print(file=process.stdin, flush=True)
    for process in writers:
        process.communicate()
    assert [process.returncode for process in writers] == [0] * len(writers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            [(MONDAY, 1), (TUESDAY, 10)], [{MONDAY: [5], TUESDAY: [14]}], id="different days"
        ),
        pytest.param([(MONDAY, 1), (MONDAY, 10)], [{MONDAY: [5]}, {MONDAY: [14]}], id="same day"),
    ],
)
def test_processes_that_overwrite_repeatedly(
    lake: Lake, arguments: list[tuple[str, int]], expected: list[dict[str, list[int]]]
) -> None:
    processes(lake, *arguments)

    assert values_of(lake) in expected


def test_a_new_column_is_added_and_older_days_have_none(lake: Lake) -> None:
    lake.write("t/evolving", _frame({"ds": ["2013-01-01"], "a": [1]}), ["2013-01-01"])
    lake.write("t/evolving", _frame({"ds": ["2013-01-02"], "a": [2], "b": ["new"]}), ["2013-01-02"])
    lake.write("t/evolving", _frame({"ds": ["2013-01-03"], "a": [3]}), ["2013-01-03"])

    rows = lake.read("t/evolving")

    assert rows["a"].tolist() == [1, 2, 3]
    assert rows["b"].isna().tolist() == [True, False, True]


def test_a_column_of_another_type_is_refused_with_a_remedy(lake: Lake) -> None:
    lake.write("t/evolving", _frame({"ds": ["2013-01-01"], "a": [1]}), ["2013-01-01"])

    with pytest.raises(LakeMismatch, match="materialize all its days again"):
        lake.write("t/evolving", _frame({"ds": ["2013-01-02"], "a": ["x"]}), ["2013-01-02"])

    assert lake.read("t/evolving")["a"].tolist() == [1]


def _frame(columns: dict[str, list[object]]) -> pd.DataFrame:
    return pd.DataFrame(columns).astype({"ds": "str"})
