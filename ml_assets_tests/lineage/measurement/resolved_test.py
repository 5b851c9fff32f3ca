"""Column lineage that is declared, measured or assumed: no answer misses a dependency."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.columns import columns_of, downstream
from ml_assets.lineage.graph import Graph
from ml_assets.lineage.impact import impact
from ml_assets.lineage.measurement.resolved import Basis, ColumnLineage, column_lineage
from ml_assets.provenance.measurements import Measurement
from ml_assets.provenance.provenance import ANY, Column

ORDERS, FEATURES, PLAIN = "sources/orders", "shop/features", "plain/table"
AMOUNT, STATE = (ORDERS, "amount"), (ORDERS, "state")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A source, and features of which one column declares its inputs."""
    made = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    made.provenance.record_columns(ORDERS, {"amount": [("db/orders", "amount")], "state": []})
    made.provenance.record_columns(
        FEATURES,
        {"declared": [AMOUNT], "open": [(ORDERS, ANY), (PLAIN, ANY)]},
    )
    store(made, "2024-01-01", "v1")
    return made


def store(lake: Lake, day: str, code: str) -> None:
    """Record a stored day of the features."""
    lake.ledger.append([Entry(FEATURES, day, Status.STORED, content_hash="f", code_version=code)])


def measured(
    lake: Lake, code: str, made_from: Mapping[str, Sequence[Column]] | None = None
) -> Measurement:
    """A recorded measurement of the features."""
    found = Measurement(
        table=FEATURES,
        code_version=code,
        partitions=["2024-01-01"],
        measured_at=datetime(2024, 1, 2, tzinfo=UTC),
        made_from=made_from or {"declared": [AMOUNT], "open": [STATE]},
        rows=[STATE],
        undetermined=[],
    )
    lake.measurements.record(found)
    return found


def of_open(lake: Lake) -> tuple[ColumnLineage, Sequence[Column], Basis]:
    """What is known of the column that declares nothing."""
    known = column_lineage(lake)
    return known, known.made_from[FEATURES, "open"], known.basis[FEATURES, "open"]


def test_before_a_measurement_every_column_of_every_input_counts(lake: Lake) -> None:
    known, sources, basis = of_open(lake)

    assert set(sources) == {AMOUNT, STATE, (PLAIN, ANY)}
    assert basis is Basis.ASSUMED
    assert known.basis[FEATURES, "declared"] is Basis.DECLARED
    assert known.assumed([FEATURES, ORDERS]) == [FEATURES]
    assert not known.measurements[FEATURES].is_stale


def test_any_column_of_an_input_without_recorded_columns_is_followed(lake: Lake) -> None:
    made_from = column_lineage(lake).made_from

    found = downstream(made_from, columns_of(made_from, f"{PLAIN}.whatever"))

    assert (FEATURES, "open") in found
    assert (FEATURES, "declared") not in found


def test_a_measurement_counts_for_columns_that_declare_nothing(lake: Lake) -> None:
    measurement = measured(lake, "v1", {"declared": [STATE], "open": [STATE]})

    known, sources, basis = of_open(lake)

    assert (list(sources), basis) == ([STATE], Basis.MEASURED)
    assert known.made_from[FEATURES, "declared"] == [AMOUNT]
    assert known.measurements[FEATURES].valid == [measurement]


def test_a_measurement_of_other_code_than_that_of_a_stored_day_is_stale(lake: Lake) -> None:
    measured(lake, "v1")
    store(lake, "2024-01-02", "v2")

    known, sources, basis = of_open(lake)

    assert basis is Basis.ASSUMED
    assert AMOUNT in sources
    assert known.measurements[FEATURES].is_stale


def test_days_of_two_codes_have_the_inputs_of_both(lake: Lake) -> None:
    measured(lake, "v1")
    store(lake, "2024-01-02", "v2")
    measured(lake, "v2", {"declared": [], "open": [AMOUNT]})

    assert set(of_open(lake)[1]) == {AMOUNT, STATE}


def test_the_newest_measurement_of_a_code_counts(lake: Lake) -> None:
    measured(lake, "v1")
    measured(lake, "v1", {"declared": [], "open": [AMOUNT]})

    assert of_open(lake)[1] == [AMOUNT]


def test_a_column_that_was_not_measured_is_assumed(lake: Lake) -> None:
    measured(lake, "v1", {"declared": []})

    assert of_open(lake)[2] is Basis.ASSUMED


def test_impact_of_a_column_names_tables_of_which_every_column_is_assumed(lake: Lake) -> None:
    order = Entry(ORDERS, "2024-01-01", Status.STORED, content_hash="o")
    read = Read(ORDERS, "2024-01-01", "o", 1)
    features = Entry(FEATURES, "2024-01-01", Status.STORED, content_hash="f", code_version="v1")
    lake.ledger.append([order, replace(features, reads=[read])])

    before = impact(lake, Graph.of(lake.ledger), ORDERS, "2024-01-01", "amount")
    measured(lake, "v1")
    after = impact(lake, Graph.of(lake.ledger), ORDERS, "2024-01-01", "amount")

    assert [(one.table, list(one.columns)) for one in before.tables] == [
        (FEATURES, ["declared", "open"])
    ]
    assert (before.assumed, after.assumed) == ([FEATURES], [])
    assert list(after.tables[0].columns) == ["declared"]
