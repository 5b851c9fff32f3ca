"""Entries of a prediction log, for its tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ml_assets.learning.ensembles.answers import Answer, Applied, MemberAnswer, Outcome
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


REFUSED = Answer(
    route="night",
    members={
        "first": MemberAnswer(0.1 + 0.2),
        "second": MemberAnswer(None, "It did not answer within 50 ms."),
        "third": MemberAnswer(0.75, "It failed with ValueError."),
    },
    combined=1 / 3,
    rules=(Applied("no_bikes", "Nobody counts Bahnhöfe „by night“."),),
    outcome=Outcome.REFUSED,
)
"""How an ensemble came to refuse a row."""


def refused(event_id: str, day: str = "2013-05-01") -> LoggedPrediction:
    """An entry of a row that an ensemble refused."""
    return replace(entry(event_id, day=day), prediction={"prediction": None}, ensemble=REFUSED)
