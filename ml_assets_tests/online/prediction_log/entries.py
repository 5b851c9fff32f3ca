"""Entries of a prediction log, for its tests."""

from datetime import UTC, datetime, timedelta

from ml_assets.online.prediction_log.entry import LoggedPrediction

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)


def entry(event_id: str, number: float = 0.5, day: str = "2013-05-01") -> LoggedPrediction:
    """An entry with a number in its request, its features, and its prediction."""
    return LoggedPrediction(
        event_id=event_id,
        pipeline="meters",
        day=day,
        prediction_id=f"{day}-of-{event_id}",
        at=NOON,
        answered_at=NOON + timedelta(milliseconds=2),
        request={"meter": "a", "number": number, "read_at": NOON},
        features={"used": number, "kind": None, "is_new": True},
        ages={"meters/readings": 3600.5, "meters/places": None},
        missing=["kind"],
        stale=["meters/readings"],
        prediction={"prediction": number},
        model_version="f" * 32,
        model_as_of="2013-04-30",
        latency_ms=1.25,
    )
