"""A user's own ``@dg.asset`` that returns a DataFrame, through the project's IO manager."""

import json
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster import DagsterInstance

from ml_assets.cadence import Span
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake, Window
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY, contract_of
from ml_assets.orchestration.resources import resources
from ml_assets.orchestration.runs.runs import RunOutcome, materialize
from ml_assets.workspace import Workspace
from ml_assets_tests.orchestration import workload
from ml_assets_tests.orchestration.workload import CONTRACT, DAILY, DAYS, Numbers

THREE = Span(DAYS[0], DAYS[2])
FIRST = Span(DAYS[0], DAYS[0])
KEY = dg.AssetKey(["mine", "numbers"])
READER = dg.AssetKey(["mine", "reader"])

by_day: dict[str, Any] = {
    "partitions_def": DAILY,
    "backfill_policy": dg.BackfillPolicy.single_run(),
}


def rows(*values: tuple[str, object, object]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[DAY, "id", "value"])


GOOD = rows((DAYS[0], 1, 1.5), (DAYS[1], 2, 2.5), (DAYS[2], 3, 3.5))


def numbers(frame: pd.DataFrame, **changed: Any) -> dg.AssetsDefinition:
    """An asset that returns a frame; by day and with the contract unless reported otherwise."""
    arguments = {"key": KEY, "metadata": {CONTRACT_KEY: CONTRACT}, **by_day, **changed}

    @dg.asset(**arguments)
    def mine() -> pd.DataFrame:
        return frame

    return mine


def run(instance: DagsterInstance, span: Span | None, *assets: dg.AssetsDefinition) -> RunOutcome:
    definitions = dg.Definitions(
        assets=assets,
        resources=resources(),
        executor=dg.in_process_executor,
    )
    return materialize(definitions, instance, {asset.key for asset in assets}, span)


def stored(table: str = "mine/numbers") -> pd.DataFrame:
    return Workspace.of_environment().lake.read(table)


def test_frame_is_stored_by_day_with_the_types_of_its_contract(instance: DagsterInstance) -> None:
    text = GOOD.astype({"id": "str", "value": "str"}).assign(unasked="dropped")
    assert run(instance, THREE, numbers(text)).succeeded
    found = stored().sort_values(DAY, ignore_index=True)
    pd.testing.assert_frame_equal(found[GOOD.columns], GOOD, check_dtype=False)
    assert set(found.columns) == {DAY, "id", "value"}
    assert (found["id"].dtype, found["value"].dtype) == ("int64", "float64")


def test_frame_without_a_contract_is_stored_unchanged(instance: DagsterInstance) -> None:
    assert run(instance, THREE, numbers(GOOD, metadata={})).succeeded
    assert len(stored()) == 3


def test_frame_over_several_days_without_their_column_is_refused(instance: DagsterInstance) -> None:
    outcome = run(instance, THREE, numbers(GOOD.drop(columns=DAY)))
    (message,) = outcome.failed_steps.values()
    assert "mine/numbers returned rows for 3 days without a 'ds' column" in message
    assert not Workspace.of_environment().lake.exists("mine/numbers")


def test_frame_of_one_day_needs_no_day_column(instance: DagsterInstance) -> None:
    assert run(instance, FIRST, numbers(GOOD[:1].drop(columns=DAY))).succeeded
    assert stored()[DAY].tolist() == [DAYS[0]]


def test_frame_of_an_asset_without_days_is_a_snapshot(instance: DagsterInstance) -> None:
    asset = numbers(GOOD.drop(columns=DAY), partitions_def=None, backfill_policy=None)
    assert run(instance, None, asset).succeeded
    assert set(stored()[DAY]) == {SNAPSHOT}
    (event,) = workload.materializations(instance, KEY)
    assert event[0] is None
    assert event[1].tags["dagster/data_version"] == (
        Workspace.of_environment().lake.ledger.latest("mine/numbers")[SNAPSHOT].content_hash
    )


def test_frame_with_rows_outside_the_run_is_refused(instance: DagsterInstance) -> None:
    outcome = run(instance, FIRST, numbers(GOOD))
    (message,) = outcome.failed_steps.values()
    assert DAYS[1] in message
    assert "not among the days of this run" in message


def test_bad_rows_become_dead_letters_with_rule_and_source_row(instance: DagsterInstance) -> None:
    frame = rows((DAYS[0], 1, 1.0), (DAYS[0], 2, "ten"), (DAYS[1], 3, -3.0), (DAYS[1], 4, 4.0))
    assert run(instance, Span(DAYS[0], DAYS[1]), numbers(frame)).succeeded
    assert sorted(stored()["id"]) == [1, 4]
    letters = stored("mine/numbers_dead_letters").set_index("source_key")
    assert letters.loc["2", "rule"] == "value: must be float64"
    assert "greater_than_or_equal_to(0)" in letters.loc["3", "rule"]
    assert json.loads(letters.loc["2", "row"]) == {"id": 2, "value": "ten"}
    entries = Workspace.of_environment().lake.ledger.latest("mine/numbers")
    assert {day: (entry.rows, entry.dead_letters) for day, entry in entries.items()} == {
        DAYS[0]: (1, 1),
        DAYS[1]: (1, 1),
    }


