"""How a model uses the columns of its features: their roles and their groups in monitoring.

A column's role follows from its type: numbers and booleans are numeric, texts are categories, times
are ignored. Its field may say otherwise, see ``contract.used_as``: free text has the role ``text``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import get_args

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import (
    GROUP,
    ROLE,
    Contract,
    Group,
    Role,
    columns,
    dtype,
    type_name,
)
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion


@dataclass(frozen=True)
class FeatureColumns:
    """The columns that a model uses by default, in the contract's order.

    Attributes:
        numeric: numeric columns.
        categorical: text columns with categories.
        text: columns with free text.
    """

    numeric: Sequence[str]
    categorical: Sequence[str]
    text: Sequence[str]


def feature_columns(contract: type[Contract], others: Collection[str]) -> FeatureColumns:
    """The columns of a feature table that a model uses if its document names none.

    Args:
        contract: contract of the feature table.
        others: columns that are no features unless their field says so, such as the key.

    Raises:
        ConfigurationError: a field has an unknown role, or one that does not fit its type.
    """
    roles = {
        name: _declared_role(contract, name) or ("ignored" if name in others else _usual(column))
        for name, column in columns(contract).items()
    }

    def of_role(wanted: Role) -> list[str]:
        return [name for name, role in roles.items() if role == wanted]

    return FeatureColumns(of_role("numeric"), of_role("categorical"), of_role("text"))


def columns_of_group(contract: type[Contract], wanted: Group) -> list[str]:
    """The columns whose field has a monitoring group.

    Raises:
        ConfigurationError: a field has an unknown group.
    """
    groups = {name: _declared(contract, name, GROUP, get_args(Group)) for name in columns(contract)}
    return [name for name, group in groups.items() if group == wanted]


def is_text(column: pa.Column) -> bool:
    """Whether the values of a column are texts."""
    return isinstance(dtype(column), pd.StringDtype | pd.CategoricalDtype)


def _declared_role(contract: type[Contract], name: str) -> Role | None:
    role = _declared(contract, name, ROLE, get_args(Role))
    column = columns(contract)[name]
    fitting = "categorical" if role == "text" else role
    if fitting in {"numeric", "categorical"} and fitting != _usual(column):
        wanted = "numbers or booleans" if role == "numeric" else "texts"
        raise ConfigurationError(
            f"Column '{name}' of {contract.__name__} has the role '{role}' and the type "
            f"{type_name(column)}, expected {wanted}. Change its type in the contract, or its role."
        )
    return role  # type: ignore[return-value]


def _declared(contract: type[Contract], name: str, key: str, known: Sequence[str]) -> str | None:
    value = (columns(contract)[name].metadata or {}).get(key)
    if value is not None and value not in known:
        raise ConfigurationError(
            f"Column '{name}' of {contract.__name__} has the {key} '{value}', expected one of "
            f"{', '.join(known)}.{suggestion(str(value), known)}"
        )
    return value


def _usual(column: pa.Column) -> Role:
    """The role that follows from a column's type."""
    if pd.api.types.is_numeric_dtype(dtype(column)):
        return "numeric"
    return "categorical" if is_text(column) else "ignored"
