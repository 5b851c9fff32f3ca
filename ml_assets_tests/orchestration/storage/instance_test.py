"""Our SQLite event log stores the same as stock Dagster's, and Postgres returns the same.

Two proofs: a workload of whole runs, once on each storage, compared after replacing what differs
between any two runs; and the same events, given to both, compared column by column as they are.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import hypothesis
import pytest
import sqlalchemy.exc
from dagster import DagsterEventType, DagsterInstance, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    StepMaterializationData,
)
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from hypothesis import strategies as st

from ml_assets.orchestration.runs.runs import materialize, run_checks
from ml_assets.orchestration.storage.instance import BatchingSqliteEventLogStorage
from ml_assets.settings import settings
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.conftest import Configure
from ml_assets_tests.orchestration.workload import (
    BAD_DAY,
    BROKEN,
    DAYS,
    PLAIN,
    RAW,
    SIGHTING,
    SPAN,
    TABLES,
)

Rows = list[dict[str, Any]]
Files = dict[str, dict[str, Rows]]

CHECK_KEYS = [
    dg.AssetCheckKey(key, name)
    for key in sorted(TABLES)
    for name in ("meets_contract", "no_dead_letters", "rows_match_data_version")
]


# ------------------------------------------------------------------ whole runs on each storage


@dataclass(frozen=True)
class Stored:
    """An instance after the workload."""

    instance: DagsterInstance
    files: Path
    run_ids: Sequence[str]


def run_workload(instance: DagsterInstance) -> list[str]:
    """Every kind of run there is, then runless events; returns the run ids in order."""
    source = workload.Source()
    definitions = workload.definitions(source)
    runs = [
        materialize(definitions, instance, {*TABLES, PLAIN}, SPAN),
        materialize(definitions, instance, {SIGHTING}, SPAN),
    ]
    source.values[BAD_DAY] = [1.0]
    source.values[DAYS[5]] = [4.0]
    runs.append(materialize(definitions, instance, TABLES, SPAN))
    runs.append(run_checks(definitions, instance, CHECK_KEYS, SPAN))
    runs.append(materialize(definitions, instance, {BROKEN}, SPAN))
    for event in (
        dg.AssetMaterialization(RAW, partition=DAYS[0], tags={"by": "hand"}),
        dg.AssetObservation(RAW, partition=DAYS[1], tags={"by": "hand"}),
        dg.AssetCheckEvaluation(
            asset_key=RAW, check_name="meets_contract", passed=True, partition=DAYS[2]
        ),
    ):
        instance.report_runless_asset_event(event)
    assert [run.succeeded for run in runs] == [False, True, True, True, False]
    return [run.run_id for run in runs]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Stored]]:
    """The workload on stock Dagster and on ours."""
    root = tmp_path_factory.mktemp("instance")
    with ExitStack() as opened, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ML_ASSETS_POSTGRES_URL", "")
        environment.setenv("ML_ASSETS_LAKE", "")
        found = {}
        for name, storage, batch in (("stock", None, None), ("ours", workload.OURS, "500")):
            environment.setenv("ML_ASSETS_DATA", str(root / name))
            if batch is None:
                environment.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
            else:
                environment.setenv("DAGSTER_EVENT_BATCH_SIZE", batch)
            settings.cache_clear()
            instance = opened.enter_context(workload.instance(root / name, storage))
            run_ids = run_workload(instance)
            (index,) = (root / name).rglob("index.db")
            found[name] = Stored(instance, index.parent, run_ids)
        yield found
    settings.cache_clear()


@pytest.mark.slow
def test_workload_batching_stores_every_row_that_stock_stores(
    stored: Mapping[str, Stored],
) -> None:
    expected, found = (normalised(stored[name]) for name in ("stock", "ours"))
    runs = stored["stock"].run_ids
    assert expected.keys() == {f"run-{number}" for number in range(len(runs))} | {"index", ".db"}
    assert_equal_files(found, expected)


def test_workload_rerun_adds_no_second_row_for_a_check_day_and_run(
    stored: Mapping[str, Stored],
) -> None:
    rows = read_tables(stored["ours"].files / "index.db")["asset_check_executions"]
    keys = [(row["asset_key"], row["check_name"], row["partition"], row["run_id"]) for row in rows]
    three_runs, runless = 3 * len(CHECK_KEYS) * len(DAYS), 1
    assert len(keys) == len(set(keys)) == three_runs + runless
    assert {row["execution_status"] for row in rows} == {"SUCCEEDED", "FAILED"}


def test_workload_queries_return_the_same_as_stock(stored: Mapping[str, Stored]) -> None:
    expected, found = (answers(stored[name].instance) for name in ("stock", "ours"))
    assert found == expected
    assert found["latest"][RAW.to_user_string()][0] == DAYS[0]
    assert len(found["checks"]) == 3 * len(CHECK_KEYS) * len(DAYS) + 1


@pytest.mark.slow
def test_workload_queries_on_postgres_return_the_same_as_on_sqlite(
    stored: Mapping[str, Stored],
    configure: Configure,
    postgres_url: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert postgres_url.startswith("postgresql://")
    home = configure("postgres", postgres_url=postgres_url)
    with workload.instance(home, workload.OURS) as instance:
        run_workload(instance)
        found = answers(instance)
    assert found == answers(stored["ours"].instance)
    assert not list(home.rglob("*.db")), "nothing may go to SQLite"
    assert "Falling back" not in capfd.readouterr().err


def answers(instance: DagsterInstance) -> dict[str, Any]:
    """Results of Dagster's queries on the workload, without run ids, storage ids and times."""
    log = instance.event_log_storage
    keys = sorted(instance.get_asset_keys())
    latest = log.get_latest_materialization_events(keys)
    return {
        "latest": {
            key.to_user_string(): (event.asset_materialization.partition, version_of(event))
            for key, event in latest.items()
            if event and event.asset_materialization
        },
        "materializations": [
            (key.to_user_string(), day, event.tags.get("dagster/data_version"), str(event.metadata))
            for key in keys
            for day, event in workload.materializations(instance, key)
        ],
        "partitions": {
            key.to_user_string(): sorted(log.get_materialized_partitions(key)) for key in keys
        },
        "status": {key.to_user_string(): status(instance, key) for key in sorted(TABLES)},
        "versions": {
            key.to_user_string(): {
                day: tags["dagster/data_version"]
                for day, tags in log.get_latest_tags_by_partition(
                    key, DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
                ).items()
            }
            for key in keys
        },
        "checks": [
            (str(key), record.partition, record.status.value, verdict(record.event))
            for key in CHECK_KEYS
            for record in log.get_asset_check_execution_history(key, limit=1000)
        ],
        "check partitions": sorted(
            (str(info.check_key), str(info.partition_key), info.latest_execution_status.value)
            for info in log.get_asset_check_partition_info(CHECK_KEYS)
        ),
        "latest checks": {
            str(key): (record.partition, record.status.value)
            for key, record in log.get_latest_asset_check_execution_by_key(CHECK_KEYS).items()
        },
    }


