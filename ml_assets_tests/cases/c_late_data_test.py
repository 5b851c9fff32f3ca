"""Cases C2 and C4: outcomes that are not known yet, and labels that were known early."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import ml_assets.defs.flight_delays as pipeline
from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.defs.flight_delays.features import WEATHER as OBSERVED
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes
from ml_assets.learning.scoring import prediction_ids
from ml_assets.monitoring.contracts.performance import Label
from ml_assets.monitoring.performance import arrived_labels

KEY = ["time_hour", "carrier", "flight"]
DAY_OF_FLIGHT, HOURS = "2013-01-10", range(10, 24)
AIRPORTS = pd.DataFrame({"faa": ["BOS"], "tzone": ["America/New_York"]})
WEATHER = pd.DataFrame(
    {
        "origin": ["JFK"],
        "time_hour": pd.to_datetime(["2012-01-01"], utc=True).as_unit("us"),
        **{name: [1.0] for name in OBSERVED},
    }
)
PLANES = pd.DataFrame({"tailnum": ["N1"], "seats": [100], "year": [2000.0]})


def parameters(*left_out: str) -> Mapping[str, Any]:
    """Parameters of the feature table, as its ``defs.yaml`` says them."""
    documents = yaml.safe_load_all((Path(pipeline.__path__[0]) / "defs.yaml").read_text("utf-8"))
    found = next(documents)["attributes"]["parameters"]
    return {name: value for name, value in found.items() if name not in left_out}


def flights(*days: str, **values: Any) -> pd.DataFrame:
    """Hourly flights of days, on time unless ``values`` say otherwise."""
    frames = []
    for day in days:
        start = pd.Timestamp(day, tz="America/New_York").tz_convert("UTC")
        moments = pd.DatetimeIndex([start + timedelta(hours=hour) for hour in HOURS]).as_unit("us")
        row = {
            DAY: day,
            "time_hour": moments,
            "carrier": "UA",
            "flight": range(1, len(HOURS) + 1),
            "tailnum": "N1",
            "origin": "JFK",
            "dest": "BOS",
            "dep_time": 1.0,
            "dep_delay": 0.0,
            "sched_arr_time": [(hour + 1) % 24 * 100 for hour in HOURS],
            "arr_time": 1.0,
            "arr_delay": 0.0,
            "distance": 200,
            "minute": 0,
        }
        frames.append(pd.DataFrame(row | values))
    numbers = dict.fromkeys(["dep_time", "dep_delay", "arr_time", "arr_delay"], "float64")
    return pd.concat(frames, ignore_index=True).astype({DAY: "str", **numbers})


def outcomes(known: pd.DataFrame, *days: str) -> pd.DataFrame:
    """Outcomes that become known on some days."""
    return flight_outcomes(days, flights=known, airports=AIRPORTS, **parameters("cut_hours"))


def days_from(first: str, count: int) -> list[str]:
    """Days in a row."""
    return [f"{day:%Y-%m-%d}" for day in pd.date_range(first, periods=count)]


UNKNOWN = {
    "arrival_not_reported": {"arr_time": None, "arr_delay": None},
    "landed_but_delay_not_computed": {"arr_delay": None},
    "still_taxiing": {"dep_delay": None, "arr_time": None, "arr_delay": None},
}


@pytest.mark.parametrize("values", UNKNOWN.values(), ids=UNKNOWN.keys())
@pytest.mark.parametrize("age", [0, 1, 2])
def test_c2_flight_without_an_arrival_has_no_outcome_yet(
    values: Mapping[str, None], age: int
) -> None:
    days = days_from(DAY_OF_FLIGHT, age + 1)
    known = pd.concat([flights(days[0], **values), *(flights(day) for day in days[1:])])

    found = outcomes(known, *days)

    assert not (found["flight_day"] == DAY_OF_FLIGHT).any()
    assert (found["late"] == 0).all()


@pytest.mark.parametrize("values", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_c2_a_flight_without_an_arrival_after_three_days_is_diverted(
    values: Mapping[str, None],
) -> None:
    days = days_from(DAY_OF_FLIGHT, 4)
    known = pd.concat([flights(days[0], **values), *(flights(day) for day in days[1:])])

    found = outcomes(known, *days)

    of_day = found[found["flight_day"] == DAY_OF_FLIGHT]
    assert set(of_day["outcome"]) == {"diverted"}
    assert set(of_day[DAY]) == {days[3]}
    assert set(of_day["known_at"]) == {pd.Timestamp("2013-01-14 05:00", tz="UTC")}


def test_c2_arrival_that_is_reported_later_gives_the_outcome_it_would_have_given() -> None:
    days = days_from(DAY_OF_FLIGHT, 4)
    in_time = pd.concat([flights(day) for day in days], ignore_index=True)
    late_report = pd.concat(
        [flights(days[0], arr_time=None, arr_delay=None), *(flights(day) for day in days[1:3])]
    )

    before, after = outcomes(late_report, *days[:3]), outcomes(in_time, *days)

    assert not (before["flight_day"] == DAY_OF_FLIGHT).any()
    pd.testing.assert_frame_equal(after, outcomes(in_time, *days))
    assert (after["outcome"] == "landed").all()
    assert len(after) == len(in_time)


def test_c2_some_flights_in_the_air_do_not_affect_others() -> None:
    whole = flights(DAY_OF_FLIGHT)
    in_the_air = whole.assign(arr_delay=whole["arr_delay"].where(whole["flight"] % 3 > 0))

    found = outcomes(in_the_air, DAY_OF_FLIGHT)

    landed = in_the_air[in_the_air["arr_delay"].notna()]
    assert found["flight"].tolist() == landed["flight"].tolist()
    assert found["late"].mean() == 0


def test_c2_single_days_and_ranges_have_the_same_outcomes() -> None:
    days = days_from(DAY_OF_FLIGHT, 8)
    known = pd.concat([flights(day) for day in days], ignore_index=True)
    known["arr_delay"] = known["arr_delay"].where(known["flight"] % 5 > 0)

    together = outcomes(known, *days)

    alone = [outcomes(known[known[DAY].between(_before(day, 3), day)], day) for day in days]
    pd.testing.assert_frame_equal(
        together.sort_values([DAY, *KEY], ignore_index=True),
        pd.concat(alone).sort_values([DAY, *KEY], ignore_index=True),
    )


@pytest.mark.parametrize(
    ("age", "is_counted"), [(1, False), (3, False), (4, True), (10, True)], ids=str
)
def test_c2_features_count_it_only_when_it_is_known(age: int, is_counted: bool) -> None:
    days = days_from(DAY_OF_FLIGHT, age + 1)
    known = pd.concat(
        [flights(days[0], arr_delay=None), *(flights(day) for day in days[1:])], ignore_index=True
    )

    rows = flight_features(
        [days[-1]], flights=known, weather=WEATHER, planes=PLANES, airports=AIRPORTS, **parameters()
    )

    assert (rows["origin_late_rate_7d"].max() > 0) == is_counted


def _before(day: str, count: int) -> str:
    return f"{pd.Timestamp(day) - timedelta(days=count):%Y-%m-%d}"


MONDAY = "2013-07-08"


def labels_of(known_at: list[str | None], day: str, delay_days: int = 0) -> pd.DataFrame:
    """Labels of Monday's predictions that arrive on a day."""
    count = len(known_at)
    rows = pd.DataFrame({DAY: pd.Series([MONDAY] * count, dtype="str"), "flight": range(count)})
    predictions = rows.assign(
        prediction_id=prediction_ids(rows, ["flight"]),
        prediction=0.5,
        model_version="f",
        model_as_of="2013-07-01",
        is_late=False,
        carrier="UA",
    )
    reported = rows.assign(late=1, known_at=pd.to_datetime(known_at, utc=True).as_unit("us"))
    return arrived_labels(
        predictions,
        reported,
        day=day,
        calendar=Calendar(timezone="America/New_York"),
        scored_days=[MONDAY],
        key=["flight"],
        segments=["carrier"],
        label="late",
        known_at="known_at",
        delay=timedelta(days=delay_days),
        within=4,
    )


