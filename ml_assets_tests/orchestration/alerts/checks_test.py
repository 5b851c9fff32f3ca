"""Checks that fail: those of tables without partitions, too."""

from pathlib import Path

import dagster as dg
import pytest

from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.alerts.checks import check_failed
from ml_assets.orchestration.storage import check_results
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.conftest import Configure
from ml_assets_tests.orchestration.workload import DOUBLED, RAW


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


def test_only_results_that_may_be_told_are_read_as_a_whole(
    tmp_path: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.append([Entry("/".join(RAW.path), SNAPSHOT, Status.STORED)])
    names = ("valid", "told elsewhere", "repaired")
    read: list[str] = []
    deserialize = check_results.deserialize_value
    monkeypatch.setattr(
        check_results,
        "deserialize_value",
        lambda event, kind: read.append(event) or deserialize(event, kind),
    )
    with workload.instance(configure(postgres_url=""), workload.OURS) as instance:
        for table in (RAW, DOUBLED):
            for name in names:
                failed = dg.AssetCheckEvaluation(asset_key=table, check_name=name, passed=False)
                instance.report_runless_asset_event(failed)
            repaired = dg.AssetCheckEvaluation(asset_key=table, check_name="repaired", passed=True)
            instance.report_runless_asset_event(repaired)
        ignored = [dg.AssetCheckKey(RAW, "told elsewhere")]

        (found,) = check_failed(instance, ledger, "9999-12-31", ignored)

    assert found.subject.endswith(" valid")
    assert len(read) == 1