def version_of(event: EventLogEntry) -> str | None:
    materialization = event.asset_materialization
    return (materialization.tags or {}).get("dagster/data_version") if materialization else None


def status(instance: DagsterInstance, key: dg.AssetKey) -> dict[str, Sequence[str]]:
    """The partition bar of the UI."""
    from dagster._core.storage.partition_status_cache import (
        get_and_update_asset_status_cache_value,
    )

    value = get_and_update_asset_status_cache_value(
        instance, key, workload.DAILY, loading_context=LoadingContextForTest(instance)
    )
    assert value is not None
    return {
        AssetPartitionStatus.MATERIALIZED.value: sorted(
            value.deserialize_materialized_partition_subsets(workload.DAILY).get_partition_keys()
        ),
        AssetPartitionStatus.FAILED.value: sorted(
            value.deserialize_failed_partition_subsets(workload.DAILY).get_partition_keys()
        ),
    }


def verdict(event: EventLogEntry | None) -> tuple[bool, str]:
    assert event is not None
    evaluation = event.get_dagster_event().asset_check_evaluation_data
    return evaluation.passed, str(evaluation.metadata)


# ------------------------------------------------------------------ the same events to each storage

KINDS = ("planned", "materialized", "observed", "check planned", "evaluated")
OTHER_KINDS = ("step", "message")
RUN = "0a0a0a0a-0000-4000-8000-000000000001"
OTHER_RUN = "0a0a0a0a-0000-4000-8000-000000000002"

REFUSALS = (sqlalchemy.exc.IntegrityError, dg.DagsterInvariantViolationError)
"""What stock raises when a check was planned twice; it has then stored a part of the event."""


