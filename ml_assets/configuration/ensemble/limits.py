"""The section ``prediction_limits`` of an ensemble: what a day of predictions has to be to be published."""

from typing import Literal

from pydantic import Field

from ml_assets.configuration.sections import Name, Section
from ml_assets.durations import Duration, PositiveDuration


class PredictionLimits(Section):
    """Limits of all predictions of a day together.

    Attributes:
        max_refused_share: largest share of rows that are refused, 0 to 1.
        max_rule_share: rule → largest share of the rows that it applies to, 0 to 1.
        max_distance: largest KS distance of the predictions from those of the days before, 0 to 1;
            without one, they are not compared.
        compared_with: time before a day whose predictions it is compared with.
        otherwise: a day outside the limits is quarantined, or predicted by the last champion before
            this one whose predictions keep them.
    """

    max_refused_share: float = Field(0.05, ge=0, le=1)
    max_rule_share: dict[Name, float] = {}
    max_distance: float | None = Field(None, gt=0, le=1)
    compared_with: PositiveDuration = Duration.parse("7d")
    otherwise: Literal["quarantine", "last_champion"] = "quarantine"
