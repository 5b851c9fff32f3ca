"""Entries of the prediction log as rows of its table; values keep their types and bits."""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, cast

from ml_assets.errors import ContractViolation
from ml_assets.learning.ensembles.answers import Answer
from ml_assets.ledger.database import stored_time
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.tables import EVENT_ID_LENGTH
from ml_assets.online.values import decoded, encoded

EVENT_ID = re.compile(rf"[!-~]{{1,{EVENT_ID_LENGTH}}}")


def row_of(entry: LoggedPrediction) -> dict[str, Any]:
    """Column → value of an entry.

    Raises:
        ContractViolation: its id is not usable.
    """
    if not EVENT_ID.fullmatch(entry.event_id):
        raise ContractViolation(
            f"{entry.event_id[:EVENT_ID_LENGTH]!r} is no id of an event, expected 1 to "
            f"{EVENT_ID_LENGTH} visible ASCII characters."
        )
    return {
        **vars(entry),
        "at": stored_time(entry.at),
        "answered_at": stored_time(entry.answered_at),
        "request": encoded(entry.request),
        "features": encoded(entry.features),
        "ages": encoded(entry.ages),
        "missing": json.dumps([*entry.missing]),
        "stale": json.dumps([*entry.stale]),
        "prediction": encoded(entry.prediction),
        "ensemble": entry.ensemble and json.dumps(entry.ensemble.record()),
    }


def entry_of(row: Mapping[str, Any]) -> LoggedPrediction:
    """The entry of a row.

    Args:
        row: column → value, as it is stored.
    """
    return LoggedPrediction(
        **{
            **row,
            "at": row["at"].replace(tzinfo=UTC),
            "answered_at": row["answered_at"].replace(tzinfo=UTC),
            "request": decoded(row["request"]),
            "features": decoded(row["features"]),
            "ages": cast("dict[str, float | None]", decoded(row["ages"])),
            "missing": json.loads(row["missing"]),
            "stale": json.loads(row["stale"]),
            "prediction": decoded(row["prediction"]),
            "ensemble": row["ensemble"] and Answer.of_record(json.loads(row["ensemble"])),
        }
    )
