"""What ``ml-assets lineage`` shows: the lineage of columns, how it is known, and what was measured."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from ml_assets.ledger.entries import grouped
from ml_assets.lineage.columns import downstream, origins
from ml_assets.lineage.measurement.measuring import MeasuredLineage
from ml_assets.lineage.measurement.resolved import Basis, ColumnLineage
from ml_assets.provenance.measurements import Measurement
from ml_assets.provenance.provenance import Column
from ml_assets.release.approvals.approvals import format_time, short_hash

RELATIONS = ("made_from", "comes_from", "goes_into")


def relations(known: ColumnLineage, column: Column) -> dict[str, Any]:
    """What a column is made from and goes into, and how its inputs are known, as plain values."""
    made_from = known.made_from
    found: dict[str, Any] = {
        "made_from": grouped(sorted(made_from.get(column, ()))),
        "comes_from": grouped(sorted(origins(made_from, [column]))),
        "goes_into": grouped(sorted(downstream(made_from, [column]) - {column})),
    }
    basis = known.basis.get(column)
    if basis is None:
        return found
    found["basis"] = {"known": basis.value}
    if basis is not Basis.DECLARED:
        measured = known.measurements[column[0]]
        used = measured.valid or ([measured.newest] if measured.newest else [])
        found["basis"] |= {"is_stale": measured.is_stale, "measured": list(map(_when, used))}
    return found


def as_text(name: str, found: Mapping[str, Any], width: int) -> str:
    """The same as text."""
    lines = [name]
    for relation in RELATIONS:
        tables = found[relation]
        lines += [f"  {relation.replace('_', ' ')}{'' if tables else ': nothing'}"]
        if relation == "made_from" and "basis" in found:
            lines += _wrapped(_how_known(name.partition(".")[0], found["basis"]), width)
        for table, names in tables.items():
            lines += _wrapped(f"{table}: {', '.join(names)}", width)
    return "\n".join(lines)


def print_measured(found: MeasuredLineage, console: Console) -> None:
    """A measurement, and how it differs from what is declared."""
    measurement = found.measurement
    _line(
        console,
        f"[bold]{measurement.table}[/bold]: measured on {_partitions(measurement.partitions)}, code "
        f"{short_hash(measurement.code_version)}, {found.computations} computations",
    )
    for name, sources in found.undeclared.items():
        _line(console, f"[red]not declared[/red]: {name} changes with {_listed(sources)}")
    for name, sources in found.unseen.items():
        _line(console, f"declared, but not seen to matter: {name} from {_listed(sources)}")
    for column, error in found.errors.items():
        _line(
            console,
            f"not determined: {_listed([column])} is read, but each change of it is an error "
            f"({escape(error)})",
        )
    if measurement.rows:
        _line(console, f"rows appear or vanish with {_listed(measurement.rows)}")
    if found.undeclared:
        names = ", ".join(found.undeclared)
        _line(
            console,
            f"Next: add what is missing to 'from' in the contract, or remove 'from', of {names}",
        )
    else:
        _line(
            console,
            "[green]Every dependency that was seen is declared, or its column declares none.[/green]",
        )


def as_plain(found: MeasuredLineage) -> dict[str, Any]:
    """The same as plain values."""
    return {
        **asdict(found.measurement),
        "undeclared": found.undeclared,
        "unseen": found.unseen,
        "errors": {_listed([column]): error for column, error in found.errors.items()},
        "computations": found.computations,
    }


def _how_known(table: str, basis: Mapping[str, Any]) -> str:
    if basis["known"] == Basis.DECLARED:
        return "(declared)"
    command = f"ml-assets lineage {table} --measure"
    measured = "; ".join(
        f"{format_time(each['measured_at'])} on {_partitions(each['partitions'])}, code "
        f"{short_hash(each['code_version'])}"
        for each in basis["measured"]
    )
    if basis["known"] == Basis.MEASURED:
        return f"(measured {measured})"
    if basis["is_stale"]:
        return f"(assumed: every column; the code changed since it was measured {measured}. Run {command})"
    return f"(assumed: every column; not measured yet. Run {command})"


def _when(measurement: Measurement) -> dict[str, Any]:
    return {
        "measured_at": measurement.measured_at,
        "partitions": measurement.partitions,
        "code_version": measurement.code_version,
    }


def _partitions(names: Sequence[str]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{len(names)} partitions {names[0]} … {names[-1]}"


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(f"{table}.{column}" for table, column in columns)


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * 4,
        subsequent_indent=" " * 6,
        break_on_hyphens=False,
        break_long_words=False,
    )
