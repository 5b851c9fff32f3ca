"""One model pipeline as its ``defs.yaml`` says it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from ml_assets.cadence import as_day, shifted
from ml_assets.configuration.names import meant
from ml_assets.content import DAY
from ml_assets.learning.dataset import DatasetSpecification, Windows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.specification import ModelSpecification, Task, estimators_of
from ml_assets.monitoring.drift import MIN_ROWS
from ml_assets.registry.integration import StagingRules
from ml_assets.release.rules import ReleaseRules

FIRST_YEAR, LAST_YEAR = "1900", "2199"
MAX_DAYS = 3660
"""Ten years: a longer window is a typing error."""


def _is_day(text: str) -> str:
    if as_day(text) != text or not FIRST_YEAR <= text[:4] <= LAST_YEAR:
        raise ValueError(f"'{text}' is not a day, expected for example '2013-01-31'")
    return text


def _is_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        raise ValueError(
            f"'{name}' is no time zone, expected for example 'Europe/Berlin'"
        ) from None


Day = Annotated[str, AfterValidator(_is_day)]
Zone = Annotated[str, AfterValidator(_is_zone)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A column, or the first part of asset keys."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")]
"""An asset key, ``pipeline/noun``."""
DottedPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
"""A dotted path, ``package.module.Name``."""
Owner = Annotated[
    str, StringConstraints(pattern=r"^(team:[\w.-]+|[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,})$")
]
"""``team:name`` or an e-mail address, as Dagster has them."""
NumberOfDays = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]
DaysOrNone = Annotated[int, Field(strict=True, ge=0, le=MAX_DAYS)]


class Section(BaseModel, extra="forbid", frozen=True):
    """A part of a ``defs.yaml``; unknown keys are refused."""


class Days(Section):
    """The days a table has.

    Attributes:
        first: first local day.
        last: last local day; open when omitted.
        timezone: IANA zone whose midnights bound the days.
    """

    first: Day
    last: Day | None = None
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last ({self.last}) lies before first ({self.first})")
        return self


class Labels(Section):
    """Where labels come from.

    Attributes:
        asset: asset key of the label table.
        column: the label.
        known_at: column that says when it was known.
        day: column with the day of the row it belongs to, where that is not the label's own
            partition: an outcome may be stored days later.
        delay_days: days that a label takes from there to here.
        arrive_within_days: days after ``delay_days`` by which each label has arrived.
    """

    asset: Key
    column: Name
    known_at: Name = "known_at"
    day: Name = DAY
    delay_days: DaysOrNone = 0
    arrive_within_days: DaysOrNone = 3

    @property
    def within_days(self) -> int:
        """Days after its prediction by which each label has arrived."""
        return self.delay_days + self.arrive_within_days


class Estimator(Section):
    """The model; see ``ModelSpecification``."""

    task: Task
    path: Annotated[str, StringConstraints(pattern=r"^sklearn(\.\w+)+$")]
    numeric: tuple[Name, ...] = ()
    categorical: tuple[Name, ...] = ()
    hyperparameters: dict[str, Any] = {}
    checkpoint_every: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        module, _, estimator = self.path.rpartition(".")
        if estimator not in (offered := estimators_of(module)):
            raise ValueError(f"{module} has no {estimator}.{meant(estimator, offered)}")
        names = [*self.numeric, *self.categorical]
        if not names:
            raise ValueError("no feature is named in 'numeric' or 'categorical'")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"{', '.join(twice)} is named more than once in 'numeric' and 'categorical'"
            )
        return self


class Contracts(Section):
    """Dotted paths of the contracts whose columns are the pipeline's own."""

    training_dataset: DottedPath
    predictions: DottedPath
    labels: DottedPath


class Monitoring(Section):
    """How features are monitored.

    Attributes:
        window_days: days that a drift report spans.
        groups: group → its features; features of none are in the group 'other'.
        policy: the retraining policy: a file's path, or the name of a file of the folder
            ``policies`` beside the ``defs.yaml``.
        min_rows: rows that a window needs before a feature counts as drifted, and values that the
            feature needs in it for its distance to count; about half of a usual day.
    """

    window_days: NumberOfDays
    groups: Mapping[Literal["structural", "environment"], tuple[Name, ...]]
    policy: str = Field(min_length=1)
    min_rows: int = Field(MIN_ROWS, ge=1)

    def policy_file(self, folder: Path) -> Path:
        """The file of the policy, for a ``defs.yaml`` in a folder."""
        if self.policy.endswith(".yaml"):
            return folder / self.policy
        return folder / "policies" / f"{self.policy}.yaml"