EARLY = {
    "an_hour_before_midnight": ("2013-07-08 03:00", 0),
    "a_microsecond_before": ("2013-07-08 03:59:59.999999", 0),
    "the_day_before": ("2013-07-07 12:00", 0),
    "years_before": ("2001-01-01", 0),
    "before_the_day_though_delayed": ("2013-07-06 12:00", 1),
    "exactly_at_midnight": ("2013-07-08 04:00", 0),
    "delayed_to_midnight": ("2013-07-07 04:00", 1),
}


@pytest.mark.parametrize(("known_at", "delay_days"), EARLY.values(), ids=EARLY.keys())
def test_c4_label_known_before_the_day_arrives_on_the_day(known_at: str, delay_days: int) -> None:
    before, own, after = (
        labels_of([known_at], day, delay_days) for day in ("2013-07-07", MONDAY, "2013-07-09")
    )

    assert (len(before), len(own), len(after)) == (0, 1, 0)
    assert validate(own, Label, [MONDAY]).row_counts == {MONDAY: 1}


@pytest.mark.parametrize("others", [0, 30], ids=["alone", "among_others"])
def test_c4_label_with_unknown_time_is_a_dead_letter(others: int) -> None:
    known_at: list[str | None] = [None, *["2013-07-08 12:00"] * others]

    own = labels_of(known_at, MONDAY)
    later = labels_of(known_at, "2013-07-09")

    validated = validate(own, Label, [MONDAY])
    assert validated.dead_letters["rule"].tolist() == ["known_at: must not be null"]
    assert validated.row_counts == {MONDAY: others}
    assert later.empty
