"""Configuration of a model: the attributes that all parts of a model pipeline share.

What a document leaves out is completed from its tables, see ``completion``.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from ml_assets.cadence import HOUR, Calendar, day_of, shifted
from ml_assets.configuration.days import CompletedDays, Days
from ml_assets.configuration.defaults import with_fitting_metrics, with_fitting_windows
from ml_assets.configuration.model_sections import Contracts
from ml_assets.configuration.objects import WITH
from ml_assets.configuration.sections import (
    Estimator,
    Key,
    Labels,
    Name,
    Owner,
    Section,
    may_lack,
)
from ml_assets.durations import (
    LONGEST,
    Duration,
    DurationOrNone,
    PositiveDuration,
    partitions,
)
from ml_assets.learning.dataset import DatasetSpecification, Windows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification

COMPLETED = ("days", "join_keys")
"""Attributes that ``documents`` takes from the feature table when a document omits them."""


def _omitting_completed(schema: dict[str, Any]) -> None:
    """Let a document omit what is completed: its schema is checked before that."""
    schema["required"] = [name for name in schema["required"] if name not in COMPLETED]


class ModelConfiguration(Section, json_schema_extra=may_lack("pipeline", "days", "join_keys")):
    """Attributes that all parts of a model pipeline share.

    Attributes:
        pipeline: first part of the asset keys; that of ``features`` when omitted.
        owners: ``team:…`` names.
        days: days of features, predictions and monitoring, and the cadence of their partitions.
        as_of_days: as-of days, at the same or a coarser cadence; by default from the first partition
            that leaves one to train on to the end of ``days``.
        features: asset key of the feature table.
        lead: time before the end of a partition at which its features can be computed; by default
            that of the feature table's inputs, and none for another kind of table.
        labels: the source of labels.
        join_keys: columns that identify a row in both tables.
        segments: columns whose values are evaluated separately.
        contracts: contracts of the tables with columns of this pipeline.
        estimator: the estimator and its features.
        window: total time before the as-of day in a training dataset.
        validation_window: time before the test window, not used for training.
        test_window: last time before the as-of day, not used for training.
        drift_window: time covered by a drift report, for which the reference is calibrated. Weeks and
            months have other default windows, see ``defaults``.
        evaluation: metrics, see ``EvaluationRules``.
        registry: whether released models are registered and staged; False in a backtest.
    """

    model_config = ConfigDict(json_schema_extra=_omitting_completed)

    pipeline: Name
    features: Key
    lead: DurationOrNone = Duration.parse("0d")
    labels: Labels
    estimator: Estimator
    days: CompletedDays
    as_of_days: Days | None = None
    join_keys: tuple[Name, ...] = Field(min_length=1)
    owners: tuple[Owner, ...] = ()
    segments: tuple[Name, ...] = ()
    contracts: Contracts = Contracts()
    window: PositiveDuration = Duration.parse("365d")
    validation_window: DurationOrNone = Duration.parse("7d")
    test_window: PositiveDuration = Duration.parse("28d")
    drift_window: PositiveDuration = Duration.parse("7d")
    evaluation: EvaluationRules = EvaluationRules()
    registry: bool = True

    @model_validator(mode="before")
    @classmethod
    def _fits_task_and_cadence(cls, values: Any) -> Any:
        return with_fitting_windows(with_fitting_metrics(values))

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._windows_fit()
        held_out = self.windows.held_out_days
        last = self.days.last
        if not self.as_of_days and last and self._first_as_of > shifted(last, 1):
            raise ValueError(
                f"days ({self.days.first} to {last}) leave no as-of day: validation_window, "
                f"test_window and labels.delay take {held_out} partitions"
            )
        if held_out >= self.windows.window_days:
            raise ValueError(
                f"window ({self.window.text}) leaves no day to train on: validation_window, "
                f"test_window and labels.delay take {held_out} partitions"
            )
        if self.as_ofs.last is not None and self.as_ofs.last <= self.days.first:
            raise ValueError(
                f"as_of_days ends on {self.as_ofs.last}, without a day before it: days begins on "
                f"{self.days.first}"
            )
        if self.days.last is not None and self.as_ofs.first > shifted(self.days.last, LONGEST.days):
            raise ValueError(
                f"as_of_days begins on {self.as_ofs.first}, long after the last of days, "
                f"{self.days.last}"
            )
        for name in ("join_keys", "segments"):
            names = getattr(self, name)
            if not names and name in self.model_fields_set:
                raise ValueError(f"{name} is empty: add a column, or remove the key")
            if len({*names}) < len(names):
                raise ValueError(f"{name} contains a column more than once")
        if self.days.timezone != self.as_ofs.timezone:
            raise ValueError(
                f"days and as_of_days have different time zones: {self.days.timezone} and "
                f"{self.as_ofs.timezone}"
            )
        if self.as_ofs.calendar.is_finer_than(self.days.calendar):
            raise ValueError(
                f"as_of_days are {self.as_ofs.cadence}, finer than days, which are "
                f"{self.days.cadence}: use the same cadence or a coarser one"
            )
        return self

    def _windows_fit(self) -> None:
        """Refuse durations that are no whole number of partitions.

        Raises:
            ValueError: one of them is not.
        """
        for name in ("window", "validation_window", "test_window"):
            partitions(self, name, self.as_of_calendar)
        for name in ("drift_window", "lead"):
            partitions(self, name, self.days.calendar)
        try:
            self.labels.arrives_within(self.days.calendar)
        except ValueError as error:
            raise ValueError(f"labels.{error}") from None

    @property
    def as_of_calendar(self) -> Calendar:
        """The partitions of as-of days."""
        return (self.as_of_days or self.days).calendar

    @property
    def as_ofs(self) -> Days:
        """The as-of days."""
        if self.as_of_days is not None:
            return self.as_of_days
        days, last = self.days, self.days.last_key
        if last is not None:
            _, end = days.calendar.bounds(days.calendar.shifted(last, 1))
            last = (end - timedelta(microseconds=1)).date().isoformat()
        return days.model_copy(update={"first": self._first_as_of, "last": last, "ahead": None})

    @property
    def _first_as_of(self) -> str:
        """The first day on which an as-of partition begins that leaves a partition to train on."""
        key = self.days.calendar.shifted(self.days.first_key, self.windows.held_out_days + 1)
        return (
            day_of(key)
            if self.days.calendar.first_of(day_of(key)) == key
            else shifted(day_of(key), 1)
        )

    @property
    def dataset(self) -> DatasetSpecification:
        """Specification of training datasets."""
        named = self.contracts
        derived = f"{named.features}{WITH}{named.outcomes}"
        return DatasetSpecification(
            features=self.features,
            labels=self.labels.asset,
            key=self.join_keys,
            label=self.labels.column,
            known_at=self.labels.known_at,
            timezone=self.as_ofs.timezone,
            cadence=self.as_ofs.cadence,
            label_delay_hours=self.labels.delay.longest // HOUR,
            windows=self.windows,
            contract=named.training_dataset or derived,
            classes=self.estimator.classes,
        )

    @property
    def specification(self) -> ModelSpecification:
        """Specification of the model."""
        return replace(self.estimator.specification, label=self.labels.column)

    @property
    def lead_partitions(self) -> int:
        """Number of partitions before the end of one at which its features can be computed."""
        return partitions(self, "lead", self.days.calendar)

    @property
    def drift_partitions(self) -> int:
        """Number of partitions of a drift report."""
        return partitions(self, "drift_window", self.days.calendar)

    @property
    def windows(self) -> Windows:
        """Windows before an as-of day, in partitions of as-of days."""
        calendar = self.as_of_calendar
        return Windows(
            partitions(self, "window", calendar),
            partitions(self, "validation_window", calendar),
            partitions(self, "test_window", calendar),
            calendar.covering(self.labels.delay.longest),
        )
