"""Retraining policy: a YAML file. ``retraining`` decides by it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from pydantic import BaseModel, Field, model_validator

from ml_assets.cadence import Cadence, Calendar
from ml_assets.durations import Duration, PositiveDuration, partitions
from ml_assets.errors import ConfigurationError, sentence

MONTH = timedelta(days=31)
"""The longest month."""

DEFAULTS: Mapping[Cadence, Mapping[str, str | int]] = {
    Cadence.WEEKLY: {
        "evaluation_window": "13w",
        "window_step": "4w",
        "min_labels": 10,
        "min_training_window": "26w",
        "cooldown": "4w",
    },
    Cadence.MONTHLY: {
        "evaluation_window": "12mo",
        "window_step": "3mo",
        "min_labels": 10,
        "min_training_window": "24mo",
        "cooldown": "3mo",
    },
}
"""Cadence → defaults that a series with one row in a partition can reach."""


class Policy(BaseModel, extra="forbid", frozen=True, allow_inf_nan=False):
    """A retraining policy; one YAML file. An omitted signal is disabled.

    Weeks and months have other defaults, see ``DEFAULTS``.

    Attributes:
        name: name of the policy in decisions and tables.
        evaluation_window: length of a window of arrived labels.
        window_step: time between the ends of two windows.
        windows: number of windows; the newest ends with the partition of the decision.
        confirmations: number of windows that must have the signal, including the newest.
        min_labels: labels of the champion's predictions that a window needs.
        performance_drop: signal: the main metric is worse than at release by more than this.
        calibration_error: signal: mean prediction and mean label differ by more than this.
        drifted_structural: signal: at least this number of structural features have drifted.
        drifted_features: signal: at least this number of features of any group have drifted.
        data_growth: unconfirmed signal: the training window has grown by this share.
        each_month: unconfirmed signal: no retraining was requested in this month yet.
        min_training_window: training data that a first model needs.
        cooldown: time after a request in which no retraining is requested.
        budget: largest number of requests within ``budget_window``, including that for the first
            model, which is requested regardless of the budget.
        budget_window: see ``budget``.
    """

    name: str
    evaluation_window: PositiveDuration = Duration.parse("14d")
    window_step: PositiveDuration = Duration.parse("7d")
    windows: int = Field(3, ge=1)
    confirmations: int = Field(2, ge=1)
    min_labels: int = Field(1000, ge=2)
    performance_drop: float | None = Field(None, gt=0)
    calibration_error: float | None = Field(None, gt=0)
    drifted_structural: int | None = Field(None, ge=1)
    drifted_features: int | None = Field(None, ge=1)
    data_growth: float | None = Field(None, gt=0)
    each_month: bool = False
    min_training_window: PositiveDuration = Duration.parse("28d")
    cooldown: PositiveDuration = Duration.parse("7d")
    budget: int = Field(15, ge=0)
    budget_window: PositiveDuration = Duration.parse("365d")

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.confirmations > self.windows:
            raise ValueError(
                "confirmations cannot be more than windows: no signal would ever count"
            )
        least = max(self.cooldown.longest, MONTH if self.each_month else timedelta())
        if self.budget_window.longest < least:
            raise ValueError(
                f"budget_window cannot be below cooldown, nor below {MONTH.days}d with each_month"
            )
        return self

    def of_cadence(self, cadence: Cadence) -> "Policy":
        """The policy with defaults that partitions of a cadence can reach."""
        said = self.model_dump(exclude_unset=True)
        return Policy.model_validate({**DEFAULTS.get(cadence, {}), **said})

    def refuse_other_cadences(self, calendar: Calendar) -> None:
        """Refuse durations that are no whole number of partitions.

        Args:
            calendar: partitions of the decisions.

        Raises:
            ConfigurationError: one of them is not.
        """
        names = ("evaluation_window", "window_step", "cooldown", "budget_window")
        try:
            for name in (*names, "min_training_window"):
                partitions(self, name, calendar)
        except ValueError as error:
            raise ConfigurationError(
                f"Policy '{self.name}' is not usable: {sentence(error)}"
            ) from None

    def label_window(self, calendar: Calendar) -> int:
        """Partitions of labels that a decision reads, including its own."""
        step = partitions(self, "window_step", calendar)
        return partitions(self, "evaluation_window", calendar) + (self.windows - 1) * step

    def budget_start(self, key: str, calendar: Calendar) -> str:
        """The last partition before ``budget_window``, which ends with the partition of a decision."""
        return calendar.shifted(key, -partitions(self, "budget_window", calendar))

    @property
    def reads_drift(self) -> bool:
        """Whether a decision reads drift reports."""
        return self.drifted_structural is not None or self.drifted_features is not None

    def window_ends(self, key: str, calendar: Calendar) -> list[str]:
        """Last partition of each window, the newest first."""
        step = partitions(self, "window_step", calendar)
        return [calendar.shifted(key, -number * step) for number in range(self.windows)]


NO_POLICY = Policy(name="none")
"""Requests a retraining only if there is no champion."""
