"""Measuring the column lineage of a computed table on stored rows, and comparing it with ``from``.

At most ``MAX_ROWS`` rows of each input are used, and the function is called a few times for each
column that it reads and once for each that it does not (``perturbation``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pandas as pd

from ml_assets.cadence import Span
from ml_assets.content import DAY
from ml_assets.contracts.contract import columns, is_keyed, key_columns
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import row_counts
from ml_assets.lineage.measurement.feature_function import FeatureFunction, in_own_partitions
from ml_assets.lineage.measurement.perturbation import Dependencies, dependencies
from ml_assets.provenance.code import known_code
from ml_assets.provenance.measurements import Measurement
from ml_assets.provenance.provenance import ANY, Column

MIN_PARTITIONS, MAX_PARTITIONS = 3, 48
"""Number of partitions that are computed unless the user names some."""

ENOUGH_ROWS = 1000
"""Number of output rows for which more than the fewest partitions are computed."""

MAX_ROWS = 10_000
"""Number of rows of an input; of more, rows at equal distances are used."""


@dataclass(frozen=True)
class MeasuredLineage:
    """A measurement and how it differs from what the contract declares.

    Attributes:
        measurement: the measurement.
        undeclared: column → input columns that change it and are not declared.
        unseen: column → declared input columns that did not change it.
        errors: undetermined input column → the error that its changes caused.
        computations: number of times that the function was called.
    """

    measurement: Measurement
    undeclared: Mapping[str, Sequence[Column]]
    unseen: Mapping[str, Sequence[Column]]
    errors: Mapping[Column, str]
    computations: int


def measured_lineage(
    lake: Lake, function: FeatureFunction, span: Span | None = None
) -> MeasuredLineage:
    """Measure the column lineage of a computed table.

    Args:
        lake: lake with the inputs.
        function: function of the table.
        span: partitions of which a few are computed; all stored ones when omitted.

    Raises:
        ConfigurationError: no input is stored, or the function cannot be measured.
    """
    chosen = _chosen(lake, function, span)
    frames = {name: _stored_rows(lake, function, name, chosen) for name in function.inputs}
    shown = columns(function.contract)
    key = key_columns(function.contract) if is_keyed(function.contract) else []
    found = dependencies(
        lambda changed: function.rows(chosen, changed).filter(items=[DAY, *shown]), frames, key
    )
    return compared(function, found, chosen)


def compared(
    function: FeatureFunction, found: Dependencies, partitions: Sequence[str]
) -> MeasuredLineage:
    """The measured lineage of a table's function, beside the lineage that its contract declares."""
    tables = {name: item.table for name, item in function.inputs.items()}
    seen = {
        name: sorted(
            {(tables[of], column) for (of, column), made in found.columns.items() if name in made}
        )
        for name in columns(function.contract)
    }
    errors = {(tables[of], column): error for (of, column), error in found.undetermined.items()}
    declared = {
        name: sources
        for name, sources in function.column_lineage.items()
        if not any(column == ANY for _, column in sources)
    }
    return MeasuredLineage(
        Measurement(
            table=function.table,
            code_version=function.code_version,
            partitions=partitions,
            measured_at=datetime.now(UTC),
            made_from=seen,
            rows=sorted({(tables[of], column) for of, column in found.rows}),
            undetermined=sorted(errors),
        ),
        undeclared=_not_in(seen, declared),
        unseen=_not_in(declared, {name: [*seen.get(name, ()), *errors] for name in declared}),
        errors=errors,
        computations=found.computations,
    )


def record(lake: Lake, function: FeatureFunction, measurement: Measurement) -> None:
    """Record a measurement, the code that was measured, and the table's declared lineage.

    So that no dependency is missed, every column is recorded as made from undetermined columns, too,
    and the key from the columns that decide which rows there are.
    """
    key = key_columns(function.contract) if is_keyed(function.contract) else []
    made_from = {
        name: sorted(
            {*sources, *measurement.undetermined, *(measurement.rows if name in key else ())}
        )
        for name, sources in measurement.made_from.items()
    }
    lake.provenance.record_columns(function.table, function.column_lineage)
    if code := known_code(measurement.code_version):
        lake.provenance.record_code(code)
    lake.measurements.record(replace(measurement, made_from=made_from))


def _not_in(
    one: Mapping[str, Sequence[Column]], other: Mapping[str, Sequence[Column]]
) -> dict[str, list[Column]]:
    """Column → sources that only the first has, for the columns that both have."""
    missing = {
        name: [source for source in one[name] if source not in other[name]]
        for name in one
        if name in other
    }
    return {name: sources for name, sources in missing.items() if sources}


def _chosen(lake: Lake, function: FeatureFunction, span: Span | None) -> list[str]:
    """Partitions at equal distances, of the table itself or, before it is stored, of an input."""
    dated = [item.table for item in function.inputs.values() if not item.is_snapshot]
    for table in (function.table, *dated):
        stored = row_counts(lake.ledger.latest(table))
        counts = {
            day: rows
            for day, rows in stored.items()
            if rows and (span is None or span.contains(day))
        }
        if counts:
            mean = sum(counts.values()) / len(counts)
            number = min(MAX_PARTITIONS, max(MIN_PARTITIONS, round(ENOUGH_ROWS / mean)))
            return _spread(sorted(counts), number)
    asked = f" in {span.first}...{span.last}" if span else ""
    raise ConfigurationError(
        f"No partition{asked} of {function.table} or of its inputs {', '.join(dated)} has stored rows to "
        "measure its column lineage with. Materialize some partitions first."
    )


def _spread(days: Sequence[str], number: int) -> list[str]:
    """At most so many days at equal distances, the last one among them."""
    step = max(1, len(days) / number)
    return sorted({days[len(days) - 1 - int(at * step)] for at in range(min(number, len(days)))})


def _stored_rows(
    lake: Lake, function: FeatureFunction, name: str, partitions: Sequence[str]
) -> pd.DataFrame:
    item = function.inputs[name]
    wanted = {*item.days_of_all(partitions)}
    days = [day for day in lake.days_stored(item.table) if day in wanted]
    if not days:
        raise ConfigurationError(
            f"{item.table} has no stored rows for {function.table} {partitions[0]} … "
            f"{partitions[-1]}. Materialize it first, or choose other partitions."
        )
    rows = in_own_partitions(lake.read(item.table, days), item)
    return rows.iloc[:: -(-len(rows) // MAX_ROWS) or 1].reset_index(drop=True)
