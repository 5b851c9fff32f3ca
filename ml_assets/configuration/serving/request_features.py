"""How the features of a pipeline's requests are found, from the section ``serving`` of its document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.configuration.objects import load_contract, load_object
from ml_assets.configuration.parameters import named_arguments, refuse_parameters
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.configuration.serving.online_tables import ContractedTable, online_table
from ml_assets.contracts.contract import Contract, columns, dtype, type_name
from ml_assets.contracts.row_rules import row_checks
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.online.request_features import Computation, RequestFeatures, series

MOMENT = pd.DatetimeTZDtype("us", "UTC")
"""Type of the time as of which features are requested."""

Types = Mapping[str, Any]
"""Column → its type."""


def request_features(
    config: BatchPredictionsConfiguration, file: Path | None = None
) -> RequestFeatures:
    """How the features of a pipeline's requests are found.

    Args:
        config: its configuration.
        file: a file outside the project that may define its tables, too.

    Raises:
        ConfigurationError: a feature is found nowhere, or in two places; a lookup, the function or
            its parameters do not fit.
    """
    serving, features = config.serving, config.specification.features
    if serving.request is None:
        return RequestFeatures((), features)
    requested = _Requested.of(config, load_contract(serving.request))
    lookups = [online_table(table, file) for table in serving.lookups]
    looked_up = _looked_up(requested, lookups)
    computation = None
    if serving.function:
        known = {**looked_up, **requested.types}
        computation = _computation(config, serving.function, requested, known)
        _refuse_computed_twice(requested.where, serving.function, computation, looked_up)
    computed = computation.features if computation else ()
    found = {*requested.types, *looked_up, *computed}
    if missing := [name for name in features if name not in found]:
        raise ConfigurationError(
            f"{requested.where} does not say where {', '.join(missing)} comes from: it is no column of "
            f"{requested.contract.__name__}, which is the contract of a request, nor of a lookup, and no "
            "function returns it. Add it to one of them."
        )
    return RequestFeatures(tuple(table.online for table in lookups), features, computation)


@dataclass(frozen=True)
class _Requested:
    """The contract of a request, with the pipeline's name for messages."""

    where: str
    contract: type[Contract]

    @classmethod
    def of(cls, config: BatchPredictionsConfiguration, contract: type[Contract]) -> "_Requested":
        where, known = f"'serving' of {config.pipeline} in defs.yaml", columns(contract)
        for name in [*config.join_keys, *config.segments]:
            if name not in known:
                raise ConfigurationError(
                    f"{where} cannot be used: {contract.__name__} lacks {name}, which is in join_keys or "
                    "segments. A request has these columns, as its prediction is found by them."
                    f"{suggestion(name, known)}"
                )
        row_checks(contract)
        return cls(where, contract)

    @property
    def types(self) -> Types:
        return {name: dtype(column) for name, column in columns(self.contract).items()}


def _looked_up(requested: _Requested, lookups: list[ContractedTable]) -> Types:
    """The columns of all lookups that are no entity and no event time.

    Raises:
        ConfigurationError: an entity cannot be identified by a request, or a column is in two
            lookups, or has two types.
    """
    types: dict[str, Any] = {}
    tables: dict[str, str] = {}
    for lookup in lookups:
        online, of_table = lookup.online, columns(lookup.contract)
        for name in online.entity:
            _refuse_other_type(requested, lookup, name, needs=True)
        for name in of_table.keys() - {*online.entity, online.event_time}:
            _refuse_other_type(requested, lookup, name)
            if name in types:
                raise ConfigurationError(
                    f"{requested.where} cannot be used: {name} is a column of {tables[name]} and of "
                    f"{online.table}. Expected one place for each column: remove or rename one."
                )
            types[name], tables[name] = dtype(of_table[name]), online.table
    return types


def _refuse_other_type(
    requested: _Requested, lookup: ContractedTable, name: str, *, needs: bool = False
) -> None:
    """Refuse a column of a lookup that a request has with another type, or lacks and needs.

    Raises:
        ConfigurationError: it is one.
    """
    column, own = columns(lookup.contract)[name], columns(requested.contract).get(name)
    where, request = f"{requested.where} cannot be used", requested.contract.__name__
    if own is None:
        if needs:
            raise ConfigurationError(
                f"{where}: {lookup.online.table} is looked up by {name}, which {request} lacks."
                f"{suggestion(name, columns(requested.contract))}"
            )
        return
    if dtype(own) != dtype(column) or (needs and own.nullable):
        null = " and may be null" if needs and own.nullable else ""
        raise ConfigurationError(
            f"{where}: {name} of {request} is of type {type_name(own)}{null}, expected "
            f"{type_name(column)} as in {lookup.online.table}{', never null' if needs else ''}."
        )


def _computation(
    config: BatchPredictionsConfiguration, path: str, requested: _Requested, known: Types
) -> Computation:
    """The function with the columns that it takes and the features that it returns.

    Raises:
        ConfigurationError: it takes something else, or cannot compute the features of no requests.
    """
    serving, function = config.serving, load_object(path)
    time = config.predicted_at if config.predicted_at not in requested.types else None
    known = {**known, time: MOMENT} if time else known
    arguments = named_arguments(function)
    for name, one in arguments.items():
        if name not in known and name not in serving.parameters and one.default is one.empty:
            raise ConfigurationError(
                f"{requested.where} cannot be used: {path} takes '{name}', which is no column of "
                f"{requested.contract.__name__} or a lookup, and not in 'parameters'."
                f"{suggestion(name, known)}"
            )
    taken = {name: known[name] for name in arguments if name in known}
    where = f"'serving.parameters' of {config.pipeline} in defs.yaml"
    refuse_parameters(function, serving.parameters, taken, where)
    of_columns = partial(function, **serving.parameters)
    returned = _returned(requested.where, path, of_columns, taken)
    computed = [name for name in config.specification.features if name in returned]
    return Computation(of_columns, taken, computed, time if time in taken else None)


def _returned(
    where: str, path: str, function: Callable[..., Mapping[str, Any]], columns: Types
) -> list[str]:
    """Names of the features that a function returns.

    Raises:
        ConfigurationError: it fails.
    """
    try:
        return [*function(**{name: series([], kind) for name, kind in columns.items()})]
    except Exception as error:  # a function of a user may raise anything
        raise ConfigurationError(
            f"{where} cannot be used: {path} fails for columns without values ({type(error).__name__}: "
            f"{error}). Expected a function that accepts them, as it is called with them to find the "
            "names of its features."
        ) from error


def _refuse_computed_twice(
    where: str, path: str, computation: Computation, looked_up: Types
) -> None:
    if twice := [name for name in computation.features if name in looked_up]:
        raise ConfigurationError(
            f"{where} cannot be used: {', '.join(twice)} is looked up, and {path} returns it. Expected "
            "one place for each column: remove one."
        )
