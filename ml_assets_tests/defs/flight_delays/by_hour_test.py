"""Flights predicted hour by hour before they depart.

The source is live: at each hour its tables hold what was known then. The features have to be those
that the same functions compute years later from the complete table of flights: of a week, computed
by the function from what is known at each hour; of its worst day, by runs that extract, compute and
predict each hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa
import time_machine

import ml_assets.defs.flight_delays.by_hour as pipeline
from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.defs.flight_delays.by_hour.features import features_by_hour, happened
from ml_assets.defs.flight_delays.events import KEY, NEW_YORK, departures, outcomes
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.defs.sources.load import reference_table
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import build_once, new_home, opened, opened_copy
from ml_assets_tests.project import Project
from ml_assets_tests.sensor_runs import run_requested

HOURS = Calendar(Cadence.HOURLY, NEW_YORK)
FIRST, TRAINED_FROM = "2013-01-13-00:00", "2013-01-25-00:00"
MONDAY, LAST = "2013-02-04-05:00", "2013-02-10-23:00"
FRIDAY, SATURDAY = "2013-02-08-05:00", "2013-02-09-05:00"
"""A blizzard: half of the flights of these hours are cancelled, the night between them has none."""
LAST_DAY = "2013-02-10"
START = HOURS.start_of(MONDAY) - timedelta(hours=1)
FIRST_DEPARTURE = "05:00"
"""Nothing is scheduled between midnight and this hour."""

CHANGES = {
    "window: 60d": "window: 10d",
    "test_window: 14d": "test_window: 5d\n  release: {rule: literal, margin: null, max_group_gap: 0.5}\n  registry: false",
    "drift_window: 168h": "drift_window: 24h",
    'first: "2013-01-01", timezone: America/New_York, cadence: hourly, ahead: 1h': (
        'first: "2013-01-25", timezone: America/New_York, cadence: hourly, ahead: 1h'
    ),
}
"""What the test changes, because its model is trained on four days."""

TIMETABLE = [*KEY, "origin", "dest", "minute", "sched_arr_time", "distance"]
"""Columns that are known in advance."""

Tables = Mapping[str, pd.DataFrame]


@pytest.fixture(scope="module")
def complete() -> Tables:
    """Flights and weather as they are known years later, with their times in UTC."""
    found = {table: reference_table(table, LAST_DAY) for table in ("flights", "weather")}
    in_utc = {
        table: rows.assign(time_hour=rows["time_hour"].dt.tz_localize("UTC"))
        for table, rows in found.items()
    }
    return {**in_utc, "planes": reference_table("planes"), "airports": reference_table("airports")}


@pytest.fixture(scope="module")
def parameters() -> Mapping[str, Any]:
    """Parameters of the features in the pipeline's YAML."""
    import yaml

    documents = yaml.safe_load_all(yaml_text())
    found: Mapping[str, Any] = next(
        one["attributes"]["parameters"]
        for one in documents
        if one["attributes"].get("key") == "flights_by_hour/features"
    )
    return found


def yaml_text() -> str:
    """The pipeline's YAML."""
    return (Path(pipeline.__path__[0]) / "pipeline.yaml").read_text("utf-8")


