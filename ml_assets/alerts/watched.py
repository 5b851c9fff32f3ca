"""What the sources of alerts have to know of a pipeline, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.alerts.rules import AlertRule
from ml_assets.cadence import Calendar
from ml_assets.monitoring.policy import Policy


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
    """

    name: str
    calendar: Calendar
    policy: Policy
    rules: Sequence[AlertRule] = ()
    segments: Sequence[str] = ()
    has_classes: bool = False
    is_ensemble: bool = False
    is_logged: bool = False

    def table(self, noun: str) -> str:
        """The asset key of one of its tables."""
        return f"{self.name}/{noun}"
