"""Failed results of checks, one for each partition, which Dagster's public API returns for one check at a time."""

from dataclasses import dataclass

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


def failed_checks(instance: DagsterInstance) -> list[FailedCheck]:
    """Every partition whose latest result of a check is an error, by check and partition.

    Args:
        instance: where the results are recorded.
    """
    # Definitions load without Dagster's storage, which imports its migrations.
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as ChecksTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    later = ChecksTable.alias("later")
    is_repeated = sa.exists().where(
        later.c.asset_key == ChecksTable.c.asset_key,
        later.c.check_name == ChecksTable.c.check_name,
        sa.func.coalesce(later.c.partition, "") == sa.func.coalesce(ChecksTable.c.partition, ""),
        later.c.execution_status.in_(FINISHED),
        later.c.id > ChecksTable.c.id,
    )
    query = sa.select(ChecksTable.c.asset_key, ChecksTable.c.evaluation_event).where(
        ChecksTable.c.execution_status == CheckStatus.FAILED.value, ~is_repeated
    )
    with storage.index_connection() as connection:
        rows = connection.execute(query).all()
    found = [_failed(row.asset_key, row.evaluation_event) for row in rows]
    return sorted(filter(None, found), key=lambda one: (one.key, one.day))


def _failed(asset_key: str, event: str) -> FailedCheck | None:
    """The result in a stored event; None for a warning, and for a check that broke off without one."""
    data = deserialize_value(event, EventLogEntry).get_dagster_event().event_specific_data
    key = AssetKey.from_db_string(asset_key)
    if not isinstance(data, AssetCheckEvaluation) or key is None:
        return None
    if data.severity is not AssetCheckSeverity.ERROR:
        return None
    reason = data.metadata.get("reason")
    return FailedCheck(
        AssetCheckKey(key, data.check_name),
        data.partition or SNAPSHOT,
        str(reason.value) if reason else "failed",
    )
