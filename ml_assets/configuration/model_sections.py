"""Sections of a model pipeline's configuration: contracts, monitoring, model card."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ml_assets.alerts.rules import AlertRule
from ml_assets.configuration.sections import ContractName, DottedPath, Name, Section
from ml_assets.monitoring.limits import PerformanceRules


class Contracts(Section):
    """Dotted paths of contracts.

    Attributes:
        features: contract of the feature table; by default that of its ``FeatureTable``.
        outcomes: contract of the label table; by default that of its document.
        training_dataset: contract of the training dataset; by default derived from both.
        predictions: contract of predictions; by default derived from features, join keys and segments.
        labels: contract of the arrived labels; by default derived from segments and task.
        predictions_day: day contract of derived predictions, see ``contracts.day``.
        labels_day: day contract of derived labels.
    """

    features: ContractName | None = None
    outcomes: DottedPath | None = None
    training_dataset: DottedPath | None = None
    predictions: DottedPath | None = None
    labels: DottedPath | None = None
    predictions_day: DottedPath | None = None
    labels_day: DottedPath | None = None

    @model_validator(mode="after")
    def _days_are_of_derived_ones(self) -> Self:
        for name in ("predictions", "labels"):
            if getattr(self, name) and getattr(self, f"{name}_day"):
                raise ValueError(
                    f"{name}_day has no effect if '{name}' is set: set the day contract in the "
                    f"metadata of {getattr(self, name)} instead"
                )
        return self


class MonitoringSection(Section):
    """How features are monitored.

    Attributes:
        structural: features whose distribution should be stable; that of all others may change.
        calendar: features that move with the date, such as the week of the year; they are shown in
            drift reports and never count as drifted.
        policy: the retraining policy: path of a file, or name of a file in the folder ``policies``
            beside the ``defs.yaml``. Without one, only a missing champion triggers a retraining.
        min_rows: minimum number of rows of a window, and of values of a feature in it, to detect
            drift; 400 when omitted, or three quarters of the training rows of a usual window if these
            are fewer, but at least 30.
        alerts: rules for high-risk predictions, each of which makes an alert.
        performance: when the performance of the champion has dropped, see ``PerformanceRules``.
        default_status: ``stopped`` if the sensors for days and retraining wait to be switched on in the
            UI; ``running`` starts them unless the environment stops all sensors.
    """

    structural: tuple[Name, ...] = ()
    calendar: tuple[Name, ...] = ()
    policy: str | None = Field(None, min_length=1)
    min_rows: int | None = Field(None, ge=1)
    alerts: tuple[AlertRule, ...] = ()
    performance: PerformanceRules = PerformanceRules()
    default_status: Literal["running", "stopped"] = "running"

    def policy_file(self, folder: Path) -> Path | None:
        """The file of the policy, for a ``defs.yaml`` in a folder; None without one."""
        if self.policy is None or self.policy.endswith(".yaml"):
            return folder / self.policy if self.policy else None
        return folder / "policies" / f"{self.policy}.yaml"


class CardConfiguration(Section):
    """Texts of a model card that are not computed.

    Attributes:
        purpose: purpose of the model, in whole sentences.
        limits: limits of its use, one sentence each.
    """

    purpose: str = Field("Nobody has written down what it is for.", min_length=1)
    limits: tuple[str, ...] = ("Nobody has written down what it is not for.",)
