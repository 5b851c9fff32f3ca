"""Limits of the performance in production, and the windows in which it is reported.

The limits are the section ``monitoring.performance`` of ``defs.yaml``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, Field, model_validator

from ml_assets.cadence import Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.specification import ModelSpecification, Task
from ml_assets.names import suggestion

LENGTHS = (1, 2, 4)
"""Lengths of the windows, in windows of drift."""

USUAL_DROP = 0.1
"""Share of its value at release by which a metric may be worse, if nothing is configured."""


class Limit(BaseModel, extra="forbid", frozen=True):
    """An absolute limit of a metric: one of the two, by the direction of the metric.

    Attributes:
        at_least: least value, of a metric of which more is better.
        at_most: greatest value, of a metric of which less is better.
    """

    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("name one of at_least and at_most")
        return self

    @property
    def value(self) -> float:
        """The limit."""
        return float(self.at_most if self.at_least is None else self.at_least)  # type: ignore[arg-type]


class PerformanceRules(BaseModel, extra="forbid", frozen=True):
    """When the performance of the champion has dropped.

    Attributes:
        drop: by how much the main metric may be worse than at the champion's release, in its unit,
            for all rows and for each segment; ``performance_drop`` of the retraining policy when
            omitted, and without one a tenth of the value at release.
        limits: metric → its absolute limit, for all rows and for each segment. The main metric then
            has this limit instead of ``drop``.
        min_coverage: share of the predictions that must have a label; with fewer, values are
            provisional and break no limit.
    """

    drop: float | None = Field(None, gt=0, allow_inf_nan=False)
    limits: dict[str, Limit] = {}
    min_coverage: float = Field(0.8, gt=0, le=1)

    def check(self, task: Task) -> None:
        """Check the limits that depend on the task.

        Raises:
            ConfigurationError: a metric is none of the task, or its limit has the other direction.
        """
        known = [name for name, metric in METRICS.items() if metric.task == task]
        for name, limit in self.limits.items():
            where = f"'limits' of 'monitoring.performance' in defs.yaml names '{name}'"
            if name not in known:
                raise ConfigurationError(
                    f"{where}, which is no metric of a {task}.{suggestion(name, known)}"
                )
            needed = "at_least" if METRICS[name].higher_is_better else "at_most"
            if getattr(limit, needed) is None:
                better = "more" if METRICS[name].higher_is_better else "less"
                raise ConfigurationError(
                    f"{where}, of which {better} is better: its limit is '{needed}'."
                )


@dataclass(frozen=True)
class ReportRules:
    """How the performance of a pipeline is reported.

    Attributes:
        calendar: partitions of the predictions.
        window: partitions of the shortest window.
        arrives_within: partitions after a prediction by which its label has arrived.
        segments: segment columns.
        evaluation: metrics, resamples and confidence.
        performance: limits.
        policy_drop: ``performance_drop`` of the retraining policy, if it has one.
    """

    calendar: Calendar
    window: int
    arrives_within: int
    segments: Sequence[str]
    evaluation: EvaluationRules
    performance: PerformanceRules
    policy_drop: float | None

    @property
    def longest(self) -> int:
        """Partitions before that of a report whose predictions it may be about, and its own."""
        return LENGTHS[-1] * self.window + self.arrives_within

    def ends(self, day: str) -> list[str]:
        """The partitions that a window may end with, the newest first."""
        return [self.calendar.shifted(day, -back) for back in range(self.arrives_within + 1)]

    def windows(self, last: str) -> list[str]:
        """First partition of each window that ends with a partition, the shortest first."""
        return [self.calendar.shifted(last, 1 - each * self.window) for each in LENGTHS]

    def main(self, specification: ModelSpecification) -> str:
        """The main metric."""
        return self.evaluation.of_task(specification.task)[0]

    def drop(self, is_main: bool, at_release: float) -> float:
        """By how much a metric may be worse than at release."""
        if is_main and (limit := self.performance.drop or self.policy_drop):
            return limit
        return abs(at_release) * USUAL_DROP
