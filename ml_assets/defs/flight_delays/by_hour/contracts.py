"""Contracts of the features and outcomes of flights by hour."""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import from_other_inputs
from ml_assets.defs.flight_delays.contracts import UTC, FlightFeatures

SCHEDULED = [
    "time_hour",
    "carrier",
    "flight",
    "origin",
    "dest",
    "minute",
    "sched_arr_time",
    "distance",
]
OF_EVENT = [f"events.{name}" for name in ("event", "time_hour", "carrier", "flight")]
"""Columns that select an event of a flight."""
OTHER_INPUTS = {
    **{f"flights.{name}": [f"timetable.{name}"] for name in SCHEDULED},
    "flights.dep_delay": [*OF_EVENT, "events.delay"],
    "flights.arr_delay": [*OF_EVENT, "events.delay"],
    "flights.dep_time": OF_EVENT,
    "flights.tailnum": [*OF_EVENT, "events.tailnum"],
}
"""Input column of ``FlightFeatures`` → the columns of the timetable and the log that replace it."""

FeaturesByHour = from_other_inputs(
    FlightFeatures,
    "FeaturesByHour",
    "What is known about each flight of an hour, two hours before its scheduled departure.",
    OTHER_INPUTS,
    may_be_empty=True,
    max_dead_letter_share=0.01,
)


class OutcomesByHour(Contract):
    """The landings and cancellations that became known in an hour."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="Scheduled departure, cut to the hour.",
        metadata={"unit": "UTC", "from": ["events.time_hour"]},
        dtype_kwargs=UTC,
    )
    carrier: str = pa.Field(
        description="Carrier that operates the flight.", metadata={"from": ["events.carrier"]}
    )
    flight: int = pa.Field(
        ge=1, le=9999, description="Flight number.", metadata={"from": ["events.flight"]}
    )
    flight_hour: str = pa.Field(
        description="Hour of the flight's scheduled departure.",
        metadata={"from": ["events.time_hour"]},
    )
    late: int = pa.Field(
        isin=[0, 1],
        description="The label: 1 when it landed 15 min late or more, or was cancelled.",
        metadata={"from": ["events.event", "events.delay"]},
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the outcome was known.",
        metadata={"unit": "UTC", "from": ["events.known_at"]},
        dtype_kwargs=UTC,
    )

    class Config:
        """Few things happen at night."""

        unique: ClassVar = ["time_hour", "carrier", "flight"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.01}