def test_repaired_rows_remove_their_dead_letters(instance: DagsterInstance) -> None:
    run(instance, FIRST, numbers(rows((DAYS[0], 1, 1.0), (DAYS[0], 2, -2.0))))
    assert len(stored("mine/numbers_dead_letters")) == 1
    run(instance, FIRST, numbers(rows((DAYS[0], 1, 1.0), (DAYS[0], 2, 2.0))))
    assert stored("mine/numbers_dead_letters").empty
    assert len(stored()) == 2


def test_day_that_is_quarantined_keeps_no_rows_to_read(instance: DagsterInstance) -> None:
    run(instance, THREE, numbers(GOOD))
    run(instance, THREE, numbers(GOOD.assign(value=[1.5, -2.5, 3.5])))
    entry = Workspace.of_environment().lake.ledger.latest("mine/numbers")[DAYS[1]]
    assert entry.status is Status.QUARANTINED
    assert Workspace.of_environment().lake.window("mine/numbers", DAYS[:3]).hashes.keys() == {
        DAYS[0],
        DAYS[2],
    }


def test_rerun_with_rows_in_another_order_gives_the_same_versions(
    instance: DagsterInstance,
) -> None:
    many = pd.concat([GOOD, GOOD.assign(id=GOOD["id"] + 10)])
    run(instance, THREE, numbers(many))
    run(instance, THREE, numbers(many[::-1]))
    versions = [
        (day, event.tags["dagster/data_version"])
        for day, event in workload.materializations(instance, KEY)
    ]
    assert len(versions) == 6
    assert len(set(versions)) == 3


# ------------------------------------------------------------------ inputs


def test_input_annotated_window_is_passed_unread(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[object] = []

    @dg.asset(key=READER, ins={"numbers": dg.AssetIn(KEY)}, **by_day)
    def reader(numbers: Window) -> pd.DataFrame:
        arrived.append(numbers)
        return pd.DataFrame({DAY: list(numbers.hashes), "seen": 1})

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the input was read")

    monkeypatch.setattr(Lake, "read", refuse)
    assert run(instance, THREE, numbers(GOOD), reader).succeeded
    (window,) = arrived
    assert isinstance(window, Window)
    assert list(window.days) == DAYS[:3]
    assert window.hashes.keys() == set(DAYS[:3])


def test_input_annotated_frame_contains_the_days_of_the_run(instance: DagsterInstance) -> None:
    arrived: list[pd.DataFrame] = []

    @dg.asset(key=READER, ins={"numbers": dg.AssetIn(KEY)}, **by_day)
    def reader(numbers: pd.DataFrame) -> pd.DataFrame:
        arrived.append(numbers)
        return numbers

    run(instance, THREE, numbers(GOOD))
    run(instance, Span(DAYS[1], DAYS[2]), reader, numbers(GOOD[1:]))
    assert sorted(arrived[0][DAY]) == DAYS[1:3]
    assert set(arrived[0].columns) == {DAY, "id", "value"}


def test_input_metadata_selects_the_columns_to_read(instance: DagsterInstance) -> None:
    arrived: list[pd.DataFrame] = []

    @dg.asset(
        key=READER,
        ins={"numbers": dg.AssetIn(KEY, metadata={"columns": [DAY, "value"]})},
        **by_day,
    )
    def reader(numbers: pd.DataFrame) -> pd.DataFrame:
        arrived.append(numbers)
        return numbers

    assert run(instance, THREE, numbers(GOOD), reader).succeeded
    assert list(arrived[0].columns) == [DAY, "value"]


# ------------------------------------------------------------------ contracts


def test_contract_is_found_by_its_name() -> None:
    assert contract_of({CONTRACT_KEY: CONTRACT}) is Numbers
    assert contract_of({CONTRACT_KEY: dg.MetadataValue.text(CONTRACT)}) is Numbers
    assert contract_of({}) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("json.JSONDecoder", "is not a contract", id="no contract"),
        pytest.param("json.nothing", "cannot be imported", id="no such class"),
        pytest.param("nowhere.at_all.Numbers", "cannot be imported", id="no such module"),
        pytest.param("Numbers", "cannot be imported", id="no module"),
        pytest.param("", "cannot be imported", id="nothing"),
    ],
)
def test_invalid_contract_is_refused_by_name(name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}' {reason}"):
        contract_of({CONTRACT_KEY: name})
