"""State of entities: what features of flights at the same time have."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, key_columns
from ml_assets.contracts.validation import validate
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
from ml_assets.defs.flight_delays.events import outcomes
from ml_assets.defs.flight_delays.features import flight_features

Tables = Mapping[str, pd.DataFrame]
Parameters = Mapping[str, Any]

SPRING, SUMMER, AUTUMN = "2013-03-10", "2013-07-08", "2013-11-03"
"""Clocks were set forward on the first, and back on the last."""
BEFORE = "2013-11-02"


def airports(days: list[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """State of airports of departure."""
    given = {name: tables[name] for name in ("flights", "weather", "airports")}
    return origin_state(days, **given, **parameters)


def carriers(days: list[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """State of carriers."""
    given = {name: tables[name] for name in ("flights", "airports")}
    return carrier_state(days, **given, **parameters)


def destinations(days: list[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """State of destinations."""
    given = {name: tables[name] for name in ("flights", "airports")}
    return destination_state(days, **given, **parameters)


def routes(days: list[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """Rates of routes."""
    given = {name: tables[name] for name in ("flights", "airports")}
    return route_rates(days, **given, **parameters)


def numbers(days: list[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """State of flight numbers."""
    given = {name: tables[name] for name in ("flights", "planes", "airports")}
    return flight_number_state(days, **given, **parameters)


Compute = Callable[[list[str], Tables, Parameters], pd.DataFrame]
TABLES = [
    pytest.param(airports, OriginState, id="airports"),
    pytest.param(carriers, CarrierState, id="carriers"),
    pytest.param(destinations, DestinationState, id="destinations"),
    pytest.param(routes, RouteRates, id="routes"),
    pytest.param(numbers, FlightNumberState, id="flight numbers"),
]


def stored(rows: pd.DataFrame, contract: type[Contract], days: list[str]) -> pd.DataFrame:
    """The rows as they are stored, in the order of their keys."""
    validated = validate(rows, contract, days)
    assert validated.dead_letters.empty
    assert not validated.quarantined
    return validated.rows.sort_values([DAY, *key_columns(contract)], ignore_index=True)


@pytest.mark.parametrize(("compute", "contract"), TABLES)
def test_a_day_has_the_same_rows_alone_and_in_a_range(
    tables: Tables, parameters: Parameters, compute: Compute, contract: type[Contract]
) -> None:
    days = [BEFORE, AUTUMN]
    together = stored(compute(days, tables, parameters), contract, days)
    alone = stored(compute([AUTUMN], tables, parameters), contract, [AUTUMN])

    of_day = together[together[DAY] == AUTUMN].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_day, alone, check_exact=True)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (SUMMER, 24), (AUTUMN, 25)])
def test_an_airport_has_a_row_for_each_hour_of_the_day(
    tables: Tables, parameters: Parameters, day: str, hours: int
) -> None:
    rows = stored(airports([day], tables, parameters), OriginState, [day])

    begin, end = (pd.Timestamp(day, tz="America/New_York") + pd.DateOffset(days=n) for n in (0, 1))
    known = rows["known_at"]
    of_hours = rows[(known > begin) & (known == known.dt.floor("h"))]
    assert of_hours.groupby("origin").size().to_dict() == dict.fromkeys(
        ["EWR", "JFK", "LGA"], hours
    )
    assert known.max() == end


@pytest.mark.parametrize(("compute", "contract"), TABLES)
@pytest.mark.parametrize("day", [SPRING, SUMMER, AUTUMN])
def test_an_entity_at_the_cut_of_a_flight_is_what_the_flight_has(
    tables: Tables,
    parameters: Parameters,
    day: str,
    compute: Compute,
    contract: type[Contract],
) -> None:
    flights = flight_features([day], **tables, **parameters)
    states = stored(compute([day], tables, parameters), contract, [day])
    entity = [name for name in key_columns(contract) if name != "known_at"]

    found = flights.merge(
        states,
        left_on=[*entity, "predicted_at"],
        right_on=key_columns(contract),
        suffixes=("", " of entity"),
    )

    assert len(found) == len(flights) > 800
    for name in found.columns[found.columns.str.endswith(" of entity")]:
        of_flight = found[name.removesuffix(" of entity")]
        pd.testing.assert_series_equal(of_flight, found[name], check_names=False, check_exact=True)


@pytest.mark.parametrize(("compute", "contract"), TABLES)
def test_an_entity_has_one_row_at_a_time_and_one_at_the_end_of_the_day(
    tables: Tables, parameters: Parameters, compute: Compute, contract: type[Contract]
) -> None:
    rows = stored(compute([AUTUMN], tables, parameters), contract, [AUTUMN])

    assert not rows.duplicated(key_columns(contract)).any()
    entity = [name for name in key_columns(contract) if name != "known_at"]
    midnight = pd.Timestamp("2013-11-04", tz="America/New_York")
    assert (rows.groupby(entity)["known_at"].max() == midnight).all()


def test_rates_are_those_of_outcomes_that_became_known_in_the_week_before(
    tables: Tables, parameters: Parameters
) -> None:
    known = parameters["extra_zones"], parameters["cancellation_known_hours"]
    late = outcomes(
        tables["flights"], tables["airports"], *known, parameters["diversion_known_days"]
    )
    end = pd.Timestamp(SUMMER, tz="America/New_York") + pd.DateOffset(days=1)
    in_week = (late["known_at"] > end - pd.Timedelta(days=7)) & (late["known_at"] <= end)
    flights = tables["flights"].assign(late=late["late"])[in_week]

    of_routes = stored(routes([SUMMER], tables, parameters), RouteRates, [SUMMER])
    of_routes = of_routes[of_routes["known_at"] == end]
    by_route = flights.groupby(["carrier", "dest"])["late"].mean().rename("expected")
    found = of_routes.join(by_route, on=["carrier", "dest"])
    pd.testing.assert_series_equal(
        found["route_late_rate_7d"], found["expected"], check_names=False
    )
    of_numbers = stored(numbers([SUMMER], tables, parameters), FlightNumberState, [SUMMER])
    of_numbers = of_numbers[of_numbers["known_at"] == end]
    by_number = flights.groupby(["carrier", "flight"])["late"].mean().rename("expected")
    found = of_numbers.join(by_number, on=["carrier", "flight"])
    pd.testing.assert_series_equal(
        found["flight_late_rate_7d"], found["expected"], check_names=False
    )


def test_the_plane_is_the_one_last_seen(tables: Tables, parameters: Parameters) -> None:
    rows = stored(numbers([SUMMER], tables, parameters), FlightNumberState, [SUMMER])
    rows = rows.drop_duplicates(["carrier", "flight"], keep="last")
    flights = tables["flights"]
    of_day = flights[(flights[DAY] == SUMMER) & flights["dep_delay"].notna()]
    once = of_day.drop_duplicates(["carrier", "flight"], keep=False)
    at = once["time_hour"] + pd.to_timedelta(once["minute"] + once["dep_delay"], unit="min")
    flown = once[at <= pd.Timestamp("2013-07-09", tz="America/New_York")]
    planes = tables["planes"].set_index("tailnum")[["seats", "year"]].add_prefix("of_")

    found = flown.join(planes, on="tailnum").merge(rows, on=["carrier", "flight"])

    assert len(found) > 700
    pd.testing.assert_series_equal(
        found["plane_year"], found["of_year"], check_names=False, check_dtype=False
    )
    pd.testing.assert_series_equal(
        found["plane_seats"], found["of_seats"], check_names=False, check_dtype=False
    )
