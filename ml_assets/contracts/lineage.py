"""Column lineage: which columns of its inputs each column of a table is made from.

It is declared once, beside the contract's field, as ``"from": ["orders.amount", …]`` in the field's
metadata (``contract.made`` writes it): the last part of an input's name, and one of its columns. A contract that knows no
pipeline writes ``{names}`` instead, which stand for what the template says. What a field does not
say, the field of the same name in a base contract says. Following lineage through several tables
is in ``ml_assets.lineage.columns``.
"""

import inspect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from ml_assets.contracts.contract import FROM, Contract, columns
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.provenance.provenance import Column

SHOWN = 6
"""Columns that a description names."""

Names = Mapping[str, Sequence[str]]
"""Placeholder → what it stands for: names of columns or inputs, or whole references."""


def lineage(
    contract: type[Contract],
    inputs: Collection[str],
    names: Names | None = None,
    handed_on_by: str | None = None,
) -> dict[str, list[Column]]:
    """Column → the columns that it is directly made from.

    Args:
        contract: the table's contract.
        inputs: tables that it is made from.
        names: what the contract's placeholders stand for.
        handed_on_by: input from which the table takes columns as they are: those that the contract
            only inherits, and whose declaration names none of the table's inputs.

    Raises:
        ConfigurationError: a column says nothing, or names an input or a placeholder that there
            is not.
    """
    of_noun = {table.rpartition("/")[2]: table for table in inputs}
    own = inspect.get_annotations(contract)
    made_from: dict[str, list[Column]] = {}
    for name in columns(contract):
        declared = _declared(contract, name)
        place = f"Column '{name}' of {contract.__name__}"
        found = [
            reference.rpartition(".")[::2]
            for written in declared or ()
            for reference in _filled_in(written, names or {}, place)
        ]
        is_of_others = declared is None or (found and not {noun for noun, _ in found} & {*of_noun})
        if handed_on_by and name not in own and is_of_others:
            made_from[name] = [(handed_on_by, name)]
        elif declared is None:
            raise ConfigurationError(
                f"{place} does not say what it is made from. Add '{FROM}' to its metadata, an empty "
                "list for a constant."
            )
        else:
            made_from[name] = [
                (of_noun[_known("input", noun, of_noun, place)], column)
                for noun, column in dict.fromkeys(found)
            ]
    return made_from


def copied(contract: type[Contract], table: str) -> dict[str, list[Column]]:
    """The lineage of a table whose columns are those of the same name in another."""
    return {name: [(table, name)] for name in columns(contract)}


def in_words(sources: Sequence[Column]) -> str:
    """A sentence that says what a column is made from; empty for a constant."""
    if not sources:
        return ""
    shown = [f"{table.rpartition('/')[2]}.{column}" for table, column in sources[:SHOWN]]
    more = len(sources) - len(shown)
    return f"From {', '.join(shown)}{f' and {more} more' if more else ''}."


def _declared(contract: type[Contract], name: str) -> list[str] | None:
    for base in inspect.getmro(contract):
        field = columns(base).get(name) if issubclass(base, Contract) else None
        if field is not None and FROM in (field.metadata or {}):
            return list(field.metadata[FROM])
    return None


def _filled_in(reference: str, names: Names, place: str) -> Iterator[str]:
    """The reference with every combination of what its placeholders stand for."""
    placeholder = re.search(r"{(\w+)}", reference)
    if placeholder is None:
        yield reference
        return
    for value in names[_known("placeholder", placeholder[1], names, place)]:
        yield from _filled_in(reference.replace(placeholder[0], value), names, place)


def _known(what: str, name: str, known: Collection[str], place: str) -> str:
    if name in known:
        return name
    raise ConfigurationError(
        f"{place} is made from the {what} '{name}', which is none of {', '.join(sorted(known))}."
        f"{suggestion(name, known)}"
    )
