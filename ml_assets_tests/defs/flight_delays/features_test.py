"""Flight features: nothing known after the cut, the same bits in any range, and odd flights."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.defs.flight_delays import events, features
from ml_assets.defs.flight_delays.contracts import FlightFeatures, FlightOutcomes
from ml_assets.defs.flight_delays.events import KEY
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes

Tables = Mapping[str, pd.DataFrame]
Parameters = Mapping[str, Any]

DAYS = ["2013-03-10", "2013-07-08", "2013-11-03"]
SAMPLED_FLIGHTS = 8
HOUR = timedelta(hours=1)
LATEST_DEPARTURE = 1440
LATEST_LANDING = 1500
NEW_YORK = ZoneInfo("America/New_York")
HONOLULU = ZoneInfo("Pacific/Honolulu")
NO_TRACE = {
    "dep_time": None, "dep_delay": None, "arr_time": None, "arr_delay": None, "air_time": None
}  # fmt: skip
AFTER_CUT = {
    "dep_time": 1,
    "dep_delay": LATEST_DEPARTURE,
    "arr_time": 1,
    "arr_delay": LATEST_LANDING,
    "air_time": 60,
}


@pytest.fixture(scope="module")
def scheduled(tables: Tables, parameters: Parameters) -> pd.DataFrame:
    """Scheduled departure and arrival in UTC of every flight, one plain Python step at a time."""
    airports = tables["airports"].dropna(subset=["tzone"])
    zones = dict(zip(airports["faa"], airports["tzone"], strict=True))
    zones |= parameters["extra_zones"]
    flights = tables["flights"]
    departure = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    arrival = [
        _first_clock_time_after(moment.to_pydatetime(), clock, zones.get(dest))
        for moment, clock, dest in zip(
            departure, flights["sched_arr_time"], flights["dest"], strict=True
        )
    ]
    return pd.DataFrame(
        {"departure": departure, "arrival": pd.to_datetime(arrival, utc=True)},
        index=flights.index,
    )


def _first_clock_time_after(moment: datetime, clock: int, zone: str | None) -> datetime:
    there = ZoneInfo(zone) if zone else HONOLULU
    wanted = timedelta(hours=clock // 100, minutes=clock % 100)
    midnight = datetime.combine(moment.astimezone(there).date(), time())
    for days in range(3):
        local = midnight + wanted + timedelta(days=days)
        arrival = local.replace(tzinfo=there, fold=1).astimezone(UTC)
        if arrival > moment:
            return arrival
    raise AssertionError(f"no {clock} after {moment} in {zone}")


@pytest.mark.parametrize("day", DAYS)
def test_features_do_not_change_when_all_that_was_known_later_is_erased(
    tables: Tables, parameters: Parameters, scheduled: pd.DataFrame, day: str
) -> None:
    assert dict(_changed_by_erasure(tables, parameters, scheduled, day)) == {}


def _new_york_everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        events, "zone_of", lambda dest, *_: pd.Series("America/New_York", index=dest.index)
    )


def _observed_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(features, "OBSERVED_AFTER", pd.Timedelta(hours=0))


def _departed_as_scheduled(patch: pytest.MonkeyPatch) -> None:
    def departures(flights: pd.DataFrame) -> pd.DataFrame:
        known_at = events.scheduled_departure(flights).dt.as_unit("us")
        return flights.assign(known_at=known_at)[flights["dep_delay"].notna()]

    patch.setattr(features, "departures", departures)


def _nothing(patch: pytest.MonkeyPatch) -> None:
    del patch


@pytest.mark.parametrize(
    ("leak", "overrides", "seen_in"),
    [
        pytest.param(_nothing, {"cut_hours": 1}, "origin_delay_1h", id="cut moved by an hour"),
        pytest.param(
            _new_york_everywhere, {}, "destination_late_rate_7d", id="landings in New York time"
        ),
        pytest.param(_observed_at_once, {}, "temp", id="weather known when it is taken"),
        pytest.param(
            _departed_as_scheduled, {}, "origin_delay_3h", id="departures known when scheduled"
        ),
        pytest.param(
            _nothing,
            {"cancellation_known_hours": 0},
            "origin_late_rate_7d",
            id="cancellations known when scheduled",
        ),
        pytest.param(
            _nothing,
            {"diversion_known_days": -1},
            "origin_late_rate_7d",
            id="diversions known when their day begins",
        ),
    ],
)
def test_erasure_reveals_a_leak(
    monkeypatch: pytest.MonkeyPatch,
    tables: Tables,
    parameters: Parameters,
    scheduled: pd.DataFrame,
    leak: Callable[[pytest.MonkeyPatch], None],
    overrides: Parameters,
    seen_in: str,
) -> None:
    leak(monkeypatch)

    changed = (
        columns
        for day in DAYS
        for _, columns in _changed_by_erasure(tables, {**parameters, **overrides}, scheduled, day)
    )

    assert any(seen_in in columns for columns in changed)


@pytest.mark.parametrize("day", DAYS)
def test_erasure_has_something_to_erase(tables: Tables, scheduled: pd.DataFrame, day: str) -> None:
    for flight in _sampled(tables["flights"], scheduled, day):
        cut = scheduled.loc[flight, "departure"] - 2 * HOUR
        before, after = tables["flights"], _flights_known_at(cut, tables["flights"], scheduled)
        assert (before["dep_delay"].fillna(-999) != after["dep_delay"].fillna(-999)).any()
        assert (before["arr_delay"].fillna(-999) != after["arr_delay"].fillna(-999)).any()


def _changed_by_erasure(
    tables: Tables, parameters: Parameters, scheduled: pd.DataFrame, day: str
) -> Iterator[tuple[int, list[str]]]:
    """Sampled flights, and the feature columns that differ when all known after a cut is erased."""
    known = _history(tables, day)
    plan = scheduled.loc[known["flights"].index]
    complete = _features(known, parameters, day)
    for flight in _sampled(known["flights"], plan, day):
        cut = plan.loc[flight, "departure"] - 2 * HOUR
        erased = {
            **known,
            "flights": _flights_known_at(cut, known["flights"], plan),
            "weather": known["weather"][known["weather"]["time_hour"] + HOUR <= cut],
        }
        before, after = complete.loc[flight], _features(erased, parameters, day).loc[flight]
        differing = [name for name in complete if not _same(before[name], after[name])]
        if differing:
            yield flight, differing


def _flights_known_at(cut: pd.Timestamp, flights: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """Flights as known at the cut; later values are missing or delayed further."""
    delay = pd.to_timedelta(flights["dep_delay"], unit="min")
    arrival_delay = pd.to_timedelta(flights["arr_delay"], unit="min")
    departed = plan["departure"] + delay <= cut
    cancelled = flights["dep_time"].isna() & (plan["departure"] + 3 * HOUR <= cut)
    landed = departed & (plan["arrival"] + arrival_delay <= cut)
    would_be_diverted = _three_days_later(flights) <= cut
    diverted = departed & flights["arr_delay"].isna() & would_be_diverted

    erased = flights.astype(dict.fromkeys(NO_TRACE, "float64"))
    waiting = ~departed & ~cancelled
    would_be_cancelled = plan["departure"] + 3 * HOUR <= cut
    for name, value in NO_TRACE.items():
        erased.loc[waiting & ~would_be_cancelled, name] = value
    for name, value in AFTER_CUT.items():
        erased.loc[waiting & would_be_cancelled, name] = value
    flying = departed & ~landed & ~diverted
    for name in ("arr_time", "arr_delay", "air_time"):
        erased.loc[flying & ~would_be_diverted, name] = NO_TRACE[name]
        erased.loc[flying & would_be_diverted, name] = AFTER_CUT[name]
    erased.loc[~departed, "tailnum"] = None
    return erased


def _three_days_later(flights: pd.DataFrame) -> pd.Series:
    """End of the third New York day after each flight's own, one plain Python step at a time."""
    ends = {
        day: datetime.combine(
            datetime.fromisoformat(day).date() + timedelta(days=4), time(), NEW_YORK
        )
        for day in flights[DAY].unique()
    }
    return pd.to_datetime(flights[DAY].map(ends), utc=True)


