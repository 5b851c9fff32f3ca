"""Column lineage: the input columns of each column of a table.

It is declared in the metadata of the contract's field as ``"from": ["orders.amount", …]`` (see
``contract.computed``): the last part of an input's name, or all of it, and one of its columns. A contract that is
used by several pipelines contains placeholders such as ``{key}``, which the template replaces. A
field without ``from`` inherits it from the field of the same name in a base contract. Tables that
are computed by a function may leave it out: ``ml_assets.lineage.measurement.measuring`` finds it out.
``ml_assets.lineage.columns`` follows lineage through several tables.
"""

import inspect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

from ml_assets.contracts.contract import FROM, Contract, columns
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.provenance.provenance import ANY, Column

SHOWN = 6
"""Maximum number of columns in a description."""

Names = Mapping[str, Sequence[str]]
"""Placeholder → its values: names of columns or inputs, or whole references."""


def lineage(
    contract: type[Contract],
    inputs: Collection[str],
    names: Names | None = None,
    passed_on_by: str | None = None,
    *,
    is_optional: bool = False,
    known: Mapping[str, Collection[str]] | None = None,
) -> dict[str, list[Column]]:
    """Column → its direct input columns.

    Args:
        contract: the table's contract.
        inputs: input tables.
        names: values of the contract's placeholders.
        passed_on_by: input whose columns the table takes unchanged: those that the contract only
            inherits, and whose declaration refers to none of the table's inputs.
        is_optional: a column that declares nothing depends on ``ANY`` column of every input.
        known: input table → its columns, of those that are known.

    Raises:
        ConfigurationError: a column declares no inputs, or an unknown input, column or placeholder.
    """
    of_name = {table.rpartition("/")[2]: table for table in inputs} | {one: one for one in inputs}
    own = inspect.get_annotations(contract)
    found: dict[str, list[Column]] = {}
    filled_in: dict[str, list[tuple[str, str]]] = {}
    for name in columns(contract):
        declared = _declarations(contract).get(name)
        place = f"Column '{name}' of {contract.__name__}"
        for template in declared or ():
            if template not in filled_in:
                filled_in[template] = [*_references(template, names or {}, place)]
        references = [reference for template in declared or () for reference in filled_in[template]]
        is_of_others = declared is None or (
            references and not {noun for noun, _ in references} & {*of_name}
        )
        if passed_on_by and name not in own and is_of_others:
            found[name] = [(passed_on_by, name)]
        elif declared is None and is_optional:
            found[name] = [(table, ANY) for table in inputs]
        elif declared is None:
            raise ConfigurationError(
                f"{place} does not declare its input columns. Add '{FROM}' to its metadata, an "
                "empty list for a constant."
            )
        else:
            found[name] = [
                _input_column(noun, column, of_name, known or {}, place)
                for noun, column in dict.fromkeys(references)
            ]
    return found


def copied_lineage(contract: type[Contract], table: str) -> dict[str, list[Column]]:
    """The lineage of a table whose columns are copies of those of the same name in another."""
    return {name: [(table, name)] for name in columns(contract)}


def lineage_description(sources: Sequence[Column]) -> str:
    """A sentence with the input columns of a column, of large tables their number; empty for a constant."""
    if any(column == ANY for _, column in sources):
        tables = ", ".join(table for table, _ in sources)
        return f"From any column of {tables}: its contract does not declare which."
    of_table: dict[str, list[str]] = {}
    for table, column in sources:
        of_table.setdefault(table, []).append(column)
    shown = [
        f"{len(names)} columns of {table}"
        if len(names) > SHOWN
        else ", ".join(f"{table}.{name}" for name in names)
        for table, names in of_table.items()
    ]
    return f"From {'; '.join(shown)}." if shown else ""


@cache
def _declarations(contract: type[Contract]) -> Mapping[str, Sequence[str]]:
    """Column → the input columns that it declares, itself or in the nearest class that it inherits from."""
    return {
        name: list(field.metadata[FROM])
        for base in reversed(inspect.getmro(contract))
        if issubclass(base, Contract)
        for name, field in columns(base).items()
        if FROM in (field.metadata or {})
    }


def _references(template: str, names: Names, place: str) -> Iterator[tuple[str, str]]:
    """Input and column of a reference, with every combination of its placeholders' values."""
    placeholder = re.search(r"{(\w+)}", template)
    if placeholder is None:
        noun, _, column = template.rpartition(".")
        yield noun, column
        return
    for value in names[_known("placeholder", placeholder[1], names, place)]:
        yield from _references(template.replace(placeholder[0], value), names, place)


def _input_column(
    noun: str,
    column: str,
    of_name: Mapping[str, str],
    known: Mapping[str, Collection[str]],
    place: str,
) -> Column:
    """A column of an input that a field refers to by the last part of its name, or all of it."""
    if noun not in of_name:
        _known("input", noun, [name for name in of_name if "/" not in name], place)
    table = of_name[noun]
    if table in known:
        _known(f"column of {table}", column, known[table], place)
    return table, column


def _known(what: str, name: str, known: Collection[str], place: str) -> str:
    if name in known:
        return name
    raise ConfigurationError(
        f"{place} refers in '{FROM}' to the unknown {what} '{name}'. Known: {', '.join(sorted(known))}."
        f"{suggestion(name, known)}"
    )