def planned_days(day: str) -> PartitionsSubset:
    subset = workload.DAILY.subset_with_partition_keys([day, DAYS[-1]])
    return subset.to_serializable_subset()


def entry(
    kind: str,
    number: int = 0,
    *,
    run_id: str = RUN,
    asset: str = "a",
    day: str | None = DAYS[0],
    passed: bool = True,
) -> EventLogEntry:
    """An event as a run logs it; its number gives its moment and its content."""
    key = dg.AssetKey([asset])
    tags = {"dagster/data_version": f"v{number}", "mine": str(number)}
    subset = None if day is None else planned_days(day)
    of_kind: dict[str, tuple[DagsterEventType, Any]] = {
        "planned": (
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            AssetMaterializationPlannedData(key, day),
        ),
        "materialized": (
            DagsterEventType.ASSET_MATERIALIZATION,
            StepMaterializationData(dg.AssetMaterialization(key, partition=day, tags=tags), []),
        ),
        "observed": (
            DagsterEventType.ASSET_OBSERVATION,
            AssetObservationData(dg.AssetObservation(key, partition=day, tags=tags)),
        ),
        "check planned": (
            DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
            AssetCheckEvaluationPlanned(
                asset_key=key, check_name="check", partitions_subset=subset
            ),
        ),
        "evaluated": (
            DagsterEventType.ASSET_CHECK_EVALUATION,
            dg.AssetCheckEvaluation(
                asset_key=key, check_name="check", passed=passed, partition=day,
                metadata={"number": number},
            ),
        ),
        "step": (DagsterEventType.STEP_START, None),
    }  # fmt: skip
    event = None
    if kind != "message":
        event_type, data = of_kind[kind]
        event = DagsterEvent(event_type.value, "job", event_specific_data=data, step_key="step")
    return EventLogEntry(
        error_info=None,
        level=10,
        user_message=f"number {number}",
        run_id=run_id,
        timestamp=1_700_000_000.5 + number,
        step_key="step",
        job_name="job",
        dagster_event=event,
    )


@dataclass(frozen=True)
class Storages:
    """A stock and a batching event log, both empty at first."""

    stock: SqliteEventLogStorage
    ours: BatchingSqliteEventLogStorage

    @classmethod
    def create(cls, folder: Path) -> "Storages":
        return cls(
            SqliteEventLogStorage(str(folder / "stock")),
            BatchingSqliteEventLogStorage(str(folder / "ours")),
        )

    def store(self, *batches: Sequence[EventLogEntry]) -> None:
        """Store batches: ours as an instance does, stock singly where ours takes them at once."""
        for batch in batches:
            (store_singly if is_stored_at_once(batch) else store_batch)(self.stock, batch)
            store_batch(self.ours, batch)

    def assert_equal(self) -> None:
        """Every row of every table, moments of events included."""
        stock, ours = (comparable(Path(log._base_dir)) for log in (self.stock, self.ours))
        assert_equal_files(ours, stock)


def is_stored_at_once(batch: Sequence[EventLogEntry]) -> bool:
    others = (None, DagsterEventType.STEP_START)
    of_one_run = len({event.run_id for event in batch}) == 1
    return of_one_run and all(event.dagster_event_type not in others for event in batch)


def store_batch(log: SqliteEventLogStorage, batch: Sequence[EventLogEntry]) -> None:
    """As an instance does: singly, from the first, when the batch is refused."""
    try:
        log.store_event_batch(batch)
    except REFUSALS:
        store_singly(log, batch)


