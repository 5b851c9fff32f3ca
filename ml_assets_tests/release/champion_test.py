"""Which model is in production on a day, from the stored releases alone."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.release.champion import BY_GATES, Champion, ChampionModel, champion_by_day

DAYS = [f"2013-07-{day:02}" for day in range(1, 11)]


def releases(*released: tuple[str, str]) -> pd.DataFrame:
    """Releases of (as-of day, first serving day), in this order."""
    return pd.DataFrame(
        [
            {
                DAY: day,
                "fingerprint": f"model of {day}",
                "version": number,
                "serves_from": serves_from,
                "released_by": BY_GATES,
                "evidence": "hash",
                "metric": "auc",
                "value": 0.7,
                "training_days": 42,
                "training_last": "2013-06-01",
                "replaces": "",
            }
            for number, (day, serves_from) in enumerate(released)
        ],
        columns=[*no_rows(ChampionModel)],
    )


def at_once(*days: str) -> pd.DataFrame:
    """Releases that serve from their as-of day on."""
    return releases(*[(day, day) for day in days])


def as_of(released: pd.DataFrame, days: list[str]) -> dict[str, str]:
    """Day → as-of day of its champion."""
    return {day: champion.as_of for day, champion in champion_by_day(released, days).items()}


def test_champion_has_the_values_of_its_release() -> None:
    found = champion_by_day(releases((DAYS[0], DAYS[2])), [DAYS[3]])

    assert found == {
        DAYS[3]: Champion(
            DAYS[0], f"model of {DAYS[0]}", 0.7, 42, "2013-06-01", "auc", serves_from=DAYS[2]
        )
    }


def test_releases_keep_their_contract() -> None:
    validated = validate(at_once(DAYS[0], DAYS[3]), ChampionModel, DAYS)

    assert validated.quarantined == {}
    assert len(validated.rows) == 2


@pytest.mark.parametrize(
    ("day", "champion"),
    [
        pytest.param(DAYS[1], None, id="before the first"),
        pytest.param(DAYS[2], DAYS[2], id="on the first one's as-of day"),
        pytest.param(DAYS[4], DAYS[2], id="day before the second"),
        pytest.param(DAYS[5], DAYS[5], id="on the second one's as-of day"),
        pytest.param(DAYS[9], DAYS[5], id="long after"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
def test_newest_released_model_serves(day: str, champion: str | None, order: int) -> None:
    released = at_once(*[DAYS[2], DAYS[5]][::order])

    assert as_of(released, [day]) == ({day: champion} if champion else {})


def test_model_approved_later_serves_from_then_on_and_changes_no_day_before() -> None:
    released = releases((DAYS[0], DAYS[0]), (DAYS[2], DAYS[6]))

    assert as_of(released, [DAYS[5], DAYS[6]]) == {DAYS[5]: DAYS[0], DAYS[6]: DAYS[2]}


def test_model_approved_later_does_not_replace_a_newer_one() -> None:
    released = releases((DAYS[2], DAYS[6]), (DAYS[4], DAYS[4]))

    assert as_of(released, [DAYS[8]]) == {DAYS[8]: DAYS[4]}


def test_without_a_release_there_is_no_champion() -> None:
    assert champion_by_day(no_rows(ChampionModel), DAYS) == {}


def test_no_days_have_no_champions() -> None:
    assert champion_by_day(at_once(DAYS[0]), []) == {}


@given(st.sets(st.sampled_from(DAYS)), st.sampled_from(DAYS))
@settings(deadline=None, max_examples=40)
def test_later_releases_do_not_change_earlier_days(released_on: set[str], until: str) -> None:
    released = at_once(*released_on)
    days = [day for day in DAYS if day <= until]

    found = as_of(released, days)

    assert found == as_of(released[released[DAY] <= until], days)
    assert found == {
        day: max(before) for day in days if (before := [of for of in released_on if of <= day])
    }
