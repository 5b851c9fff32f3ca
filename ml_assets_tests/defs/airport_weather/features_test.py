"""Weather features: nothing known after the cut, the same bits in any range, and the declared lineage."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract, key_columns
from ml_assets.contracts.lineage import lineage
from ml_assets.contracts.validation import validate
from ml_assets.defs.airport_weather.contracts import WeatherFeatures, WeatherOutcomes
from ml_assets.defs.airport_weather.features import weather_features, weather_outcomes
from ml_assets.defs.sources.contracts import ORIGINS, HourlyWeather
from ml_assets.defs.sources.load import reference_table
from ml_assets.lineage.measurement.perturbation import Compute, dependencies
from ml_assets_tests.changed_columns import differences

HOUR = pd.Timedelta(hours=1)
HOURS = Calendar(Cadence.HOURLY, "America/New_York")
LOOK_BACK = 27
SHORT_DAY = HOURS.keys("2013-03-10-00:00", "2013-03-10-23:00")
LONG_DAY = HOURS.keys("2013-11-03-00:00", "2013-11-03-23:00")
DAYS = [pytest.param(SHORT_DAY, id="23 hours"), pytest.param(LONG_DAY, id="25 hours")]


@pytest.fixture(scope="module")
def observations() -> pd.DataFrame:
    """Validated observations of a few days around both clock changes, with some hours missing."""
    raw = reference_table("weather")
    taken = raw["time_hour"].dt.tz_localize("UTC")
    near = taken.between("2013-03-08", "2013-03-12") | taken.between("2013-11-01", "2013-11-06")
    raw, taken = raw[near], taken[near]
    keys = [HOURS.key_of(moment.to_pydatetime()) for moment in taken]
    raw = raw.assign(**{DAY: pd.Series(keys, index=raw.index, dtype="str")})
    kept = raw[np.arange(len(raw)) % 11 != 0]
    return validate(kept, HourlyWeather, sorted(set(keys))).rows


@pytest.fixture(scope="module")
def stations() -> pd.DataFrame:
    """The three stations."""
    return pd.DataFrame({DAY: SNAPSHOT, "origin": ORIGINS, "name": ORIGINS}).astype("str")


def features(
    hours: Sequence[str], observations: pd.DataFrame, stations: pd.DataFrame
) -> pd.DataFrame:
    """Feature rows of hours, from the observations that a run over these hours reads."""
    read = {HOURS.shifted(hour, -back) for hour in hours for back in range(3, LOOK_BACK + 1)}
    seen = observations[observations[DAY].isin(read)]
    return weather_features(hours, observations=seen, stations=stations, cut_hours=2)


@pytest.mark.parametrize("hours", DAYS)
def test_features_do_not_change_when_all_that_was_known_later_is_erased(
    observations: pd.DataFrame, stations: pd.DataFrame, hours: Sequence[str]
) -> None:
    together = features(hours, observations, stations)
    for hour in hours[::3]:
        known_at = observations["time_hour"] + HOUR
        known = observations[known_at <= pd.Timestamp(HOURS.start_of(hour)) - 2 * HOUR]

        alone = weather_features([hour], observations=known, stations=stations, cut_hours=2)

        expected = together[together[DAY] == hour].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.reset_index(drop=True), expected)


def test_the_newest_observation_that_is_used_was_taken_three_hours_before(
    observations: pd.DataFrame, stations: pd.DataFrame
) -> None:
    rows = features(LONG_DAY, observations, stations)

    taken_at = rows["predicted_at"] - rows["observation_age_hours"] * HOUR
    horizon = rows["time_hour"] - taken_at
    assert horizon.min() == 3 * HOUR
    assert rows["predicted_at"].eq(rows["time_hour"] - 2 * HOUR).all()


@pytest.mark.parametrize("hours", DAYS)
def test_an_hour_computed_alone_equals_the_hour_within_a_day(
    observations: pd.DataFrame, stations: pd.DataFrame, hours: Sequence[str]
) -> None:
    together = features(hours, observations, stations)

    alone = pd.concat([features([hour], observations, stations) for hour in hours])

    pd.testing.assert_frame_equal(
        alone.reset_index(drop=True), together.reset_index(drop=True), check_exact=True
    )


def test_every_hour_has_a_row_for_each_station_also_without_observations(
    observations: pd.DataFrame, stations: pd.DataFrame
) -> None:
    found = features(LONG_DAY, observations.iloc[:0], stations)

    rows = validate(found, WeatherFeatures, LONG_DAY)
    assert rows.quarantined == {}
    of_hour = rows.rows.groupby(DAY)["origin"].apply(sorted)
    assert of_hour.to_dict() == dict.fromkeys(LONG_DAY, ORIGINS)
    assert rows.rows["temp"].isna().all()


def test_an_observation_without_a_label_has_no_outcome(observations: pd.DataFrame) -> None:
    lacking = observations.index[observations[DAY].isin(LONG_DAY)][0]
    with_gap = observations.assign(visib=observations["visib"].drop(lacking))

    found = weather_outcomes(LONG_DAY, observations=with_gap)
    complete = weather_outcomes(LONG_DAY, observations=observations)

    assert len(found) == len(complete) - 1
    assert (found["known_at"] - found["time_hour"]).eq(HOUR).all()
    assert validate(complete, WeatherOutcomes, LONG_DAY).quarantined == {}


def changed(
    compute: Compute, inputs: Mapping[str, pd.DataFrame], contract: type[Contract]
) -> dict[tuple[str, str], set[str]]:
    """Column of an input → the columns of features or outcomes that change with it."""
    found = dependencies(compute, inputs, key_columns(contract))
    assert found.undetermined == {}
    return {(f"sources/{of}", column): names for (of, column), names in found.columns.items()}


def test_features_depend_on_the_declared_columns(
    observations: pd.DataFrame, stations: pd.DataFrame
) -> None:
    near = observations[observations["time_hour"] >= "2013-11-01"].reset_index(drop=True)
    random = np.random.default_rng(0)
    near = near.assign(visib=random.random(len(near)), precip=random.random(len(near)))
    inputs = {"hourly_weather": near, "weather_stations": stations}

    found = changed(
        lambda tables: weather_features(
            LONG_DAY,
            observations=tables["hourly_weather"],
            stations=tables["weather_stations"],
            cut_hours=2,
        ),
        inputs,
        WeatherFeatures,
    )

    declared = lineage(WeatherFeatures, [f"sources/{table}" for table in inputs])
    assert differences(declared, found) == []


def test_outcomes_depend_on_the_declared_columns(observations: pd.DataFrame) -> None:
    near = observations[observations[DAY].isin(LONG_DAY)].reset_index(drop=True)
    near = near.assign(visib=np.arange(len(near)))

    found = changed(
        lambda tables: weather_outcomes(LONG_DAY, observations=tables["hourly_weather"]),
        {"hourly_weather": near},
        WeatherOutcomes,
    )

    assert differences(lineage(WeatherOutcomes, ["sources/hourly_weather"]), found) == []
