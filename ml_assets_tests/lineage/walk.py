"""Dependents of a day of flights, computed from the tables' rows and windows without the ledger."""

from collections.abc import Mapping
from datetime import date, timedelta

import pandas as pd

from ml_assets.content import DAY
from ml_assets.lake.store import Lake

LOOK_BACK_DAYS = 11
ARRIVAL_DAYS = 4
OUTCOME_DAYS = 3
"""Days after a flight within which its outcome is published; a diversion on the last of them."""
DRIFT_DAYS = 7


def later(day: str, days: int) -> str:
    """The day some days after another, or before it."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def walk(lake: Lake, day: str) -> Mapping[str, tuple[int, int]]:
    """Noun → days and rows of the table that used a day of ``sources/flights``."""
    features = _days(lake, "flight_features", day, later(day, LOOK_BACK_DAYS))
    outcomes = _days(lake, "flight_outcomes", day, later(day, OUTCOME_DAYS))
    models = {
        as_of
        for as_of in _stored(lake, "training_dataset")
        if set(_rows(lake, "training_dataset", [as_of], "feature_day")["feature_day"])
        & (features | outcomes)
    }
    predicted = _rows(lake, "predictions", _stored(lake, "predictions"), "model_as_of")
    scored = predicted[predicted[DAY].isin(features) | predicted["model_as_of"].isin(models)]
    predictions = set(scored[DAY])
    labels = {
        arrived
        for arrived in _stored(lake, "labels")
        if any(later(arrived, -n) in predictions | outcomes for n in range(ARRIVAL_DAYS + 1))
    }
    performance = {
        measured
        for measured in _stored(lake, "performance")
        if measured in predictions
        or any(later(measured, n) in labels for n in range(ARRIVAL_DAYS + 1))
    }
    return {
        "flight_features": _counted(lake, "flight_features", features),
        "flight_outcomes": _counted(lake, "flight_outcomes", outcomes),
        "training_dataset": _counted(lake, "training_dataset", models),
        "evaluation": _counted(lake, "evaluation", models),
        "feature_reference": _counted(lake, "feature_reference", models),
        "release_decision": _counted(lake, "release_decision", models),
        "predictions": (len(predictions), len(scored)),
        "labels": _counted(lake, "labels", labels),
        "performance": _counted(lake, "performance", performance),
    }


def _stored(lake: Lake, noun: str) -> list[str]:
    return lake.days_stored(f"flight_delays/{noun}")


def _days(lake: Lake, noun: str, first: str, last: str) -> set[str]:
    return {day for day in _stored(lake, noun) if first <= day <= last}


def _rows(lake: Lake, noun: str, days: list[str], *columns: str) -> pd.DataFrame:
    return lake.read(f"flight_delays/{noun}", days, columns=[DAY, *columns])


def _counted(lake: Lake, noun: str, days: set[str]) -> tuple[int, int]:
    return len(days), len(_rows(lake, noun, sorted(days))) if days else 0
