"""Contracts that do not fit an online table are refused; entities are read from texts."""

from dataclasses import replace

import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.online.definition import OnlineTable, entity_of, refuse_unfit
from ml_assets_tests.online.conftest import BY_DAY, READINGS, Readings


def test_a_contract_whose_key_is_entity_and_time_fits() -> None:
    refuse_unfit(READINGS, Readings)


@pytest.mark.parametrize(
    ("online", "message"),
    [
        pytest.param(
            replace(READINGS, entity=("metre", "number")),
            "'online.entity: metre' of meters/readings in defs.yaml is no column of Readings. Did you "
            "mean 'meter'?",
            id="unknown column",
        ),
        pytest.param(
            replace(READINGS, entity=("meter", "number", "kind")),
            "'online.entity: kind' .* of type string and may be null. Expected texts or whole numbers",
            id="nullable column",
        ),
        pytest.param(
            replace(READINGS, entity=("meter", "is_new")),
            "'online.entity: is_new' .* of type bool. Expected texts",
            id="type of the entity",
        ),
        pytest.param(
            replace(READINGS, event_time="used"),
            "'online.event_time: used' .* Expected timestamps with a time zone",
            id="type of the time",
        ),
        pytest.param(
            BY_DAY,
            "Readings has the key meter, number, at, so one meter, number may have several rows of one",
            id="several rows of a partition",
        ),
        pytest.param(
            replace(READINGS, entity=("meter",)),
            "one meter may have several rows",
            id="part of key",
        ),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(online: OnlineTable, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        refuse_unfit(online, Readings)


def test_an_entity_is_read_from_texts_by_the_types_of_the_contract() -> None:
    assert entity_of(READINGS, Readings, {"number": "7", "meter": "7"}) == ["7", 7]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param(
            {"meter": "a"}, "number is not given, expected meter=… number=…", id="missing"
        ),
        pytest.param(
            {"meter": "a", "numbr": "1"}, "no entity column 'numbr'.* Did you mean", id="unknown"
        ),
        pytest.param(
            {"meter": "a", "number": "x"}, "'x' is no value of number .* type int64", id="type"
        ),
    ],
)
def test_texts_that_name_no_entity_are_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        entity_of(READINGS, Readings, texts)


@pytest.mark.parametrize(
    ("cadence", "until", "last"),
    [
        (Cadence.DAILY, "2013-11-03", "2013-11-03"),
        (Cadence.HOURLY, "2013-11-03", "2013-11-03-23:00"),
        (Cadence.HOURLY, "2013-11-03-01:00-0500", "2013-11-03-01:00-0500"),
        (Cadence.WEEKLY, "2013-11-03", "2013-10-28"),
        (Cadence.WEEKLY, "2013-10-28", "2013-10-28"),
        (Cadence.MONTHLY, "2013-11-03", "2013-11-01"),
    ],
)
def test_the_last_partition_until_a_day_begins_on_it_or_before(
    cadence: Cadence, until: str, last: str
) -> None:
    online = replace(READINGS, calendar=Calendar(cadence, "America/New_York"))

    assert online.last_partition(until) == last
