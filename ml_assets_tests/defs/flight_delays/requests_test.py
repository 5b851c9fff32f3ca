"""A request about a flight finds what training computes; other flights and times find what is known.

The online store is replayed: rows of the entity tables are written in the order of their event times.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.configuration.models import pipeline
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.serving.online_tables import online_table
from ml_assets.configuration.serving.request_features import request_features
from ml_assets.contracts.contract import columns
from ml_assets.contracts.validation import validate
from ml_assets.defs.flight_delays import entities
from ml_assets.defs.flight_delays.contracts import FlightFeatures
from ml_assets.defs.flight_delays.events import outcomes, scheduled_arrival, zone_of
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.defs.flight_delays.requests import FlightRequest
from ml_assets.learning.scorer.scorer import Scorer, build_scorer
from ml_assets.learning.specification import build
from ml_assets.online.request_features import Completed, Request, RequestFeatures
from ml_assets.online.rows import OnlineRow, newest, online_rows, places
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import Plain, plain

Tables = Mapping[str, pd.DataFrame]
Parameters = Mapping[str, Any]
Timed = tuple[datetime, str, OnlineRow]
"""When a row is known, its table, and the row."""

SPRING, SUMMER, AUTUMN = "2013-03-10", "2013-07-08", "2013-11-03"
"""Clocks were set forward on the first, and back on the last."""
INPUTS = {
    "origin_state": ["flights", "weather", "airports"],
    "carrier_state": ["flights", "airports"],
    "destination_state": ["flights", "airports"],
    "route_rates": ["flights", "airports"],
    "flight_number_state": ["flights", "planes", "airports"],
}


@pytest.fixture(scope="module")
def configuration() -> PipelineConfiguration:
    """The pipeline as its ``defs.yaml`` describes it."""
    found = pipeline("flight_delays")
    assert isinstance(found, PipelineConfiguration)
    return found


@pytest.fixture(scope="module")
def completion(configuration: PipelineConfiguration) -> RequestFeatures:
    """How the features of its requests are found."""
    return request_features(configuration)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    """An empty store."""
    found = OnlineStore(f"sqlite:///{tmp_path / 'online.db'}")
    with found.one_connection():
        yield found


def features_of(days: Sequence[str], tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """Rows of the feature table as they are stored."""
    rows = flight_features(days, **tables, **parameters)
    return validate(rows, FlightFeatures, days).rows


def known_rows(day: str, tables: Tables, parameters: Parameters) -> list[Timed]:
    """The rows of all entity tables of a day, in the order in which they became known."""
    found: list[Timed] = []
    for name, inputs in INPUTS.items():
        table = online_table(f"flight_delays/{name}")
        given = {each: tables[each] for each in inputs}
        rows = getattr(entities, name)([day], **given, **parameters)
        validated = validate(rows, table.contract, [day])
        assert validated.dead_letters.empty
        online = table.online
        found += [
            (row.event_time, online.table, row)
            for row in online_rows(online, validated.rows, places(online, validated.rows))
        ]
    return sorted(found, key=lambda each: each[:2])


def write(store: OnlineStore, rows: Sequence[Timed]) -> None:
    """Write rows that are in the order of their times."""
    for table, of_table in groupby(sorted(rows, key=lambda each: each[1]), lambda each: each[1]):
        store.upsert(table, newest(row for _, _, row in of_table))


def requests_of(rows: pd.DataFrame, tables: Tables, parameters: Parameters) -> list[Request]:
    """What the timetable has of flights with features."""
    key = ["time_hour", "carrier", "flight"]
    flights = rows[key].merge(tables["flights"], on=key, how="left")
    zones = parameters["extra_zones"]
    arrival = scheduled_arrival(flights, tables["airports"], zones)
    arrival = arrival.where(zone_of(flights["dest"], tables["airports"], zones).notna())
    given = rows.reset_index(drop=True).assign(arrives_at=arrival)[[*columns(FlightRequest)]]
    return [
        {str(name): plain(value) for name, value in row.items()} for row in given.to_dict("records")
    ]


def replayed(
    day: str,
    tables: Tables,
    parameters: Parameters,
    completion: RequestFeatures,
    store: OnlineStore,
) -> tuple[pd.DataFrame, list[Completed]]:
    """The features of all flights of a day, and what requests at their cuts get."""
    rows = features_of([day], tables, parameters).sort_values("predicted_at", ignore_index=True)
    requests = requests_of(rows, tables, parameters)
    cuts = [moment.to_pydatetime().astimezone(UTC) for moment in rows["predicted_at"]]
    waiting, found = known_rows(day, tables, parameters), list[Completed]()
    for cut, numbers in groupby(range(len(rows)), cuts.__getitem__):
        known = sum(moment <= cut for moment, _, _ in waiting)
        write(store, waiting[:known])
        waiting, of_cut = waiting[known:], [*numbers]
        found += completion.of(store, [requests[n] for n in of_cut], [cut] * len(of_cut))
    return rows, found


@pytest.fixture(scope="module")
def scorer(configuration: PipelineConfiguration, tables: Tables, parameters: Parameters) -> Scorer:
    """The scorer of a model that was fitted on the flights of two days."""
    days = ["2013-07-05", "2013-07-06"]
    rows = features_of(days, tables, parameters)
    known = [parameters[name] for name in ("cancellation_known_hours", "diversion_known_days")]
    flights = tables["flights"]
    late = outcomes(flights, tables["airports"], parameters["extra_zones"], *known)["late"]
    key = ["time_hour", "carrier", "flight"]
    labels = rows[key].merge(flights[key].assign(late=late), on=key)["late"]
    specification = configuration.specification
    inputs = rows[[*specification.features]]
    return build_scorer(specification, build(specification).fit(inputs, labels), inputs.head(50))


@pytest.mark.parametrize(
    "day", [SPRING, *(pytest.param(day, marks=pytest.mark.slow) for day in (SUMMER, AUTUMN))]
)
def test_all_flights_of_a_day_get_the_features_and_predictions_of_batch_scoring(
    day: str,
    tables: Tables,
    parameters: Parameters,
    completion: RequestFeatures,
    store: OnlineStore,
    scorer: Scorer,
) -> None:
    rows, found = replayed(day, tables, parameters, completion, store)

    assert len(found) == len(rows) > 800
    for name in completion.features:
        expected = [repr(plain(value)) for value in rows[name]]
        assert [repr(each.features[name]) for each in found] == expected, name
    assert all({*each.ages.values()} == {0.0} for each in found)
    assert not any(each.stale for each in found)
    batch = scorer.of_frame(rows)
    assert np.array_equal(scorer.of_rows([each.features for each in found]), batch)
    assert len(np.unique(batch)) > 500


def new_flight(**changes: Plain) -> dict[str, Plain]:
    """A flight that stands in no table: a number that does not exist, at 08:07 in New York."""
    return {
        "time_hour": datetime(2013, 7, 8, 12, tzinfo=UTC),
        "carrier": "UA",
        "flight": 9999,
        "origin": "EWR",
        "dest": "ORD",
        "departs_at": datetime(2013, 7, 8, 12, 7, tzinfo=UTC),
        "arrives_at": datetime(2013, 7, 8, 14, 37, tzinfo=UTC),
        "distance": 719,
        "departures_in_hour": 30,
        **changes,
    }


@pytest.fixture
def filled(store: OnlineStore, tables: Tables, parameters: Parameters) -> OnlineStore:
    """A store as of 10:07 in New York."""
    until = datetime(2013, 7, 8, 14, 7, tzinfo=UTC)
    rows = known_rows(SUMMER, tables, parameters)
    write(store, [row for row in rows if row[0] <= until])
    return store


NOON = {
    "time_hour": datetime(2013, 7, 8, 16, tzinfo=UTC),
    "departs_at": datetime(2013, 7, 8, 16, 7, tzinfo=UTC),
    "arrives_at": datetime(2013, 7, 8, 18, 37, tzinfo=UTC),
}
CUT = datetime(2013, 7, 8, 14, 7, tzinfo=UTC)


def test_a_flight_in_no_table_finds_states_that_are_minutes_old(
    filled: OnlineStore, completion: RequestFeatures
) -> None:
    [found] = completion.of(filled, [new_flight(**NOON)], [CUT])

    ages = {table.removeprefix("flight_delays/"): age for table, age in found.ages.items()}
    assert ages.pop("flight_number_state") is None, "no such number"
    assert ages.keys() == {*INPUTS} - {"flight_number_state"}
    assert all(
        age is not None and age < 600 for name, age in ages.items() if name.endswith("state")
    )
    assert {"plane_seats", "plane_age", "flight_late_rate_7d"} <= {*found.missing}
    assert found.stale == []
    expected = {
        "minute_of_day": 12 * 60 + 7,
        "day_of_week": 0,
        "scheduled_minutes": 150.0,
        "distance": 719,
    }
    assert {name: found.features[name] for name in expected} == expected
    assert found.features["temp"] is not None
    assert found.features["route_late_rate_7d"] is not None


def test_the_age_of_the_weather_is_that_at_the_time_of_the_request(
    filled: OnlineStore, completion: RequestFeatures
) -> None:
    hour = timedelta(hours=1)

    first, second = completion.of(filled, [new_flight(**NOON)] * 2, [CUT, CUT + hour])

    assert first.features["weather_age_hours"] == pytest.approx(1 + 7 / 60)
    assert second.features["weather_age_hours"] == pytest.approx(2 + 7 / 60)


def test_weather_that_is_older_than_in_training_has_no_age(
    filled: OnlineStore, completion: RequestFeatures
) -> None:
    [found] = completion.of(filled, [new_flight(**NOON)], [CUT + timedelta(hours=24)])

    assert found.features["weather_age_hours"] is None
    assert "flight_delays/origin_state" in found.stale


def test_an_unknown_destination_and_an_unknown_arrival_are_missing(
    filled: OnlineStore, completion: RequestFeatures
) -> None:
    request = new_flight(**NOON, dest="XXX") | {"arrives_at": None}

    [found] = completion.of(filled, [request], [CUT])

    assert found.ages["flight_delays/destination_state"] is None
    assert found.ages["flight_delays/route_rates"] is None
    assert {"destination_delay_3h", "route_late_rate_7d", "scheduled_minutes"} <= {*found.missing}
    assert found.features["carrier_late_rate_7d"] is not None


def test_delays_are_stale_after_three_hours_and_rates_are_not(
    filled: OnlineStore, completion: RequestFeatures
) -> None:
    [found] = completion.of(filled, [new_flight(**NOON)], [CUT + timedelta(hours=4)])

    assert found.stale == [
        f"flight_delays/{name}" for name in ("origin_state", "carrier_state", "destination_state")
    ]
    assert found.features["origin_delay_3h"] is not None
