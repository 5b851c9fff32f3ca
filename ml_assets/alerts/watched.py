"""Pipelines and tables for the sources of alerts, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ml_assets.alerts.rules import AlertRule
from ml_assets.cadence import Calendar
from ml_assets.monitoring.policy import Policy
from ml_assets.planning.inputs import Input


@dataclass(frozen=True)
class WatchedTable:
    """A table with partitions that have to be stored in time.

    Attributes:
        key: its asset key.
        calendar: its partitions.
        last: its last partition; None when open.
        fresh_within: time from the end of a partition until it has to be stored; None for no limit.
        inputs: the newest partitions of other tables that a partition reads, without snapshots.
        empty_on: days of the week on which its partitions have no rows.
    """

    key: str
    calendar: Calendar
    last: str | None = None
    fresh_within: timedelta | None = None
    inputs: Sequence[Input] = ()
    empty_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class WatchedPipeline:
    """A pipeline whose alerts are evaluated.

    Attributes:
        name: its name.
        calendar: partitions of its predictions.
        policy: its retraining policy.
        rules: rules for high-risk predictions.
        segments: columns of its predictions that rules may name.
        has_classes: whether it predicts one of several classes.
        is_ensemble: whether its model is an ensemble.
        is_logged: whether its predictions are from the prediction log.
        predictions: its predictions, if it has any.
    """

    name: str
    calendar: Calendar
    policy: Policy
    rules: Sequence[AlertRule] = ()
    segments: Sequence[str] = ()
    has_classes: bool = False
    is_ensemble: bool = False
    is_logged: bool = False
    predictions: WatchedTable | None = None

    def table(self, noun: str) -> str:
        """The asset key of one of its tables."""
        return f"{self.name}/{noun}"
