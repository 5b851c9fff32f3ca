"""Patterns of file paths: which files they match, and the period that a name stands for."""

from datetime import UTC, datetime

import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.sources.file_names import FilePattern


@pytest.mark.parametrize(
    ("pattern", "path", "start", "end"),
    [
        pytest.param("%Y.csv", "2013.csv", (2013, 1, 1, 5), (2014, 1, 1, 5), id="year"),
        pytest.param("%Y/%m.csv", "2013/12.csv", (2013, 12, 1, 5), (2014, 1, 1, 5), id="month"),
        pytest.param(
            "a-%Y%m%d.csv", "a-20130310.csv", (2013, 3, 10, 5), (2013, 3, 11, 4), id="23 h"
        ),
        pytest.param(
            "year=%Y/%Y-%m-%d.csv",
            "year=2013/2013-07-08.csv",
            (2013, 7, 8, 4),
            (2013, 7, 9, 4),
            id="twice",
        ),
        pytest.param(
            "%d.%m.%Y.csv", "09.07.2013.csv", (2013, 7, 9, 4), (2013, 7, 10, 4), id="order"
        ),
        pytest.param(
            "%Y-%m-%d/%H.jsonl", "2013-07-08/23.jsonl", (2013, 7, 9, 3), (2013, 7, 9, 4), id="hour"
        ),
        pytest.param(
            "%Y-%m-%d-%H.csv",
            "2013-11-03-01.csv",
            (2013, 11, 3, 5),
            (2013, 11, 3, 7),
            id="hour twice",
        ),
        pytest.param(
            "%Y-%m-%d-*.csv", "2013-07-08-part2.csv", (2013, 7, 8, 4), (2013, 7, 9, 4), id="parts"
        ),
    ],
)
def test_a_name_stands_for_a_local_period(
    pattern: str, path: str, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    found = FilePattern(pattern, "America/New_York")

    assert found.matches(path)
    assert found.period(path) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize(
    "path",
    [
        "weather/2013-7-8.csv",
        "weather/2013-07-08.csv.part",
        "weather/_2013-07-08.csv",
        "weather/.2013-07-08.csv",
        "2013-07-08.csv",
        "weather/2013-07-08xcsv",
        "weather/old/2013-07-08.csv",
        "_weather/2013-07-08.csv",
    ],
)
def test_other_files_do_not_match(path: str) -> None:
    assert not FilePattern("weather/%Y-%m-%d.csv").matches(path)


def test_a_date_that_does_not_exist_has_no_period() -> None:
    pattern = FilePattern("%Y-%m-%d.csv")

    assert pattern.matches("2013-02-30.csv")
    assert pattern.period("2013-02-30.csv") is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        pytest.param("%Y-%m-%d.xlsx", "no known suffix; expected one of .csv", id="format"),
        pytest.param("weather", "no known suffix", id="no suffix"),
        pytest.param("%Y-%d.csv", "has a gap", id="gap"),
        pytest.param("%m-%d.csv", "has a gap", id="no year"),
        pytest.param("%Y-%j.csv", "'%j' in", id="day of the year"),
        pytest.param("/var/%Y.csv", "not below the connection's folder", id="absolute"),
        pytest.param("../%Y.csv", "not below the connection's folder", id="parent"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FilePattern(pattern)