def events_of(complete: Tables, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The log that a live source would have written."""
    flights = complete["flights"]
    known = outcomes(
        flights,
        complete["airports"],
        parameters["extra_zones"],
        parameters["cancellation_known_hours"],
        parameters["diversion_known_days"],
    )
    flown = departures(flights)
    ended = pd.concat([flights, known[["outcome", "known_at"]]], axis=1)
    landed = ended[ended["outcome"] == "landed"].rename(columns={"arr_delay": "delay"})
    cancelled = ended[ended["outcome"] == "cancelled"].assign(delay=float("nan"))
    parts = {
        "departed": flown.rename(columns={"dep_delay": "delay"}),
        "landed": landed.assign(tailnum=None),
        "cancelled": cancelled.assign(tailnum=None),
    }
    columns = ["known_at", "event", *KEY, "tailnum", "delay"]
    found = pd.concat([rows.assign(event=event)[columns] for event, rows in parts.items()])
    return found.sort_values("known_at", ignore_index=True)


class LiveSource:
    """A source database whose tables hold what is known at a time."""

    def __init__(self, file: Path, complete: Tables, events: pd.DataFrame) -> None:
        self._engine = sa.create_engine(f"sqlite:///{file}")
        self._complete, self._events = complete, events
        self._until = pd.Timestamp(0, tz="UTC")

    def publish(self) -> None:
        """Create the tables that are known in advance."""
        self._append("timetable", self._complete["flights"][TIMETABLE])
        for table in ("planes", "airports"):
            self._complete[table].to_sql(table, self._engine, index=False)

    def resume(self, now: datetime) -> None:
        """Go on with tables that have what became known until a time."""
        self._until = pd.Timestamp(now)

    def advance(self, now: datetime) -> None:
        """Add what became known until a time."""
        until = pd.Timestamp(now)
        self._append("events", self._between(self._events, self._events["known_at"], until))
        weather = self._complete["weather"]
        known_at = weather["time_hour"] + pd.Timedelta(hours=1)
        self._append("weather", self._between(weather, known_at, until))
        self._until = until

    def _between(
        self, rows: pd.DataFrame, known_at: pd.Series, until: pd.Timestamp
    ) -> pd.DataFrame:
        return rows[(known_at > self._until) & (known_at <= until)]

    def _append(self, table: str, rows: pd.DataFrame) -> None:
        moments = rows.select_dtypes("datetimetz").columns
        plain = rows.assign(**{name: rows[name].dt.tz_localize(None) for name in moments})
        with closing(self._engine.raw_connection()):
            plain.to_sql(table, self._engine, index=False, if_exists="append")


@pytest.fixture(scope="module")
def events(complete: Tables, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The log that a live source would have written."""
    return events_of(complete, parameters)


def changed_definitions(folder: Path) -> dg.Definitions:
    """The pipeline with what the test changes."""
    text = yaml_text()
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    return definitions(folder, text)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, complete: Tables, events: pd.DataFrame
) -> Path:
    """A project with a model as of Monday, an hour before the first departure of the week."""

    def build(home: Path) -> None:
        new_home(home)
        source = LiveSource(home / "data" / "source.db", complete, events)
        source.publish()
        source.advance(START)
        defs = changed_definitions(tmp_path_factory.mktemp("defs"))
        with time_machine.travel(START), opened(home, defs) as project:
            succeed(project, "planes", "airports")
            succeed(project, "timetable", days=f"{FIRST}...{LAST}")
            until = HOURS.shifted(MONDAY, -2)
            succeed(project, "events", "weather", days=f"{FIRST}...{until}")
            succeed(project, "features", "outcomes", days=f"{TRAINED_FROM}...{until}")
            outcome = project.materialize(
                "group:flights_by_hour__training or group:flights_by_hour__release", MONDAY[:10]
            )
            assert outcome.succeeded, outcome.failed_steps

    return build_once(tmp_path_factory, "flights-by-hour", build)


@pytest.fixture
def live(
    tmp_path: Path, trained: Path, complete: Tables, events: pd.DataFrame
) -> Iterator[tuple[Project, LiveSource]]:
    """A copy of the project with the model, and its source."""
    home = tmp_path / "home"
    with (
        time_machine.travel(START),
        opened_copy(trained, home, changed_definitions(tmp_path / "defs")) as project,
    ):
        source = LiveSource(home / "data" / "source.db", complete, events)
        source.resume(START)
        yield project, source


def succeed(project: Project, *tables: str, days: str | None = None) -> None:
    """Materialize tables of the pipeline."""
    selection = " or ".join(f'key:"flights_by_hour/{table}"' for table in tables)
    outcome = project.materialize(selection, days)
    assert outcome.succeeded, outcome.failed_steps


def an_hour_before(hour: str) -> datetime:
    """An hour before the start of an hour."""
    return HOURS.start_of(hour) - timedelta(hours=1)


def with_departures(first: str, last: str) -> list[str]:
    """Hours of a span in which flights can be scheduled."""
    return [hour for hour in HOURS.keys(first, last) if hour[-5:] >= FIRST_DEPARTURE]


@pytest.mark.slow
def test_sensors_predict_the_hours_of_a_morning_before_they_begin(
    live: tuple[Project, LiveSource],
) -> None:
    project, source = live
    hours = HOURS.keys(MONDAY, HOURS.shifted(MONDAY, 1))
    for hour in hours:
        now = HOURS.start_of(hour) - timedelta(minutes=5)
        source.advance(now)
        with time_machine.travel(now):
            run_requested(project, "flights_by_hour__new_hours", "flights_by_hour__days")

    predictions = project.lake.read(
        "flights_by_hour/predictions", stored(project, "predictions", hours)
    )
    assert {*predictions[DAY]} == {*hours}
    assert not predictions["is_replayed"].any()


