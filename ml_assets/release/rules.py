"""Rules for replacing the champion: the section ``release`` of ``defs.yaml``."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from ml_assets.errors import ConfigurationError
from ml_assets.learning.specification import Task

MAX_MARGIN = 0.05
"""Largest margin of a metric between 0 and 1. Of any metric: a tenth of the champion's value."""


class ReleaseRules(BaseModel, extra="forbid", frozen=True):
    """The limits of the gates. No gate can be disabled or turned into a warning.

    Attributes:
        sensitive_feature: column whose groups are compared; without one, fairness is not judged, and
            the reason of the decision contains that.
        max_group_gap: largest gap between groups: of true- and false-positive rates, of accuracies
            for a multiclass task, or for a regression of mean absolute errors, relative to that of
            all rows. A larger gap blocks and cannot be approved; a gap whose interval exceeds the
            limit awaits approval.
        max_gap_above_champion: by how much a gap may exceed the champion's on the same rows.
        rule: requirement on the paired interval of the main metric's gain. 'superior': it is above
            0. 'non_inferior': it is above -``margin``, for a model with newer data than the
            champion. 'literal': the gain is at least ``min_relative_improvement``; the interval is ignored.
            A first model has to be superior to the base rate under every rule.
        margin: by how much the main metric may be worse, in its unit; for 'non_inferior' only.
        min_relative_improvement: relative improvement of the main metric for 'literal'.
        segment_rule: 'interval' blocks if the paired interval of a segment is below
            -``segment_tolerance``; 'literal' blocks on any loss.
        segment_tolerance: by how much the main metric of a segment may fall ('interval').
        min_segment_rows: a segment or group with fewer test rows, or with rows on fewer days than
            an interval needs, is listed and not judged.
        max_unjudged_share: largest share of the test rows in segments (of each segment column) or
            groups that cannot be judged: too small, or with almost only one label.
    """

    sensitive_feature: str | None = Field(None, min_length=1)
    max_group_gap: float = Field(0.2, gt=0, le=0.5)
    max_gap_above_champion: float = Field(0.03, gt=0, le=0.2)
    rule: Literal["superior", "non_inferior", "literal"] = "superior"
    margin: float | None = Field(None, gt=0, allow_inf_nan=False)
    min_relative_improvement: float = Field(0.005, gt=0, allow_inf_nan=False)
    segment_rule: Literal["interval", "literal"] = "interval"
    segment_tolerance: float = Field(0.01, ge=0, le=0.2)
    min_segment_rows: int = Field(500, ge=30, le=1000)
    max_unjudged_share: float = Field(0.1, ge=0, le=0.5)

    @model_validator(mode="after")
    def _refuse_null_attribute(self) -> Self:
        if self.sensitive_feature is None and "sensitive_feature" in self.model_fields_set:
            raise ValueError(
                "sensitive_feature is null: name a column, or omit the key if fairness is not to be "
                "judged"
            )
        return self

    @model_validator(mode="after")
    def _check_margin_and_rule(self) -> Self:
        if (self.rule == "non_inferior") != (self.margin is not None):
            raise ValueError(
                "rule 'non_inferior' needs a margin, in units of the main metric"
                if self.margin is None
                else f"margin is for rule 'non_inferior' and has no effect with '{self.rule}'"
            )
        return self

    def check(self, task: Task) -> None:
        """Check the limits that depend on the task.

        Raises:
            ConfigurationError: with this margin, any model would pass.
        """
        if task == "classification" and self.margin is not None and self.margin > MAX_MARGIN:
            raise ConfigurationError(
                f"'margin' of 'release' in defs.yaml is {self.margin:g}. The metrics of a "
                f"classification lie between 0 and 1: expected at most {MAX_MARGIN:g}."
            )
