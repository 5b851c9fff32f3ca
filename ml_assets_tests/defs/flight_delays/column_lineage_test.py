"""The declared column lineage of features and outcomes against changes in real rows.

Each column of each input is changed in several ways and the real functions are run again. Minutes
stay below 60: no weather depends on them, as it is observed on the hour. Not verified, and not
declared: of two flights of one number that departed in the same minute, that with more seats counts.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, key_columns
from ml_assets.contracts.lineage import lineage
from ml_assets.defs.flight_delays.contracts import FlightFeatures, FlightOutcomes
from ml_assets.defs.flight_delays.entities import (
    carrier_state,
    destination_state,
    flight_number_state,
    origin_state,
    route_rates,
)
from ml_assets.defs.flight_delays.entity_contracts import (
    CarrierState,
    DestinationState,
    FlightNumberState,
    OriginState,
    RouteRates,
)
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes
from ml_assets.lineage.measurement.perturbation import Compute, dependencies
from ml_assets.provenance.provenance import Column
from ml_assets_tests.changed_columns import Dependents, differences

DAYS = ["2013-07-08"]
"""A stormy day: cancellations, diversions, long delays."""
OF_OUTCOMES = ["flights", "airports"]
EVERY = 4
"""Every fourth flight is enough to change all columns."""


@pytest.fixture(scope="module")
def sampled(tables: Mapping[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    """Real rows with values and gaps that expose every dependency on a single day."""
    flights, weather = tables["flights"], tables["weather"]
    flights = flights[flights[DAY].between("2013-06-27", DAYS[-1])].iloc[::EVERY]
    weather = weather[weather[DAY].between("2013-07-07", DAYS[-1])]
    seen = weather[weather.index % 5 != 0]
    return {
        **tables,
        "flights": flights.assign(flight=flights["flight"] % 5 + 1).reset_index(drop=True),
        "weather": seen.assign(precip=range(len(seen)), visib=range(len(seen))).reset_index(
            drop=True
        ),
    }


def changed_columns(
    inputs: Mapping[str, pd.DataFrame], compute: Compute, contract: type[Contract]
) -> Dependents:
    """Column of an input → the columns of the result that change with it, as the product measures it."""
    found = dependencies(compute, inputs, key_columns(contract))
    assert found.undetermined == {}
    return {(f"sources/{of}", column): names for (of, column), names in found.columns.items()}


def _features(parameters: Mapping[str, Any]) -> Compute:
    return lambda inputs: flight_features(DAYS, **inputs, **parameters)


def _declared(contract: type[Contract], inputs: list[str]) -> dict[str, list[Column]]:
    return lineage(contract, [f"sources/{table}" for table in inputs])


@pytest.mark.slow
def test_features_depend_on_the_declared_columns(
    sampled: Mapping[str, pd.DataFrame], parameters: Mapping[str, Any]
) -> None:
    found = changed_columns(sampled, _features(parameters), FlightFeatures)

    assert differences(_declared(FlightFeatures, list(sampled)), found) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compute", "contract", "inputs"),
    [
        pytest.param(origin_state, OriginState, ["flights", "weather", "airports"], id="airports"),
        pytest.param(carrier_state, CarrierState, ["flights", "airports"], id="carriers"),
        pytest.param(
            destination_state, DestinationState, ["flights", "airports"], id="destinations"
        ),
        pytest.param(route_rates, RouteRates, ["flights", "airports"], id="routes"),
        pytest.param(
            flight_number_state,
            FlightNumberState,
            ["flights", "planes", "airports"],
            id="flight numbers",
        ),
    ],
)
def test_state_of_entities_depends_on_the_declared_columns(
    sampled: Mapping[str, pd.DataFrame],
    parameters: Mapping[str, Any],
    compute: Callable[..., pd.DataFrame],
    contract: type[Contract],
    inputs: list[str],
) -> None:
    taken = signature(compute).parameters
    known = {name: value for name, value in parameters.items() if name in taken}

    found = changed_columns(
        {name: sampled[name] for name in inputs},
        lambda changed: compute(DAYS, **changed, **known),
        contract,
    )

    assert differences(_declared(contract, inputs), found) == []


@pytest.fixture(scope="module")
def changed_outcomes(
    sampled: Mapping[str, pd.DataFrame], parameters: Mapping[str, Any]
) -> Dependents:
    """Column of an input → the columns of the outcomes that change with it.

    A diversion moves to a later partition; on both days together each flight has one outcome.
    """
    known = {name: value for name, value in parameters.items() if name != "cut_hours"}
    outcome_days = [*DAYS, "2013-07-11"]
    flights = sampled["flights"]
    return changed_columns(
        {"flights": flights[flights[DAY].isin(DAYS)], "airports": sampled["airports"]},
        lambda changed: flight_outcomes(outcome_days, **changed, **known),
        FlightOutcomes,
    )


def test_outcomes_depend_on_the_declared_columns(changed_outcomes: Dependents) -> None:
    assert differences(_declared(FlightOutcomes, OF_OUTCOMES), changed_outcomes) == []


def test_missing_and_unused_declarations_are_reported(changed_outcomes: Dependents) -> None:
    declared = _declared(FlightOutcomes, OF_OUTCOMES)
    declared["outcome"] = [("sources/flights", "arr_delay")]
    declared["late"] = [("sources/flights", "arr_delay"), ("sources/flights", "dep_delay")]

    assert sorted(differences(declared, changed_outcomes)) == [
        "late is declared to be computed from sources/flights.dep_delay and does not change with it",
        "outcome changes with sources/flights.dep_time, which is not declared",
    ]
