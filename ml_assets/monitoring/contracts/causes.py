"""Contract of the likely causes of breaches.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, computed

BREACHED = [
    f"performance_report.{column}"
    for column in ("is_breached", "segment_column", "segment", "metric")
]
"""Source columns of a breach."""
MOVED = [
    *BREACHED,
    "performance_report.window_first",
    "performance_report.window_last",
    "{counted}.{features}",
]


class LikelyCauses(Contract):
    """A source column that explains which features moved with a breach; none if no limit is broken."""

    segment_column: str = computed("Segment column of the breach.", BREACHED)
    segment: str = computed("Segment of the breach.", BREACHED)
    metric: str = computed("Metric whose limit is broken.", BREACHED)
    rank: int = computed("Rank of the cause; 1 explains most.", MOVED, ge=1)
    is_likely: bool = computed("Whether it is strong enough to be named.", MOVED)
    feature: str = computed("Feature made from the column that moved most.", MOVED)
    ratio: float = computed(
        "Distance of the feature's window from the weeks before it, divided by the greatest usual one.",
        MOVED,
        ge=0,
    )
    since: str = computed("First partition that moved.", MOVED)
    columns: str = computed(
        "The source column, and those that the same features are made from, a JSON list.", MOVED
    )
    strength: float = computed(
        "Agreement of what moved with what is made from the column, times the logarithm of the ratio.",
        MOVED,
        ge=0,
    )
    usual_strength: float = computed(
        "Strength that the first causes of nine in ten windows of the last five months do not exceed.",
        MOVED,
        ge=0,
    )

    class Config:
        """Most days have no breach."""

        unique: ClassVar = ["segment_column", "segment", "metric", "rank"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}
