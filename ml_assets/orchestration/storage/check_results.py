"""Failed results of checks, one for each partition, which Dagster's public API returns for one check at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    EventLogEntry,
)
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as CheckStatus,
)
from dagster._serdes import deserialize_value

from ml_assets.content import SNAPSHOT

FINISHED = (CheckStatus.SUCCEEDED.value, CheckStatus.FAILED.value)

RESULTS_AT_ONCE = 500
"""Results of one query; databases limit the number of its parameters."""


@dataclass(frozen=True)
class LatestFailure:
    """The latest result of a check for a partition, which failed with any severity; its event is not read yet.

    Attributes:
        key: the check.
        day: the partition, or the snapshot's name.
        number: number of the result.
    """

    key: AssetCheckKey
    day: str
    number: int


@dataclass(frozen=True)
class FailedCheck:
    """The latest result of a check for a partition, which failed with severity ERROR.

    Attributes:
        key: the check.
        day: the partition, or the snapshot's name.
        reason: why it failed.
    """

    key: AssetCheckKey
    day: str
    reason: str


Choice = Callable[[Sequence[LatestFailure]], Iterable[LatestFailure]]


def failed_checks(instance: DagsterInstance, choose: Choice = list) -> list[FailedCheck]:
    """Every partition whose latest result of a check is an error, by check and partition.

    Args:
        instance: where the results are recorded.
        choose: returns the results whose events are read.
    """
    chosen = {one.number: one for one in choose(_latest_failures(instance))}
    found = [
        FailedCheck(chosen[number].key, chosen[number].day, reason)
        for number, event in _events(instance, [*chosen])
        if (reason := _error_reason(event)) is not None
    ]
    return sorted(found, key=lambda one: (one.key, one.day))


def _latest_failures(instance: DagsterInstance) -> list[LatestFailure]:
    # Definitions load without Dagster's storage, which imports its migrations.
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as ChecksTable

    later = ChecksTable.alias("later")
    is_repeated = sa.exists().where(
        later.c.asset_key == ChecksTable.c.asset_key,
        later.c.check_name == ChecksTable.c.check_name,
        sa.func.coalesce(later.c.partition, "") == sa.func.coalesce(ChecksTable.c.partition, ""),
        later.c.execution_status.in_(FINISHED),
        later.c.id > ChecksTable.c.id,
    )
    columns = (ChecksTable.c[name] for name in ("id", "asset_key", "check_name", "partition"))
    query = sa.select(*columns).where(
        ChecksTable.c.execution_status == CheckStatus.FAILED.value, ~is_repeated
    )
    return [
        LatestFailure(AssetCheckKey(key, row.check_name), row.partition or SNAPSHOT, row.id)
        for row in _rows(instance, query)
        if (key := AssetKey.from_db_string(row.asset_key)) is not None
    ]


def _events(instance: DagsterInstance, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Number and stored event of some results."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as ChecksTable

    for start in range(0, len(numbers), RESULTS_AT_ONCE):
        is_wanted = ChecksTable.c.id.in_(numbers[start : start + RESULTS_AT_ONCE])
        query = sa.select(ChecksTable.c.id, ChecksTable.c.evaluation_event).where(is_wanted)
        yield from ((row.id, row.evaluation_event) for row in _rows(instance, query))


def _rows(instance: DagsterInstance, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        return connection.execute(query).all()


def _error_reason(event: str) -> str | None:
    """Why a check failed; None for a warning, and for a check that broke off without a result."""
    data = deserialize_value(event, EventLogEntry).get_dagster_event().event_specific_data
    if not isinstance(data, AssetCheckEvaluation):
        return None
    if data.severity is not AssetCheckSeverity.ERROR:
        return None
    reason = data.metadata.get("reason")
    return str(reason.value) if reason else "failed"
