"""Decisions about the models of a pipeline, and when each of them served."""

from dataclasses import dataclass
from typing import Literal

from ml_assets.content import DAY
from ml_assets.reports.pages.state import PageState


@dataclass(frozen=True)
class Event:
    """A decision.

    Attributes:
        day: the day that was decided on, or the as-of day of the release.
        lane: what it is about.
        verdict: what was decided, in words.
        reason: why.
    """

    day: str
    lane: Literal["release", "retraining"]
    verdict: str
    reason: str


@dataclass(frozen=True)
class Serving:
    """The time in which a champion serves.

    Attributes:
        first: first partition.
        last: first partition of the next champion, or the newest one.
        what: the model, in words.
    """

    first: str
    last: str
    what: str


def events(state: PageState) -> list[Event]:
    """All decisions, the newest first."""
    released = [
        Event(row[DAY], "release", row["verdict"].replace("_", " "), row["reason"])
        for row in state.released.decisions.to_dict("records")
    ]
    asked = [
        Event(row[DAY], "retraining", row["verdict"], row["reason"])
        for row in state.monitored.retrainings.to_dict("records")
    ]
    return sorted([*released, *asked], key=lambda event: (event.day, event.lane), reverse=True)


def spans(state: PageState) -> list[Serving]:
    """The time of each champion, the oldest first."""
    champions = state.released.champions.sort_values(DAY).to_dict("records")
    ends = [*(row["serves_from"] for row in champions[1:]), ""]
    return [
        Serving(
            row["serves_from"],
            end or max(state.newest_day, row["serves_from"]),
            f"version {row['version']}, {row['metric']} {row['value']:.4f}, released by {row['released_by']}",
        )
        for row, end in zip(champions, ends, strict=True)
    ]
