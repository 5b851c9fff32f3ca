"""Retraining policy: a YAML file. ``retraining`` decides by it."""

from functools import cached_property
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from ml_assets.cadence import shifted
from ml_assets.errors import ConfigurationError

MONTH = 31
"""Days in a month, at most."""


class Policy(BaseModel, extra="forbid", frozen=True):
    """A retraining policy; one YAML file. An omitted signal is disabled.

    Attributes:
        name: name of the policy in decisions and tables.
        evaluation_days: days of arrived labels in a window.
        window_step_days: days between the ends of two windows.
        windows: number of windows; the newest ends on the day of the decision.
        confirmations: number of windows that must have the signal, including the newest.
        min_labels: labels of the champion's predictions that a window needs.
        performance_drop: signal: the main metric is worse than at release by more than this.
        calibration_error: signal: mean prediction and mean label differ by more than this.
        drifted_structural: signal: at least this number of structural features have drifted.
        drifted_features: signal: at least this number of features of any group have drifted.
        data_growth: unconfirmed signal: the training window has grown by this share.
        each_month: unconfirmed signal: no retraining was requested in this month yet.
        min_training_days: training days that a first model needs.
        cooldown_days: days after a request in which no retraining is requested.
        budget: largest number of requests within ``budget_days``, including that for the first
            model, which is requested regardless of the budget.
        budget_days: see ``budget``.
    """

    name: str
    evaluation_days: int = Field(14, ge=1)
    window_step_days: int = Field(7, ge=1)
    windows: int = Field(3, ge=1)
    confirmations: int = Field(2, ge=1)
    min_labels: int = Field(1000, ge=2)
    performance_drop: float | None = Field(None, gt=0)
    calibration_error: float | None = Field(None, gt=0)
    drifted_structural: int | None = Field(None, ge=1)
    drifted_features: int | None = Field(None, ge=1)
    data_growth: float | None = Field(None, gt=0)
    each_month: bool = False
    min_training_days: int = Field(28, ge=1)
    cooldown_days: int = Field(7, ge=1)
    budget: int = Field(15, ge=0)
    budget_days: int = Field(365, ge=1)

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.confirmations > self.windows:
            raise ValueError(
                "confirmations cannot be more than windows: no signal would ever count"
            )
        if self.budget_days < max(self.cooldown_days, MONTH if self.each_month else 0):
            raise ValueError(
                f"budget_days cannot be below cooldown_days, nor below {MONTH} with each_month"
            )
        return self

    @cached_property
    def label_days(self) -> int:
        """Days of labels that a decision reads, including its own day."""
        return self.evaluation_days + (self.windows - 1) * self.window_step_days

    @property
    def reads_drift(self) -> bool:
        """Whether a decision reads drift reports."""
        return self.drifted_structural is not None or self.drifted_features is not None

    def window_ends(self, day: str) -> list[str]:
        """Last day of each window, the newest first."""
        return [shifted(day, -number * self.window_step_days) for number in range(self.windows)]


NO_POLICY = Policy(name="none")
"""Requests a retraining only if there is no champion."""


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ConfigurationError: it does not exist, is not YAML, or contains an unknown or invalid key.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(
            f"Policy file {path} cannot be read ({error.strerror}). Expected a YAML file, or one "
            "of the pipeline's own policies."
        ) from None
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError(f"Policy file {path.name} is invalid: {problem}") from None