def _sampled(flights: pd.DataFrame, plan: pd.DataFrame, day: str) -> list[int]:
    """Flights spread evenly over a day, its first and its last among them."""
    of_day = plan.loc[flights.index[flights[DAY] == day], "departure"]
    in_order = of_day.sort_values(kind="stable").index
    last = len(in_order) - 1
    return [int(in_order[last * i // (SAMPLED_FLIGHTS - 1)]) for i in range(SAMPLED_FLIGHTS)]


def _history(tables: Tables, day: str) -> dict[str, pd.DataFrame]:
    """The inputs of one day: its flights and weather with their look-back."""
    flights, weather = tables["flights"], tables["weather"]
    return {
        **tables,
        "flights": flights[flights[DAY].between(_before(day, 11), day)],
        "weather": weather[weather[DAY].between(_before(day, 1), day)],
    }


def _before(day: str, count: int) -> str:
    return (pd.Timestamp(day) - pd.Timedelta(days=count)).strftime("%Y-%m-%d")


def _features(tables: Tables, parameters: Parameters, *days: str) -> pd.DataFrame:
    """Feature rows indexed as the flights they were computed from."""
    computed = flight_features(days, **tables, **parameters)
    flights = tables["flights"]
    return computed.set_axis(flights.index[flights[DAY].isin(days)])


def _same(left: Any, right: Any) -> bool:
    return bool(left == right or (pd.isna(left) and pd.isna(right)))


@pytest.mark.parametrize("day", DAYS)
def test_day_computed_alone_equals_the_day_within_a_range(
    tables: Tables, parameters: Parameters, day: str
) -> None:
    flights, weather = tables["flights"], tables["weather"]
    span = [_before(day, offset) for offset in (3, 2, 1, 0)]
    longer = {
        **tables,
        "flights": flights[flights[DAY].between(_before(day, 14), day)],
        "weather": weather[weather[DAY].between(_before(day, 14), day)],
    }

    alone = flight_features([day], **_history(tables, day), **parameters)
    together = flight_features(span, **longer, **parameters)

    within = together[together[DAY] == day]
    pd.testing.assert_frame_equal(
        alone.reset_index(drop=True), within.reset_index(drop=True), check_exact=True
    )


def test_order_of_the_input_rows_does_not_matter(tables: Tables, parameters: Parameters) -> None:
    known = _history(tables, "2013-07-08")
    shuffled = {name: frame.sample(frac=1, random_state=7) for name, frame in known.items()}

    in_order = flight_features(["2013-07-08"], **known, **parameters)
    out_of_order = flight_features(["2013-07-08"], **shuffled, **parameters)

    pd.testing.assert_frame_equal(
        in_order.sort_values(KEY, ignore_index=True),
        out_of_order.sort_values(KEY, ignore_index=True),
        check_exact=True,
    )


@pytest.mark.parametrize("day", ["2013-01-01", *DAYS])
def test_every_flight_of_a_day_keeps_the_contract(
    tables: Tables, parameters: Parameters, day: str
) -> None:
    rows = flight_features([day], **_history(tables, day), **parameters)

    validated = validate(rows, FlightFeatures, [day])

    flights = (tables["flights"][DAY] == day).sum()
    assert (len(validated.rows), len(validated.dead_letters)) == (flights, 0)
    assert validated.quarantined == {}


def test_first_flights_of_the_data_have_null_rates(tables: Tables, parameters: Parameters) -> None:
    rows = flight_features(["2013-01-01"], **_history(tables, "2013-01-01"), **parameters)

    first = rows.sort_values("predicted_at").iloc[0]
    rates = [name for name in rows if name.endswith(("_rate_7d", "_delay_3h", "_delay_1h"))]
    assert first[rates].isna().all()
    assert first["origin_backlog_3h"] == 0


def test_later_flights_of_the_first_day_have_rates(tables: Tables, parameters: Parameters) -> None:
    rows = flight_features(["2013-01-01"], **_history(tables, "2013-01-01"), **parameters)

    last = rows.sort_values("predicted_at").iloc[-1]
    assert 0 <= last["origin_late_rate_7d"] <= 1


def test_destination_without_a_zone_is_kept_without_scheduled_minutes(
    tables: Tables, parameters: Parameters
) -> None:
    known = _history(tables, "2013-07-08")
    without = {**parameters, "extra_zones": {}}

    rows = flight_features(["2013-07-08"], **known, **without)

    unknown = rows["dest"].isin(["BQN", "PSE", "SJU", "STT"])
    assert unknown.sum() > 0
    assert len(rows) == (known["flights"][DAY] == "2013-07-08").sum()
    assert rows.loc[unknown, "scheduled_minutes"].isna().all()
    assert rows.loc[~unknown, "scheduled_minutes"].notna().all()


def test_prediction_is_made_two_hours_before_departure(
    tables: Tables, parameters: Parameters
) -> None:
    rows = flight_features(["2013-11-03"], **_history(tables, "2013-11-03"), **parameters)

    local = (rows["predicted_at"] + 2 * HOUR).dt.tz_convert(NEW_YORK)
    assert (local.dt.strftime("%Y-%m-%d") == "2013-11-03").all()
    assert (local.dt.hour * 60 + local.dt.minute == rows["minute_of_day"]).all()


def _outcomes(tables: Tables, parameters: Parameters, *days: str) -> pd.DataFrame:
    """Outcomes of days from the inputs that their table declares."""
    assumed = {name: value for name, value in parameters.items() if name != "cut_hours"}
    flights = tables["flights"]
    needed = flights[flights[DAY].between(_before(min(days), 3), max(days))]
    return flight_outcomes(days, flights=needed, airports=tables["airports"], **assumed)


@pytest.mark.parametrize("day", ["2013-01-01", *DAYS])
def test_outcomes_of_a_day_keep_the_contract(
    tables: Tables, parameters: Parameters, day: str
) -> None:
    validated = validate(_outcomes(tables, parameters, day), FlightOutcomes, [day])

    flights = tables["flights"]
    is_unknown = flights["dep_time"].notna() & flights["arr_delay"].isna()
    known_on_the_day = (flights[DAY] == day) & ~is_unknown
    known_later = (flights[DAY] == _before(day, 3)) & is_unknown
    assert len(validated.rows) == known_on_the_day.sum() + known_later.sum()
    assert (validated.rows["outcome"] == "diverted").sum() == known_later.sum()
    assert len(validated.dead_letters) == 0
    assert validated.quarantined == {}


@pytest.mark.parametrize("day", DAYS)
def test_outcomes_are_known_at_the_time_of_the_rules(
    tables: Tables, parameters: Parameters, scheduled: pd.DataFrame, day: str
) -> None:
    rows = _outcomes(tables, parameters, day)

    flights = tables["flights"].loc[rows.index]
    plan = scheduled.loc[rows.index]
    assert [*rows["flight_day"]] == [*flights[DAY]]
    assert [*rows["known_at"]] == [*_known_at(flights, plan)]


def test_outcomes_of_a_day_alone_equal_those_within_a_range(
    tables: Tables, parameters: Parameters
) -> None:
    days = [_before("2013-07-08", before) for before in (3, 2, 1, 0)]

    together = _outcomes(tables, parameters, *days)

    alone = pd.concat([_outcomes(tables, parameters, day) for day in days])
    order = [DAY, *KEY]
    pd.testing.assert_frame_equal(
        together.sort_values(order, ignore_index=True), alone.sort_values(order, ignore_index=True)
    )


def _known_at(flights: pd.DataFrame, plan: pd.DataFrame) -> Iterator[pd.Timestamp]:
    ends = _three_days_later(flights)
    for flight, when in zip(flights.itertuples(), plan.itertuples(), strict=True):
        if pd.isna(flight.dep_time):
            yield when.departure + 3 * HOUR
        elif pd.isna(flight.arr_delay):
            yield ends[flight.Index]
        else:
            yield when.arrival + timedelta(minutes=flight.arr_delay)
