"""The source contracts against the real reference data: what they reject, and nothing else."""

from collections.abc import Mapping

import pandas as pd
import pytest

from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract, columns, limits
from ml_assets.contracts.validation import Validated, validate
from ml_assets.defs.sources.contracts import Airlines, Airports, Flights, Planes, Weather
from ml_assets.defs.sources.load import FILES, reference_files, reference_table

CONTRACTS: Mapping[str, type[Contract]] = {
    "flights": Flights,
    "weather": Weather,
    "planes": Planes,
    "airports": Airports,
    "airlines": Airlines,
}
MINUTE = "minute_is_that_of_sched_dep_time"
DAYS = [f"{day:%Y-%m-%d}" for day in pd.date_range("2013-01-01", "2013-12-31")]


def by_day(table: str) -> pd.DataFrame:
    """A reference table with the local day of each row."""
    rows = reference_table(table)
    local = rows["time_hour"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    return rows.assign(**{DAY: local.dt.strftime("%Y-%m-%d")})


@pytest.fixture(scope="module")
def weather() -> Validated:
    """The year's weather, validated."""
    return validate(by_day("weather"), Weather, DAYS)


def test_all_flights_of_the_year_are_valid_even_with_unknown_planes_or_airports() -> None:
    flights = validate(by_day("flights"), Flights, DAYS)

    assert len(flights.rows) == 336_776
    assert flights.dead_letters.empty
    assert flights.quarantined == {}
    known = set(reference_table("airports")["faa"])
    assert (~flights.rows["dest"].isin(known)).sum() == 7_602
    assert flights.rows["tailnum"].isna().sum() == 2_512


def test_one_absurd_wind_speed_is_the_only_dead_letter_of_the_weather(weather: Validated) -> None:
    assert [*weather.dead_letters["rule"]] == ["wind_speed: less_than_or_equal_to(200)"]
    assert len(weather.rows) == 26_115 - 1


def test_last_day_has_no_weather(weather: Validated) -> None:
    assert [*weather.quarantined] == ["2013-12-31"]
    assert "no rows" in weather.quarantined["2013-12-31"]


@pytest.mark.parametrize("table", ["planes", "airports", "airlines"])
def test_every_row_of_a_reference_table_is_valid(table: str) -> None:
    rows = reference_table(table)

    validated = validate(rows.assign(**{DAY: SNAPSHOT}), CONTRACTS[table], [SNAPSHOT])

    assert len(validated.rows) == len(rows) > 0
    assert validated.quarantined == {}


@pytest.mark.parametrize("table", ["planes", "airports", "airlines"])
def test_empty_reference_table_is_quarantined(table: str) -> None:
    rows = reference_table(table).iloc[:0].assign(**{DAY: SNAPSHOT})

    assert [*validate(rows, CONTRACTS[table], [SNAPSHOT]).quarantined] == [SNAPSHOT]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        pytest.param("origin", "PHL", "origin: isin(['EWR', 'JFK', 'LGA'])", id="other origin"),
        pytest.param("carrier", "ua", "carrier: str_matches", id="carrier in lower case"),
        pytest.param("carrier", "UAL", "carrier: str_matches", id="carrier of three letters"),
        pytest.param("dest", "", "dest: must not be null", id="no destination"),
        pytest.param("flight", 0, "flight: greater_than_or_equal_to(1)", id="flight 0"),
        pytest.param("minute", 60, "minute: less_than_or_equal_to(59)", id="minute 60"),
        pytest.param("distance", -1, "distance: greater_than_or_equal_to(1)", id="distance"),
        pytest.param("dep_delay", 1441, "dep_delay: less_than_or_equal_to(1440)", id="a day late"),
        pytest.param("arr_delay", "x", "arr_delay: must be float64", id="text for a delay"),
        pytest.param(
            "time_hour", "2013-01-01 10:30:00", "time_hour: whole_hour", id="half an hour"
        ),
        pytest.param("time_hour", "2013-01-01 10:00:00.000001", "time_hour: whole_hour", id="1 µs"),
        pytest.param(
            "sched_dep_time", 475, f"{MINUTE}; sched_dep_time: clock_time", id="departure at 4:75"
        ),
        pytest.param("sched_arr_time", 1275, "sched_arr_time: clock_time", id="arrival at 12:75"),
        pytest.param("sched_arr_time", 2360, "sched_arr_time: clock_time", id="arrival at 23:60"),
        pytest.param("dep_time", 599.0, "dep_time: clock_time", id="departed at 5:99"),
        pytest.param("arr_time", 60.0, "arr_time: clock_time", id="arrived at 0:60"),
        pytest.param("minute", 30, MINUTE, id="another minute"),
        pytest.param("sched_dep_time", 530, MINUTE, id="another time"),
        pytest.param("sched_arr_time", None, "sched_arr_time: must not be null", id="no schedule"),
    ],
)
def test_impossible_flight_is_a_dead_letter(
    flight: pd.DataFrame, column: str, value: object, rule: str
) -> None:
    broken = flight.astype({column: object})
    broken.loc[0, column] = value

    validated = validate(broken, Flights, ["2013-01-01"])

    assert [found.startswith(rule) for found in validated.dead_letters["rule"]] == [True]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("dest", "ZZZ", id="unknown destination"),
        pytest.param("tailnum", "N00000", id="unknown plane"),
        pytest.param("tailnum", None, id="no plane"),
        pytest.param("dep_delay", 1440, id="just a day late"),
        pytest.param("sched_arr_time", 2400, id="arrival at midnight"),
        pytest.param("sched_arr_time", 59, id="arrival at one minute to one"),
        pytest.param("dep_time", 2400.0, id="departed at midnight"),
        pytest.param("dep_time", None, id="never departed"),
        pytest.param("arr_time", 2400.0, id="arrived at midnight"),
    ],
)
def test_unusual_flight_is_accepted(flight: pd.DataFrame, column: str, value: object) -> None:
    unusual = flight.astype({column: object})
    unusual.loc[0, column] = value

    assert validate(unusual, Flights, ["2013-01-01"]).dead_letters.empty


@pytest.fixture
def flight() -> pd.DataFrame:
    """One good flight as it comes from the source."""
    return pd.DataFrame(
        {
            DAY: ["2013-01-01"],
            "time_hour": pd.to_datetime(["2013-01-01 10:00"]).as_unit("us"),
            "carrier": ["UA"],
            "flight": [1545],
            "tailnum": ["N14228"],
            "origin": ["EWR"],
            "dest": ["IAH"],
            "sched_dep_time": [515],
            "dep_time": [517.0],
            "dep_delay": [2.0],
            "sched_arr_time": [819],
            "arr_time": [830.0],
            "arr_delay": [11.0],
            "air_time": [227.0],
            "distance": [1400],
            "minute": [15],
        }
    )


@pytest.mark.parametrize("table", FILES)
def test_contract_describes_every_column(table: str) -> None:
    described = {name: column.description for name, column in columns(CONTRACTS[table]).items()}

    assert all(described.values()), described


@pytest.mark.parametrize("table", FILES)
def test_contract_names_columns_of_its_table(table: str) -> None:
    header = pd.read_csv(reference_files() / FILES[table], nrows=0)

    assert set(columns(CONTRACTS[table])) <= set(header.columns)


@pytest.mark.parametrize("table", FILES)
def test_no_source_table_may_be_empty(table: str) -> None:
    assert not limits(CONTRACTS[table]).may_be_empty