@pytest.mark.slow
def test_a_day_is_predicted_hour_by_hour_before_departure(
    live: tuple[Project, LiveSource], complete: Tables, parameters: Mapping[str, Any]
) -> None:
    project, source = live
    known_until = HOURS.shifted(MONDAY, -2)
    for hour in with_departures(FRIDAY, SATURDAY):
        now = an_hour_before(hour)
        source.advance(now)
        with time_machine.travel(now):
            following, known_until = HOURS.shifted(known_until, 1), HOURS.shifted(hour, -2)
            if following <= known_until:
                succeed(project, "events", "weather", days=f"{following}...{known_until}")
            succeed(project, "features", "predictions", days=hour)

    keys = HOURS.keys(FRIDAY, SATURDAY)
    features = project.lake.read("flights_by_hour/features", stored(project, "features", keys))
    predictions = project.lake.read(
        "flights_by_hour/predictions", stored(project, "predictions", keys)
    )
    expected = features_years_later(complete, parameters, keys)
    assert len(features) == len(predictions) == len(expected) > 900
    assert_equal(features, expected)
    assert not predictions["is_replayed"].any()
    assert predictions["horizon_hours"].eq(2).all()


@pytest.mark.slow
def test_features_of_a_week_use_what_is_known_an_hour_before(
    complete: Tables, events: pd.DataFrame, parameters: Mapping[str, Any]
) -> None:
    hours = with_departures(MONDAY, LAST)
    dated = {
        "timetable": dated_by(complete["flights"], "time_hour")[[DAY, *TIMETABLE]],
        "events": dated_by(events, "known_at"),
        "weather": dated_by(complete["weather"], "time_hour"),
    }

    found = [
        features_by_hour(
            [hour],
            timetable=between(dated["timetable"], HOURS.shifted(hour, -268), hour),
            events=between(dated["events"], HOURS.shifted(hour, -268), HOURS.shifted(hour, -2)),
            weather=between(dated["weather"], HOURS.shifted(hour, -15), HOURS.shifted(hour, -2)),
            planes=complete["planes"],
            airports=complete["airports"],
            **parameters,
        )
        for hour in hours
    ]

    expected = features_years_later(complete, parameters, hours)
    assert len(expected) > 5000
    assert_equal(pd.concat(found), expected)


def stored(project: Project, table: str, hours: list[str]) -> list[str]:
    """Hours that are stored."""
    entries = project.entries(f"flights_by_hour/{table}")
    return [hour for hour in hours if hour in entries]


def dated_by(rows: pd.DataFrame, time: str) -> pd.DataFrame:
    """The rows with their partitions, in the order of these."""
    keys = {moment: HOURS.key_of(moment) for moment in rows[time].unique()}
    return rows.assign(**{DAY: rows[time].map(keys)}).sort_values(DAY, ignore_index=True)


def between(rows: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """The rows of a span of partitions."""
    start, end = rows[DAY].searchsorted(first), rows[DAY].searchsorted(last, side="right")
    return rows.iloc[start:end]


def features_years_later(
    complete: Tables, parameters: Mapping[str, Any], hours: Sequence[str]
) -> pd.DataFrame:
    """The features of some hours' flights from the complete tables."""
    flights = dated_by(complete["flights"], "time_hour")
    return flight_features(hours, **{**complete, "flights": flights}, **parameters)


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The same features of the same flights."""
    columns = [name for name in expected.columns if name != DAY]
    by_key = [rows.sort_values(KEY, ignore_index=True)[columns] for rows in (found, expected)]
    pd.testing.assert_frame_equal(*by_key, check_dtype=False)


def test_flights_that_may_still_depart_are_not_cancelled() -> None:
    timetable = pd.DataFrame({"time_hour": 1, "carrier": "AA", "flight": [1, 2, 3, 4]})
    events = pd.DataFrame(
        [
            (1, "AA", 1, "departed", "N1", 5.0),
            (1, "AA", 1, "landed", None, 9.0),
            (1, "AA", 2, "departed", "N2", 0.0),
            (1, "AA", 3, "cancelled", None, None),
        ],
        columns=[*KEY, "event", "tailnum", "delay"],
    )

    found = happened(timetable, events).set_index("flight")

    assert found["dep_time"].isna().to_dict() == {1: False, 2: False, 3: True, 4: False}
    assert found["dep_delay"].dropna().to_dict() == {1: 5.0, 2: 0.0}
    assert found["arr_delay"].dropna().to_dict() == {1: 9.0}


def test_an_hour_exists_one_hour_before_it_begins(tmp_path: Path) -> None:
    graph = definitions(tmp_path / "defs", yaml_text()).resolve_asset_graph()

    with time_machine.travel(an_hour_before(MONDAY)):
        last = {
            table: graph.get(
                dg.AssetKey(["flights_by_hour", table])
            ).partitions_def.get_last_partition_key()
            for table in ("events", "features", "predictions")
        }

    assert last == {
        "events": HOURS.shifted(MONDAY, -2),
        "features": MONDAY,
        "predictions": MONDAY,
    }
