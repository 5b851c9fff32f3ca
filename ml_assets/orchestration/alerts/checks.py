"""Source: checks of severity ERROR that fail on stored partitions."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.cadence import as_key
from ml_assets.lake.remedy import checks_command
from ml_assets.ledger.entries import Status, grouped
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.summary import spelled
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.checks.checks import VERDICT_ONLY
from ml_assets.orchestration.storage.check_results import LatestFailure, failed_checks


def verdicts(graph: Any) -> set[dg.AssetCheckKey]:
    """Checks whose failure is a valid result, such as that a gate blocks a release.

    Args:
        graph: the definitions' asset graph.
    """
    return {node.key for node in graph.asset_check_nodes if node.metadata.get(VERDICT_ONLY)}


def check_failed(
    instance: dg.DagsterInstance, ledger: Ledger, until: str, ignored: Collection[dg.AssetCheckKey]
) -> Iterator[Finding]:
    """One finding for each check that fails on stored partitions.

    Partitions that are quarantined or skipped fail every check; other sources tell of these.

    Args:
        instance: where the results are recorded.
        ledger: states of the partitions.
        until: last partition; later ones are ignored.
        ignored: checks whose failure is a valid result.
    """

    def may_be_told(failures: Sequence[LatestFailure]) -> Iterator[LatestFailure]:
        judged = [
            one
            for one in failures
            if one.key not in ignored and (not as_key(one.day) or one.day <= until)
        ]
        return _on_stored(ledger, judged)

    failed = failed_checks(instance, may_be_told)
    for key, of_check in grouped((one.key, one) for one in failed).items():
        table, days = table_name(key.asset_key), [one.day for one in of_check]
        yield Finding(
            kind="check_failed",
            pipeline=pipeline_of(table),
            subject=f"{table} {key.name}",
            message=f"{key.name} of {table} fails on {spelled(days)}: {of_check[-1].reason}",
            since=days[0],
            until=days[-1],
            command=checks_command(table, days[0], days[-1]),
        )


def _on_stored(ledger: Ledger, failures: Sequence[LatestFailure]) -> Iterator[LatestFailure]:
    """The results about partitions that are stored; the partitions of a table are looked up once."""
    of_table = grouped((table_name(one.key.asset_key), one) for one in failures)
    for table, results in of_table.items():
        latest = ledger.latest(table, sorted({one.day for one in results}))
        for one in results:
            if one.day in latest and latest[one.day].status is Status.STORED:
                yield one
