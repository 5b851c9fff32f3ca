"""Plan of one backtest: pipeline, days, policy and folder."""

from dataclasses import dataclass
from pathlib import Path

from ml_assets.cadence import Cadence
from ml_assets.configuration.documents import DEFS
from ml_assets.configuration.models import pipeline
from ml_assets.errors import ConfigurationError
from ml_assets.settings import settings


@dataclass(frozen=True)
class BacktestPlan:
    """Plan of one backtest.

    Attributes:
        pipeline: first part of the asset keys.
        start: first scored day.
        end: last scored day.
        step_days: days between two decisions; None for one at the end of each calendar month.
        policy: name of one of the pipeline's policies, or a path.
        label_delay_days: replaces the value of ``defs.yaml``; None to keep it.
        in_project: whether to replay in the project itself instead of a folder of its own.
    """

    pipeline: str
    start: str
    end: str
    step_days: int | None
    policy: str
    label_delay_days: int | None = None
    in_project: bool = False

    @property
    def policy_file(self) -> Path:
        """The file of the policy.

        Raises:
            ConfigurationError: there is no such pipeline, policy of it, or file.
        """
        own = DEFS / self.pipeline / "policies"
        if not own.is_dir():
            raise ConfigurationError(
                f"There is no pipeline '{self.pipeline}' with retraining policies. Expected one of "
                f"{', '.join(sorted(folder.parent.name for folder in DEFS.glob('*/policies')))}."
            )
        for candidate in (own / f"{self.policy}.yaml", Path(self.policy)):
            if candidate.is_file():
                return candidate.absolute()
        known = ", ".join(sorted(file.stem for file in own.glob("*.yaml"))) or "none"
        raise ConfigurationError(
            f"'{self.policy}' is neither a policy of {self.pipeline} ({known}) nor an existing "
            "file. Give the name of a policy or the path of a YAML file."
        )

    def refuse_other_cadences(self) -> None:
        """Refuse a pipeline that is not daily.

        Raises:
            ConfigurationError: its partitions are not days, or there is no such pipeline.
        """
        cadence = pipeline(self.pipeline).days.cadence
        if cadence is not Cadence.DAILY:
            raise ConfigurationError(
                f"{self.pipeline} is {cadence}, but only daily pipelines can be replayed. Try its "
                "policies in a copy of the data folder: materialize its partitions one after the other."
            )

    @property
    def name(self) -> str:
        """Name of the plan in tables."""
        delay = "" if self.label_delay_days is None else f", labels {self.label_delay_days} d late"
        return f"{self.policy_file.stem}{delay}"

    @property
    def folder(self) -> Path:
        """Folder of the result, to which the backtest also writes unless it runs in the project."""
        place = "project-" if self.in_project else ""
        delay = "" if self.label_delay_days is None else f"-delay-{self.label_delay_days}"
        name = f"{place}{self.policy_file.stem}{delay}"
        return settings().data / "backtests" / self.pipeline / name
