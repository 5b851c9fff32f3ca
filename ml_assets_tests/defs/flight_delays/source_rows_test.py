"""The source rows of a feature row reproduce that row, and all of them are needed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.defs.flight_delays.events import KEY
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.defs.flight_delays.source_rows import USED_FOR, source_rows

Tables = Mapping[str, pd.DataFrame]
Parameters = Mapping[str, Any]

DAYS = ["2013-03-10", "2013-07-08", "2013-11-03"]
SAMPLED_FLIGHTS = 6


@pytest.fixture(scope="module")
def samples(tables: Tables, parameters: Parameters) -> list[pd.Series]:
    """Feature rows over each day, among them the first and the last flight."""
    rows = flight_features(DAYS, **tables, **parameters)
    chosen = []
    for day in DAYS:
        of_day = rows[rows[DAY] == day].sort_values([*KEY])
        step = (len(of_day) - 1) // (SAMPLED_FLIGHTS - 1)
        chosen += [of_day.iloc[number * step] for number in range(SAMPLED_FLIGHTS)]
    return chosen


@pytest.fixture(scope="module")
def used_rows(
    tables: Tables, parameters: Parameters, samples: list[pd.Series]
) -> list[tuple[pd.Series, Tables]]:
    """Each sample with its source rows."""
    return [(sample, source_rows(sample, **tables, **parameters)) for sample in samples]


def _again(used: Tables, sample: pd.Series, parameters: Parameters) -> pd.Series:
    frames = {name: frame.drop(columns=USED_FOR) for name, frame in used.items()}
    rows = flight_features([sample[DAY]], **frames, **parameters)
    [(_, row)] = rows[(rows[KEY] == sample[KEY]).all(axis=1)].iterrows()
    return row


def _differences(one: pd.Series, other: pd.Series) -> list[str]:
    return [
        str(name)
        for name in one.index
        if one[name] != other[name] and not (pd.isna(one[name]) and pd.isna(other[name]))
    ]


def test_source_rows_reproduce_the_feature_row(
    parameters: Parameters, used_rows: list[tuple[pd.Series, Tables]]
) -> None:
    for sample, used in used_rows:
        assert _differences(_again(used, sample, parameters), sample) == [], sample[KEY].tolist()


def test_rows_are_a_small_part_of_what_was_read(
    tables: Tables, used_rows: list[tuple[pd.Series, Tables]]
) -> None:
    for _, used in used_rows:
        assert len(used["weather"]) <= 1
        assert len(used["planes"]) <= 1
        assert len(used["flights"]) < len(tables["flights"]) / 3


@pytest.mark.parametrize(
    ("use", "column"),
    [
        pytest.param("departures in its hour", "departures_in_hour", id="hour"),
        pytest.param("recent departures", "all_airports_delay_3h", id="recent"),
        pytest.param("backlog", "origin_backlog_3h", id="backlog"),
        pytest.param("weekly rates", "origin_late_rate_7d", id="week"),
    ],
)
def test_each_use_matters(
    parameters: Parameters, used_rows: list[tuple[pd.Series, Tables]], use: str, column: str
) -> None:
    """Without the rows that have only this use, the feature of a sample changes."""

    def changed(sample: pd.Series, used: Tables) -> list[str]:
        flights = used["flights"][used["flights"][USED_FOR] != use]
        return _differences(_again({**used, "flights": flights}, sample, parameters), sample)

    assert any(column in changed(sample, used) for sample, used in used_rows)


def test_own_row_and_usual_plane_are_named(used_rows: list[tuple[pd.Series, Tables]]) -> None:
    planes = 0
    for sample, used in used_rows:
        own = used["flights"][
            used["flights"][USED_FOR].str.contains("the flight itself, as scheduled")
        ]
        assert own[KEY].to_numpy().tolist() == [sample[KEY].tolist()]
        planes += len(used["planes"])
    assert planes > len(used_rows) / 2
