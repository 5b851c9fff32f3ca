"""Entries become rows of the table of logged predictions, validated by a contract of the pipeline's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.logged import logged_contract
from ml_assets.contracts.validation import validate
from ml_assets.learning.contracts import Prediction
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.online.prediction_log.rows import Logged, logged_rows
from ml_assets_tests.online.prediction_log.entries import NOON, entry

NEW_YORK = Calendar(Cadence.DAILY, "America/New_York")
DAY_STARTS, DAY_ENDS = (datetime(2013, 5, day, 4, tzinfo=UTC) for day in (1, 2))
NAMES = ["meter", "read_at", "kind"]


class Predictions(Prediction):
    """Predictions of meters."""

    meter: str = pa.Field(description="The meter.")
    read_at: pd.DatetimeTZDtype = pa.Field(
        description="When.", dtype_kwargs={"unit": "us", "tz": "UTC"}
    )
    kind: str = pa.Field(nullable=True, description="Kind of the meter.")


CONTRACT: type[Contract] = logged_contract(Logged, Predictions, NAMES, ["prediction"])


@pytest.mark.parametrize(
    ("target", "hours", "is_replayed"),
    [
        pytest.param(None, (DAY_STARTS - NOON) / timedelta(hours=1), False, id="partition"),
        pytest.param(NOON + timedelta(hours=3), 3.0, False, id="column"),
        pytest.param(NOON - timedelta(hours=3), -3.0, True, id="column of the past"),
    ],
)
def test_a_row_has_its_key_its_prediction_and_its_times(
    target: datetime | None, hours: float, is_replayed: bool
) -> None:
    logged = replace(entry("a", 0.1), request={"meter": "a", "read_at": target or NOON})
    times = PredictionTimes(NEW_YORK, 0, "at", "read_at" if target else None)

    validated = validate(logged_rows([logged], CONTRACT, NAMES, times), CONTRACT, [logged.day])

    assert validated.quarantined == {}
    [row] = validated.rows.astype("object").to_dict("records")
    assert {name: row[name] for name in (DAY, "event_id", "prediction_id")} == {
        DAY: logged.day,
        "event_id": "a",
        "prediction_id": logged.prediction_id,
    }
    assert (row["meter"], row["read_at"], row["prediction"]) == ("a", target or NOON, 0.1)
    assert pd.isna(row["kind"]), "a segment is from the features where the request has none"
    assert (row["at"], row["answered_at"]) == (logged.at, logged.answered_at)
    assert (row["missing_features"], row["stale_tables"], row["latency_ms"]) == (1, 1, 1.25)
    assert (row["horizon_hours"], row["is_replayed"]) == (hours, is_replayed)


def test_an_answer_after_the_partition_is_replayed() -> None:
    times = PredictionTimes(NEW_YORK, 0, "at")
    entries = [
        replace(entry(f"e{number}"), answered_at=DAY_ENDS + timedelta(microseconds=number))
        for number in (-1, 0)
    ]

    assert [*logged_rows(entries, CONTRACT, NAMES, times)["is_replayed"]] == [False, True]


def test_an_entry_without_the_time_that_is_predicted_has_no_horizon() -> None:
    times = PredictionTimes(NEW_YORK, 0, "at", "read_at")
    entries = [entry("a"), replace(entry("b"), request={"meter": "a"})]

    rows = logged_rows(entries, CONTRACT, NAMES, times)

    assert rows["horizon_hours"].isna().tolist() == [False, True]
    assert [*rows["is_replayed"]] == [True, True]


def test_a_row_that_breaks_the_contract_is_a_dead_letter_and_others_are_stored() -> None:
    times = PredictionTimes(NEW_YORK, 0, "at")
    entries = [entry(f"e{number}") for number in range(40)]
    entries[3] = replace(entries[3], request={"meter": None, "read_at": NOON})

    validated = validate(logged_rows(entries, CONTRACT, NAMES, times), CONTRACT, ["2013-05-01"])

    assert len(validated.rows) == 39
    assert [*validated.dead_letters["rule"]] == ["meter: must not be null"]


def test_no_entries_are_no_rows_with_all_columns() -> None:
    rows = logged_rows([], CONTRACT, NAMES, PredictionTimes(NEW_YORK, 0, "at"))

    assert rows.empty
    assert {*rows.columns} == {DAY, *columns(CONTRACT)}
