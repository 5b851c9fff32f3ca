"""Which model is in production on a day, from the decisions alone."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.contracts.validation import no_rows
from ml_assets.lake.content import DAY
from ml_assets.registry.champion import Champion, champions_of
from ml_assets.registry.release import BLOCKED, PROMOTED, ReleaseDecision

DAYS = [f"2013-07-{day:02}" for day in range(1, 11)]


def decisions(*decided: tuple[str, str]) -> pd.DataFrame:
    """Decisions of (as-of day, verdict), in this order."""
    return pd.DataFrame(
        [
            {
                DAY: day,
                "verdict": verdict,
                "challenger": f"model of {day}",
                "champion": "the one before",
                "challenger_value": 0.7,
                "champion_value": 0.6,
                "training_days": 42,
                "training_last": "2013-06-01",
            }
            for day, verdict in decided
        ],
        columns=[*no_rows(ReleaseDecision)],
    )


def as_of(decided: pd.DataFrame, days: list[str]) -> dict[str, str]:
    """Day → as-of day of its champion."""
    return {day: champion.as_of for day, champion in champions_of(decided, days).items()}


def test_champion_is_told_as_it_was_released() -> None:
    found = champions_of(decisions((DAYS[0], PROMOTED)), [DAYS[3]])

    assert found == {DAYS[3]: Champion(DAYS[0], f"model of {DAYS[0]}", 0.7, 42, "2013-06-01")}


@pytest.mark.parametrize(
    ("day", "champion"),
    [
        pytest.param(DAYS[1], None, id="before the first"),
        pytest.param(DAYS[2], DAYS[2], id="on the first one's as-of day"),
        pytest.param(DAYS[4], DAYS[2], id="day before the second"),
        pytest.param(DAYS[5], DAYS[5], id="on the second one's as-of day"),
        pytest.param(DAYS[9], DAYS[5], id="after a blocked one"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
def test_newest_promoted_model_serves(day: str, champion: str | None, order: int) -> None:
    decided = decisions(
        *[
            (DAYS[0], BLOCKED),
            (DAYS[2], PROMOTED),
            (DAYS[3], BLOCKED),
            (DAYS[5], PROMOTED),
            (DAYS[7], BLOCKED),
        ][::order]
    )

    assert as_of(decided, [day]) == ({day: champion} if champion else {})


@pytest.mark.parametrize(
    "decided",
    [
        pytest.param(no_rows(ReleaseDecision), id="no decision"),
        pytest.param(decisions((DAYS[0], BLOCKED)), id="a blocked one only"),
    ],
)
def test_nobody_serves_without_a_promoted_model(decided: pd.DataFrame) -> None:
    assert champions_of(decided, DAYS) == {}


def test_no_days_have_no_champions() -> None:
    assert champions_of(decisions((DAYS[0], PROMOTED)), []) == {}


@given(
    st.dictionaries(st.sampled_from(DAYS), st.sampled_from([PROMOTED, BLOCKED])),
    st.sampled_from(DAYS),
)
@settings(deadline=None, max_examples=40)
def test_later_decisions_do_not_change_earlier_days(verdicts: dict[str, str], until: str) -> None:
    decided = decisions(*verdicts.items())
    days = [day for day in DAYS if day <= until]

    found = as_of(decided, days)

    assert found == as_of(decided[decided[DAY] <= until], days)
    assert found == {
        day: max(promoted)
        for day in days
        if (promoted := [of for of in verdicts if of <= day and verdicts[of] == PROMOTED])
    }
