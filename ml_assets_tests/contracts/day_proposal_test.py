"""A day contract proposed from history: it can be imported, and history passes it."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.day import DayContract, measures_of
from ml_assets.contracts.day_proposal import candidates, proposal
from ml_assets.contracts.day_verdicts import judge_days, measure

DAYS = [f"2013-01-{day:02}" for day in range(1, 29)]


class Readings(Contract):
    """Readings with what a proposal looks at."""

    station: str = pa.Field(description="One of two.")
    temp: float = pa.Field(nullable=True)
    alarm: bool = pa.Field()
    level: int = pa.Field()

    class Config:
        """No key."""

        metadata: ClassVar = {}


@pytest.fixture
def history() -> pd.DataFrame:
    """Four weeks of readings, fewer at weekends."""
    random = np.random.default_rng(1)
    parts = []
    for number, day in enumerate(DAYS):
        count = 60 if number % 7 in (4, 5) else 100
        parts.append(
            pd.DataFrame(
                {
                    DAY: day,
                    "station": ["A", "B"] * (count // 2),
                    "temp": pd.Series(random.normal(size=count)).where(random.random(count) > 0.1),
                    "alarm": random.random(count) < 0.2,
                    "level": random.integers(0, 9, count),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).astype({"station": "str"})


def proposed(history: pd.DataFrame) -> tuple[str, type[DayContract]]:
    """The text of the proposal, and the class that it makes."""
    made = candidates(Readings, history)
    counts = history[DAY].value_counts().to_dict()
    text = proposal(Readings, measure(history, DAYS, counts, made), made)
    names: dict[str, object] = {}
    exec(compile(text, "proposal", "exec"), names)
    found = names["ReadingsDay"]
    assert isinstance(found, type)
    assert issubclass(found, DayContract)
    return text, found


def test_history_passes_the_proposal(history: pd.DataFrame) -> None:
    text, contract = proposed(history)

    assert [item.name for item in measures_of(contract)] == [
        "rows_against_usual",
        "station_present",
        "temp_missing",
        "alarm_rate",
    ]
    assert judge_days(history, DAYS, {}, contract) == ({}, {})
    assert "28 partitions 2013-01-01 to 2013-01-28" in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda day: day.head(30), "rows_against_usual", id="rows missing"),
        pytest.param(lambda day: day.assign(temp=np.nan), "temp_missing", id="column null"),
        pytest.param(lambda day: day.assign(alarm=True), "alarm_rate", id="always true"),
        pytest.param(lambda day: day.assign(station="A"), "station_present", id="value gone"),
    ],
)
def test_spoiled_day_breaks_the_proposal(
    history: pd.DataFrame, spoil: object, message: str
) -> None:
    _, contract = proposed(history)
    last = history[DAY] == DAYS[-1]
    assert callable(spoil)
    rows = pd.concat([history[~last], spoil(history[last])], ignore_index=True)

    quarantined, _ = judge_days(rows, DAYS, {}, contract)

    assert [*quarantined] == [DAYS[-1]]
    assert message in quarantined[DAYS[-1]]


def test_the_proposal_for_a_column_that_is_no_python_name_can_be_imported() -> None:
    class Strikes(Contract):
        """A table whose column has a blank."""

        phase: str = pa.Field(alias="Phase of flight", nullable=True)

    rows = pd.DataFrame({DAY: ["2024-01-01", "2024-01-02"], "Phase of flight": ["Climb", "Climb"]})
    found = candidates(Strikes, rows)
    scope: dict[str, type[DayContract]] = {}

    exec(proposal(Strikes, measure(rows, [*rows[DAY]], {}, found), found), scope)

    assert "Phase of flight" in {item.column for item in measures_of(scope["StrikesDay"])}


def test_proposal_for_a_table_without_a_usable_measure() -> None:
    rows = pd.DataFrame(
        {DAY: ["2013-01-01"], "station": "A", "temp": 1.0, "alarm": True, "level": 1}
    )
    made = candidates(Readings, rows)

    text = proposal(Readings, measure(rows, ["2013-01-01"], {}, made), made)

    compile(text, "proposal", "exec")
    assert "rows_against_usual" not in text
