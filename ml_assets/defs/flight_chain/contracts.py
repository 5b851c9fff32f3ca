"""Contract of the features of the chain, derived from those of flights and of the weather."""

from ml_assets.contracts.contract import columns, key_columns
from ml_assets.contracts.derived import column_from, derived_contract
from ml_assets.defs.airport_weather.contracts import WeatherFeatures
from ml_assets.defs.airport_weather.features import KEY
from ml_assets.defs.flight_chain.features import OF_STATIONS
from ml_assets.defs.flight_delays.contracts import FlightFeatures

FLIGHTS, STATIONS = "flight_delays/flight_features", "airport_weather/weather_features"
JOINED = [f"{table}.{name}" for table in (FLIGHTS, STATIONS) for name in KEY]
"""Columns that select the weather features of a flight."""

OF_FLIGHTS = {
    name: column_from(FlightFeatures, name, [f"{FLIGHTS}.{name}"])
    for name in columns(FlightFeatures)
}

FlightsWithStations = derived_contract(
    "FlightsWithStations",
    "What is known two hours before its departure about a flight, and about the weather at that hour.",
    (FlightFeatures,),
    OF_FLIGHTS
    | {
        own: column_from(
            WeatherFeatures, name, [*JOINED, f"{STATIONS}.{name}"], may_be_missing=True
        )
        for name, own in OF_STATIONS.items()
    },
    (FlightFeatures, WeatherFeatures),
    unique=key_columns(FlightFeatures),
    max_dead_letter_share=0.0,
)
