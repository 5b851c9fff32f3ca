"""What a challenger has to show before it replaces the champion, as ``defs.yaml`` says it."""

from typing import Literal

from pydantic import BaseModel, Field


class ReleaseRules(BaseModel, extra="forbid", frozen=True):
    """The limits of the gates. None of them can be turned off, and none made a warning.

    Attributes:
        gated_attribute: column whose groups must not be treated too differently.
        max_group_gap: largest allowed gap between groups: of true- and false-positive rates, or
            for a regression of mean absolute errors, relative to that of all rows.
        max_gap_above_champion: by how much a gap may exceed the champion's on the same rows.
        min_improvement: relative improvement of the main metric that is required.
        segment_rule: 'interval' blocks a segment whose paired interval lies below the tolerance;
            'literal' blocks one whose metric fell by anything at all.
        segment_tolerance: by how much the main metric of a segment may fall ('interval').
        min_segment_rows: a segment or group with fewer test rows, or with rows on fewer days than
            an interval needs, is listed and not judged.
    """

    gated_attribute: str = Field(min_length=1)
    max_group_gap: float = Field(0.2, gt=0, le=0.5)
    max_gap_above_champion: float = Field(0.03, gt=0, le=0.2)
    min_improvement: float = Field(0.005, gt=0)
    segment_rule: Literal["interval", "literal"] = "interval"
    segment_tolerance: float = Field(0.01, ge=0, le=0.2)
    min_segment_rows: int = Field(500, ge=30, le=1000)
