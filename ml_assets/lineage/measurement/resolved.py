"""Column lineage as it is known: declared, measured, or assumed.

A declared column depends on what its contract says. Of the others, a measurement of the code that
computed the stored partitions counts; without one, every column of every input does, so that no
dependency is missed. ``columns`` follows the result through several tables.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status, grouped
from ml_assets.provenance.measurements import Measurement
from ml_assets.provenance.provenance import ANY, Column


class Basis(StrEnum):
    """How the lineage of a column is known."""

    DECLARED = "declared"
    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class TableMeasurements:
    """The measurements of a table with columns that declare nothing.

    Attributes:
        valid: those of the code that computed its stored partitions; none if one is missing.
        newest: the newest of any code; None before the first.
    """

    valid: Sequence[Measurement]
    newest: Measurement | None

    @property
    def is_stale(self) -> bool:
        """Whether it was measured, but not with the code of all stored partitions."""
        return self.newest is not None and not self.valid


@dataclass(frozen=True)
class ColumnLineage:
    """Direct column lineage of all tables that were computed.

    Attributes:
        made_from: column → its direct input columns.
        basis: column → how they are known.
        measurements: table with columns that declare nothing → its measurements.
    """

    made_from: Mapping[Column, Sequence[Column]]
    basis: Mapping[Column, Basis]
    measurements: Mapping[str, TableMeasurements]

    def assumed(self, among: Collection[str]) -> list[str]:
        """Tables, of some, with a column of which every column of an input is assumed to be read."""
        found = {table for (table, _), basis in self.basis.items() if basis is Basis.ASSUMED}
        return sorted(found.intersection(among))


def column_lineage(lake: Lake) -> ColumnLineage:
    """The direct column lineage of all tables that were computed."""
    recorded = lake.provenance.columns()
    open_columns = [column for column, sources in recorded.items() if _is_open(sources)]
    measurements = {
        table: _measurements(lake, table) for table in sorted({table for table, _ in open_columns})
    }
    known = grouped(recorded)
    made_from: dict[Column, Sequence[Column]] = dict(recorded)
    basis = dict.fromkeys(recorded, Basis.DECLARED)
    for column in open_columns:
        measured = _measured(column, measurements[column[0]].valid)
        basis[column] = Basis.ASSUMED if measured is None else Basis.MEASURED
        made_from[column] = _every(recorded[column], known) if measured is None else measured
    return ColumnLineage(made_from, basis, measurements)


def _is_open(sources: Sequence[Column]) -> bool:
    return any(column == ANY for _, column in sources)


def _every(sources: Sequence[Column], known: Mapping[str, Sequence[str]]) -> list[Column]:
    """All recorded columns of the inputs; ``ANY`` of one that has none."""
    return [(table, column) for table, _ in sources for column in known.get(table, [ANY])]


def _measured(column: Column, measurements: Sequence[Measurement]) -> list[Column] | None:
    """The input columns of a column in any of some measurements; None if one does not have it."""
    found = [each.made_from.get(column[1]) for each in measurements]
    if not found or None in found:
        return None
    return sorted({source for sources in found for source in sources or ()})


def _measurements(lake: Lake, table: str) -> TableMeasurements:
    measured = lake.measurements.of_table(table)
    newest = next(reversed(measured.values()), None)
    entries = lake.ledger.latest(table).values()
    used = {entry.code_version for entry in entries if entry.status is Status.STORED}
    if not used:
        return TableMeasurements([newest] if newest else [], newest)
    is_complete = used <= measured.keys()
    return TableMeasurements(
        [measured[code] for code in sorted(used)] if is_complete else [], newest
    )