class Card(Section):
    """What a model card says that no asset knows.

    Attributes:
        purpose: what the model is for, in whole sentences.
        limits: what it is not for and not good at, a sentence each.
    """

    purpose: str = Field(min_length=1)
    limits: tuple[str, ...]


class PipelineConfiguration(Section):
    """A model pipeline.

    Attributes:
        pipeline: first part of the asset keys.
        owners: ``team:…`` names.
        days: daily partitions of features, predictions and monitoring.
        as_of_days: the as-of days there are.
        features: asset key of the feature table.
        labels: where labels come from.
        key: columns that identify a row in both.
        segments: columns whose values are judged one by one, at least one.
        contracts: contracts of the tables that carry the pipeline's own columns.
        window_days: days looked back on in all when training.
        validation_days: days before the test window, never fitted.
        test_days: last days before the as-of day, never fitted.
        max_missing_days_share: share of the days looked back on that may be quarantined, skipped
            or otherwise not usable when training. A table with rows on weekdays only misses 29 %.
        estimator: what is fitted.
        evaluation: what is measured, see ``EvaluationRules``.
        release: what a challenger has to show, see ``ReleaseRules``.
        staging: budgets of the integration tests, see ``StagingRules``.
        card: what the model card says that no asset knows.
        monitoring: how features are monitored and when to retrain.
    """

    pipeline: Name
    owners: tuple[Owner, ...] = Field(min_length=1)
    days: Days
    as_of_days: Days
    features: Key
    labels: Labels
    key: tuple[Name, ...] = Field(min_length=1)
    segments: tuple[Name, ...] = Field(min_length=1)
    contracts: Contracts
    window_days: NumberOfDays
    validation_days: DaysOrNone
    test_days: NumberOfDays
    estimator: Estimator
    monitoring: Monitoring
    release: ReleaseRules
    card: Card
    max_missing_days_share: float = Field(0.3, ge=0, lt=1)
    evaluation: EvaluationRules = EvaluationRules()
    staging: StagingRules = StagingRules()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        held_out = self.windows.held_out_days
        if held_out >= self.window_days:
            raise ValueError(
                f"window_days ({self.window_days}) leaves no day to fit on: validation_days, "
                f"test_days and labels.delay_days take {held_out}"
            )
        if self.as_of_days.last is not None and self.as_of_days.last <= self.days.first:
            raise ValueError(
                f"as_of_days ends on {self.as_of_days.last}, and no day lies before that: days begins "
                f"on {self.days.first}"
            )
        if self.days.last is not None and self.as_of_days.first > shifted(self.days.last, MAX_DAYS):
            raise ValueError(
                f"as_of_days begins on {self.as_of_days.first}, long after the last of days, "
                f"{self.days.last}"
            )
        for name in ("key", "segments"):
            names = getattr(self, name)
            if len({*names}) < len(names):
                raise ValueError(f"{name} names a column more than once")
        if self.days.timezone != self.as_of_days.timezone:
            raise ValueError(
                f"days and as_of_days have other time zones: {self.days.timezone} and "
                f"{self.as_of_days.timezone}"
            )
        grouped = [name for names in self.monitoring.groups.values() for name in names]
        features = [*self.estimator.categorical, *self.estimator.numeric]
        if unknown := [name for name in grouped if name not in features]:
            raise ValueError(
                f"monitoring.groups names {', '.join(unknown)}, which are no features of the estimator"
            )
        if twice := sorted({name for name in grouped if grouped.count(name) > 1}):
            raise ValueError(f"monitoring.groups names {', '.join(twice)} more than once")
        return self

    @property
    def specification(self) -> ModelSpecification:
        """What is fitted."""
        return ModelSpecification(
            task=self.estimator.task,
            estimator=self.estimator.path,
            label=self.labels.column,
            numeric=self.estimator.numeric,
            categorical=self.estimator.categorical,
            hyperparameters=dict(sorted(self.estimator.hyperparameters.items())),
            checkpoint_every=self.estimator.checkpoint_every,
        )

    @property
    def windows(self) -> Windows:
        """How the days before an as-of day are used."""
        return Windows(
            self.window_days, self.validation_days, self.test_days, self.labels.delay_days
        )

    @property
    def dataset(self) -> DatasetSpecification:
        """How training datasets are made."""
        return DatasetSpecification(
            features=self.features,
            labels=self.labels.asset,
            key=self.key,
            label=self.labels.column,
            known_at=self.labels.known_at,
            timezone=self.as_of_days.timezone,
            windows=self.windows,
            contract=self.contracts.training_dataset,
        )

    @property
    def groups(self) -> dict[str, str]:
        """Feature → its monitoring group, of the features that have one."""
        return {name: group for group, names in self.monitoring.groups.items() for name in names}
