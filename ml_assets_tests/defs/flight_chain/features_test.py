"""Features of the chain: each flight has the weather features of the airport and hour of its departure."""

import pandas as pd
import pytest

from ml_assets.configuration.models import pipeline
from ml_assets.content import DAY
from ml_assets.contracts.contract import columns, key_columns
from ml_assets.defs.airport_weather.features import KEY
from ml_assets.defs.flight_chain.contracts import FlightsWithStations
from ml_assets.defs.flight_chain.features import OF_STATIONS, flights_with_stations, source_rows
from ml_assets.defs.flight_delays.contracts import FlightFeatures

TODAY, YESTERDAY = "2013-03-11", "2013-03-10"
NINE, TEN = pd.to_datetime(["2013-03-11 13:00Z", "2013-03-11 14:00Z"])


@pytest.fixture
def flights() -> pd.DataFrame:
    """A flight at nine, one at ten, and one of the day before, as far as they are joined."""
    return pd.DataFrame(
        {
            DAY: [TODAY, TODAY, YESTERDAY],
            "time_hour": [NINE, TEN, NINE - pd.Timedelta(days=1)],
            "carrier": ["UA", "B6", "UA"],
            "flight": [1, 2, 1],
            "origin": ["EWR", "JFK", "EWR"],
            "temp": [50.0, 60.0, 70.0],
        }
    )


@pytest.fixture
def stations() -> pd.DataFrame:
    """Weather features at nine, in hourly partitions; none of them is known at ten at JFK."""
    rows = pd.DataFrame(
        {
            DAY: f"{TODAY}-09:00",
            "time_hour": NINE,
            "origin": ["EWR", "JFK", "LGA"],
            "predicted_at": NINE - pd.Timedelta(hours=2),
        }
    )
    values = {
        name: [number + place for place in (0, 0.25, 0.5)]
        for number, name in enumerate(OF_STATIONS)
    }
    return rows.assign(**values)


def test_a_flight_has_the_weather_features_of_its_airport_and_hour(
    flights: pd.DataFrame, stations: pd.DataFrame
) -> None:
    first, second = flights_with_stations([TODAY], flights=flights, stations=stations).to_dict(
        "records"
    )
    [newark] = stations[stations["origin"] == "EWR"].to_dict("records")
    assert {own: first[own] for own in OF_STATIONS.values()} == {
        own: newark[name] for name, own in OF_STATIONS.items()
    }
    assert first["temp"] == 50.0
    assert pd.isna([second[own] for own in OF_STATIONS.values()]).all()


def test_a_row_is_traced_to_its_flight_and_its_hour(
    flights: pd.DataFrame, stations: pd.DataFrame
) -> None:
    inputs = {"flights": flights, "stations": stations}
    row = flights_with_stations([TODAY], **inputs).iloc[0]
    found = source_rows(row, **inputs)
    assert found["flights"]["flight"].tolist() == [1]
    assert found["flights"][DAY].tolist() == [TODAY]
    assert found["stations"][KEY].to_numpy().tolist() == [["EWR", NINE]]


def test_its_contract_has_those_of_both() -> None:
    own = columns(FlightsWithStations)
    assert [*own] == [*columns(FlightFeatures), *OF_STATIONS.values()]
    assert key_columns(FlightsWithStations) == key_columns(FlightFeatures)
    assert own["station_temp"].nullable
    assert "airport_weather/weather_features.temp" in own["station_temp"].metadata["from"]


def test_the_model_of_flights_reads_hourly_forecasts_that_the_chain_gives() -> None:
    chain, model = pipeline("flight_chain"), pipeline("flight_forecast")
    links = {one.gives for one in chain.ensemble.combine.chain.links}
    assert links <= set(model.specification.numeric)
    assert not links & set(chain.specification.features)