def store_singly(log: SqliteEventLogStorage, events: Sequence[EventLogEntry]) -> None:
    for event in events:
        try:
            log.store_event(event)
        except REFUSALS:
            continue


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files of two empty storages, to be copied: making one takes a while."""
    folder = tmp_path_factory.mktemp("empty")
    created = Storages.create(folder)
    for log in (created.stock, created.ours):
        for run_id in (RUN, OTHER_RUN):
            with log.run_connection(run_id):
                pass
    return folder


@pytest.fixture
def copies(empty: Path, tmp_path: Path) -> Iterator[Callable[[], Storages]]:
    """Makes fresh pairs of storages."""

    def create() -> Storages:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return Storages.create(Path(shutil.copytree(empty, folder)))

    return create


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> list[EventLogEntry]:
    """The events that were stored singly, by either storage."""
    events: list[EventLogEntry] = []
    store_event = SqliteEventLogStorage.store_event

    def record(self: SqliteEventLogStorage, event: EventLogEntry) -> None:
        events.append(event)
        store_event(self, event)

    monkeypatch.setattr(SqliteEventLogStorage, "store_event", record)
    return events


def entries(kinds: Sequence[str], run_ids: Sequence[str]) -> st.SearchStrategy[EventLogEntry]:
    return st.builds(
        entry,
        st.sampled_from(kinds),
        st.integers(0, 1000),
        run_id=st.sampled_from(run_ids),
        asset=st.sampled_from("ab"),
        day=st.sampled_from([*DAYS[:2], None]),
        passed=st.booleans(),
    )


batches = st.one_of(
    st.lists(entries(["evaluated"], [RUN]), min_size=1, max_size=8),
    st.lists(entries(KINDS, [RUN]), min_size=1, max_size=8),
    st.lists(entries(KINDS, [""]), min_size=1, max_size=4),
    st.lists(entries(KINDS + OTHER_KINDS, [RUN, OTHER_RUN]), min_size=1, max_size=4),
)


@hypothesis.settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(stream=st.lists(batches, min_size=1, max_size=5))
def test_events_any_batches_are_stored_as_stock_stores_them_singly(
    copies: Callable[[], Storages], stream: list[list[EventLogEntry]]
) -> None:
    storages = copies()
    storages.store(*stream)
    storages.assert_equal()


@pytest.mark.parametrize("kind", KINDS)
def test_events_one_batch_of_a_kind_is_stored_at_once(
    copies: Callable[[], Storages], single: list[EventLogEntry], kind: str
) -> None:
    events = [
        entry(kind, number, asset=asset, day=DAYS[number], passed=number % 2 == 0)
        for number in range(9 if kind != "check planned" else 1)
        for asset in "ab"
    ]
    storages = copies()
    storages.store(events)
    storages.assert_equal()
    assert single == events, "stock stores each of them once, ours none"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([entry("materialized", 1), entry("step", 2)], id="a kind it does not know"),
        pytest.param([entry("materialized", 1), entry("message", 2)], id="a log message"),
        pytest.param(
            [entry("materialized", 1), entry("materialized", 2, run_id=OTHER_RUN)], id="two runs"
        ),
    ],
)
def test_events_batch_with_other_events_is_stored_by_stock(
    copies: Callable[[], Storages], single: list[EventLogEntry], events: list[EventLogEntry]
) -> None:
    storages = copies()
    storages.store(events)
    storages.assert_equal()
    assert single == events * 2, "each storage stores each of them once"


def test_events_evaluation_updates_its_planned_row_and_a_repeated_one_updates_it_again(
    copies: Callable[[], Storages],
) -> None:
    storages = copies()
    storages.store(
        [entry("check planned", 0)],
        [entry("evaluated", 1, passed=False), entry("evaluated", 2, day=DAYS[-1], passed=False)],
        [entry("evaluated", 3), entry("evaluated", 4, day=DAYS[1])],
        [entry("evaluated", 5, day=DAYS[2], passed=False), entry("evaluated", 6, day=DAYS[2])],
    )
    storages.assert_equal()
    rows = read_tables(Path(storages.ours._base_dir) / "index.db")["asset_check_executions"]
    assert {row["partition"]: row["execution_status"] for row in rows} == {
        DAYS[0]: "SUCCEEDED",
        DAYS[-1]: "FAILED",
        DAYS[1]: "SUCCEEDED",
        DAYS[2]: "SUCCEEDED",
    }
    assert len(rows) == 4


def test_events_runless_evaluation_never_updates_the_row_of_an_earlier_one(
    copies: Callable[[], Storages],
) -> None:
    storages = copies()
    for passed in (True, False):
        days = (DAYS[0], DAYS[1])
        storages.store([entry("evaluated", run_id="", day=day, passed=passed) for day in days])
    storages.assert_equal()


def test_events_planned_evaluations_are_stored_with_one_statement(
    copies: Callable[[], Storages], monkeypatch: pytest.MonkeyPatch
) -> None:
    storages = copies()
    storages.store([entry("check planned", 0), entry("check planned", 1, asset="b")])
    alone: list[EventLogEntry] = []
    monkeypatch.setattr(
        storages.ours, "store_asset_check_event", lambda event, _: alone.append(event)
    )
    storages.store(
        [
            entry("evaluated", number, asset=asset, day=day, passed=number % 2 == 0)
            for asset in "ab"
            for number, day in enumerate([DAYS[0], DAYS[-1], DAYS[0]], start=2)
        ]
    )
    storages.assert_equal()
    assert not alone


def test_events_evaluation_of_two_planned_rows_is_refused_as_stock_refuses_it(
    copies: Callable[[], Storages],
) -> None:
    storages = copies()
    storages.store([entry("check planned", 0, day=None)], [entry("check planned", 1, day=None)])
    for log in (storages.stock, storages.ours):
        with pytest.raises(dg.DagsterInvariantViolationError, match="Updated 2 rows"):
            log.store_event_batch([entry("evaluated", 2, day=None)] * 2)


def test_events_failed_batch_stores_nothing_so_single_storing_adds_no_duplicates(
    copies: Callable[[], Storages], monkeypatch: pytest.MonkeyPatch
) -> None:
    storages = copies()

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(BatchingSqliteEventLogStorage, "_store_asset_event_tags", fail)
        with pytest.raises(sqlite3.OperationalError):
            storages.ours.store_event_batch([entry("materialized", 1), entry("materialized", 2)])
    storages.assert_equal()


# ------------------------------------------------------------------ reading what is stored


def read_files(folder: Path) -> Files:
    """File → table → rows as stored, in the order of their ids."""
    return {path.stem: read_tables(path) for path in folder.glob("*.db")}


def read_tables(path: Path) -> dict[str, Rows]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: [
                dict(row)
                for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall()
            ]
            for (name,) in names
            if not name.startswith("sqlite_")
        }


def assert_equal_files(found: Files, expected: Files) -> None:
    assert found.keys() == expected.keys()
    for file, tables in expected.items():
        assert found[file].keys() == tables.keys()
        for table, rows in tables.items():
            assert found[file][table] == rows, f"{file}: {table}"


def comparable(folder: Path) -> Files:
    """All rows, without the moments the database sets itself and the numbers of assets."""
    return {
        file: {
            table: unnumbered(
                table,
                [
                    {
                        k: v
                        for k, v in row.items()
                        if k not in ("create_timestamp", "migration_completed")
                    }
                    for row in rows
                ],
            )
            for table, rows in tables.items()
        }
        for file, tables in read_files(folder).items()
    }


def unnumbered(table: str, rows: Rows) -> Rows:
    """As stored; the ids of assets say only which asset of a batch was seen first."""
    if table != "asset_keys":
        return rows
    without = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    return sorted(without, key=lambda row: str(row["asset_key"]))


MOMENTS = {
    "timestamp", "event_timestamp", "evaluation_event_timestamp", "create_timestamp",
    "last_materialization_timestamp", "migration_completed",
}  # fmt: skip
"""Columns that hold a moment."""


HOLD_A_MOMENT = {"EventLogEntry", "AssetCheckEvaluationTargetMaterializationData"}
"""Parts of an event whose timestamp is a moment."""


def normalised(stored: Stored) -> Files:
    """Without moments, durations and run ids, which differ between any two runs."""
    names = {run_id: f"run-{number}" for number, run_id in enumerate(stored.run_ids)}
    return {
        names.get(file, file): {
            table: unnumbered(table, [_row(row, names) for row in rows])
            for table, rows in tables.items()
        }
        for file, tables in read_files(stored.files).items()
    }


def _row(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        column: "…" if column in MOMENTS and value is not None else _value(value, names)
        for column, value in row.items()
    }


def _value(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value.startswith('{"__class__"'):
        return _event(json.loads(value), names)
    return names.get(value, value)


def _event(value: Any, names: Mapping[str, str]) -> Any:
    """An event, or a part of one, without what differs between any two runs."""
    if isinstance(value, list):
        return [_event(part, names) for part in value]
    if isinstance(value, dict):
        varying = {"log_key", "duration_ms"}
        if value.get("__class__") in HOLD_A_MOMENT:
            varying.add("timestamp")
        return {key: "…" if key in varying else _event(part, names) for key, part in value.items()}
    if isinstance(value, str):
        return re.sub(r"\b[\d.]+m?s\b", "…", names.get(value, value))
    return value
