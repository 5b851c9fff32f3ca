"""Checks that fail: those of tables without partitions, too."""

from pathlib import Path

import dagster as dg

from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.alerts.checks import check_failed
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.conftest import Configure
from ml_assets_tests.orchestration.workload import RAW


def test_a_failed_check_of_a_stored_snapshot_is_a_finding(
    tmp_path: Path, configure: Configure
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    table = "/".join(RAW.path)
    with workload.instance(configure(postgres_url=""), workload.OURS) as instance:
        result = dg.AssetCheckEvaluation(asset_key=RAW, check_name="valid", passed=False)
        instance.report_runless_asset_event(result)

        before = [*check_failed(instance, ledger, "9999-12-31", ())]
        ledger.append([Entry(table, SNAPSHOT, Status.STORED)])
        (found,) = check_failed(instance, ledger, "9999-12-31", ())

    assert before == []
    assert found.subject == f"{table} valid"
