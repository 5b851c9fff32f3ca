"""How values of time columns are read as moments."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from ml_assets.sources.clock import Clock

NEW_YORK = "America/New_York"
NOON = datetime(2013, 7, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "value"),
    [
        pytest.param(Clock("at"), "2013-07-08 12:00", id="iso"),
        pytest.param(Clock("at", zone=NEW_YORK), "2013-07-08T08:00:00", id="iso in a zone"),
        pytest.param(Clock("at", zone=NEW_YORK), "2013-07-08 12:00Z", id="offset beats zone"),
        pytest.param(Clock("at", zone=NEW_YORK), datetime(2013, 7, 8, 8), id="time in a zone"),
        pytest.param(Clock("at"), NOON.astimezone(timezone(timedelta(hours=3))), id="offset"),
        pytest.param(Clock("at"), pd.Timestamp(NOON), id="timestamp"),
        pytest.param(Clock("at", "%d.%m.%Y %H:%M"), "08.07.2013 12:00", id="format"),
        pytest.param(Clock("at", "%d.%m.%Y %H:%M", NEW_YORK), "08.07.2013 08:00", id="its zone"),
        pytest.param(Clock("at", "epoch_s"), 1373284800, id="seconds"),
        pytest.param(Clock("at", "epoch_s"), "1373284800", id="seconds as text"),
        pytest.param(Clock("at", "epoch_ms"), 1373284800000.0, id="milliseconds"),
        pytest.param(Clock("at", "epoch_us"), Decimal(1373284800000000), id="microseconds"),
    ],
)
def test_the_same_moment(clock: Clock, value: Any) -> None:
    assert clock.moment(value) == NOON
    assert [*clock.moments(pd.Series([value], dtype=object))] == [NOON]


@pytest.mark.parametrize(
    ("clock", "value", "hour"),
    [
        pytest.param(Clock("at", day_zone=NEW_YORK), date(2013, 7, 8), 4, id="date"),
        pytest.param(Clock("at", day_zone=NEW_YORK), "2013-07-08", 4, id="text"),
        pytest.param(Clock("at", "%d.%m.%Y", day_zone=NEW_YORK), "08.07.2013", 4, id="format"),
        pytest.param(Clock("at", zone="UTC", day_zone=NEW_YORK), "2013-07-08", 0, id="its zone"),
    ],
)
def test_a_date_is_the_beginning_of_a_local_day(clock: Clock, value: Any, hour: int) -> None:
    assert clock.moment(value) == datetime(2013, 7, 8, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "value"),
    [
        pytest.param(Clock("at"), 1373284800, id="number without a format"),
        pytest.param(Clock("at", "epoch_s"), "2013-07-08", id="text for a number"),
        pytest.param(Clock("at", "epoch_s"), True, id="boolean"),
        pytest.param(Clock("at", "epoch_s"), float("nan"), id="not a number"),
        pytest.param(Clock("at", "epoch_s"), 1e300, id="beyond all years"),
        pytest.param(Clock("at", "%d.%m.%Y"), "2013-07-08", id="another format"),
        pytest.param(Clock("at", "%d.%m.%Y"), "31.02.2013", id="no such day"),
        pytest.param(Clock("at", zone=NEW_YORK), "2013-03-10 02:30", id="hour that is left out"),
        pytest.param(Clock("at"), None, id="null"),
    ],
)
def test_what_is_no_time_is_not_guessed(clock: Clock, value: Any) -> None:
    assert clock.moment(value) is None
    assert clock.moments(pd.Series([value, None], dtype=object)).isna().all()


def test_a_local_time_that_occurs_twice_is_the_first_one() -> None:
    found = Clock("at", zone=NEW_YORK).moment("2013-11-03 01:30")

    assert found == datetime(2013, 11, 3, 5, 30, tzinfo=UTC)


def test_values_that_a_contract_reads_alike_are_left_as_they_are() -> None:
    values = pd.Series(["2013-07-08 12:00", "2013-07-08", "never", None], dtype=object)
    clock = Clock("at", day_zone=NEW_YORK)

    found = clock.normalized(values, clock.moments(values))

    assert [*found] == [values[0], datetime(2013, 7, 8, 4, tzinfo=UTC), "never", None]
